"""Every command, fact, event, code and severity of the domain specification exists here, with its fields and FIX reason.

The specification's tables stand as data in tests/vectors/domain_names.json, transcribed apart from the code.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ledger.codec import TAGS
from ledger.domain import codes
from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.codes import FIX_REASON, JOURNALED_FROM, Code
from ledger.domain.commands import COMMANDS, CancelOrder
from ledger.domain.control_commands import MassCancel
from ledger.domain.enums import Severity
from ledger.domain.events import EVENTS
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.domain.order_table import LEGAL

NAMES = json.loads((Path(__file__).parents[2] / "vectors" / "domain_names.json").read_text())
EVENT = {kind.__name__: kind for kind in EVENTS}
COMMAND = {kind.__name__: kind for kind in COMMANDS}
FACT = {kind.__name__: kind for kind in (*REPORTS, *MARKET_DATA)}
STAMPED = ("command_id", "actor", "received_at_ns")
"""Every command's event says which command it was, whose, and when it came."""
ALSO = {
    "MassCancelCompleted",
    "FactResumed",
    "BookOrderApplied",
    "MarketQuoted",
    "ControlTaken",
    "SnapshotRequested",
    "OrderStatusRequested",
    "OrderStatusAnswered",
    "FactAssigned",
}
"""Events beyond the specification's list, each with its reason in its docstring."""


def test_the_codes_are_the_specification_s_in_its_precedence() -> None:
    assert [(code.value, code.name) for code in Code] == [
        (number, name) for number, name, _ in NAMES["codes"]
    ]


@pytest.mark.parametrize(("number", "name", "reasons"), NAMES["codes"], ids=str)
def test_each_code_has_a_fix_reason_of_the_specification(number: int, name: str, reasons: list[str]) -> None:
    given = FIX_REASON.get(Code(number))
    assert (given in reasons) if reasons else (given is None)


def test_every_code_that_has_a_cause_is_given_somewhere() -> None:
    source = Path(codes.__file__).parents[1]
    said = "".join(path.read_text() for path in source.rglob("*.py") if path.name != "codes.py")
    assert [code.name for code in Code if not re.search(rf"Code\.{code.name}\b", said)] == ["UNKNOWN_BREAK"]


def test_codes_below_ten_are_never_journaled() -> None:
    assert JOURNALED_FROM == 10


def test_a_cancel_gets_no_code_but_those_that_the_specification_allows() -> None:
    may = {
        code.value
        for row in (LEGAL[CancelOrder],)
        for cell in row.values()
        for code in (cell.code, *cell.may)
        if isinstance(code, Code)
    }
    assert may <= set(NAMES["cancels_may_get"])
    assert MassCancel not in LEGAL, "a mass cancel meets no order: nothing refuses it"


@pytest.mark.parametrize(("name", "row"), NAMES["commands"].items())
def test_each_command_has_its_fields_and_an_event_that_keeps_them(name: str, row: list[str]) -> None:
    kind, event = COMMAND[name], EVENT[row[0]]
    fields = set(row[1].split())
    assert fields <= set(kind.__struct_fields__), "the command lacks fields"
    kept = set(event.__struct_fields__)
    assert {*STAMPED, *fields} <= kept, "the event lacks fields"
    assert TAGS[event.__struct_config__.tag] is event


def test_there_is_no_command_beyond_the_specification_s() -> None:
    assert set(COMMAND) == set(NAMES["commands"])


@pytest.mark.parametrize(("name", "row"), NAMES["facts"].items())
def test_each_fact_has_its_event_with_the_fields_of_the_specification(name: str, row: list[str]) -> None:
    event = EVENT[row[0]]
    assert set(row[1].split()) <= set(event.__struct_fields__)
    for field in ("source", "source_epoch", "source_seq"):
        assert field in FACT[name].__struct_fields__
        assert field in event.__struct_fields__
    assert "event_time_ns" in event.__struct_fields__


def test_every_event_of_the_specification_that_has_a_producer_exists() -> None:
    wanted = set(NAMES["events"]) - set(NAMES["no_producer_yet"])
    assert wanted - set(EVENT) == set()
    assert set(EVENT) - wanted == ALSO | {"MassCancelRequested"}
    assert set(NAMES["no_producer_yet"]) & set(EVENT) == set()


def test_every_report_that_closes_or_opens_says_whose_word_it_is() -> None:
    for name in ("OrderAccepted", "OrderFilled", "OrderCanceled", "FillBusted"):
        assert {"actor", "received_at_ns", "event_time_ns", "source"} <= set(EVENT[name].__struct_fields__)


@pytest.mark.parametrize("severity", Severity, ids=lambda it: it.name)
def test_each_anomaly_has_the_severity_of_the_specification(severity: Severity) -> None:
    for kind in NAMES["severities"][severity.name]:
        assert SEVERITY[Anomaly[kind]] is severity, kind
