"""The small parts of the core: exact numbers, parking, status, the registry, the order in which rows are merged."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.config import load
from ledger.errors import Rejected
from ledger.projections import Parking, Row, registry
from ledger.projections.audit import compare
from ledger.projections.exact import average, exact, fees_text, utc_time
from ledger.projections.parking import KEPT
from ledger.projections.status import JournalStatus, Status, read_status, status_rows, write_status


def test_numbers_are_exact_whatever_their_size() -> None:
    assert exact(2**63 * 10**30 + 1, 40) == Decimal(f"{2**63 * 10**30 + 1}e-40")
    assert exact(-5, 0) == -5
    assert average((100_001, 3), 4) == Decimal("3.333366666667")
    assert average(None, 4) is None
    assert fees_text((("USD", -150_000_000), ("BTC", 1))) == '{"BTC":"0.00000001","USD":"-1.5"}'


def test_times_are_utc_and_cut_to_microseconds_never_rounded_up() -> None:
    assert utc_time(1_763_650_000_123_456_999) == datetime(2025, 11, 20, 14, 46, 40, 123456, tzinfo=UTC)


def test_what_is_parked_survives_a_restart_and_leaves_once_it_went_through(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    parking = Parking(path)
    parking.park("order AAPL/c1", 7, "too long")
    parking.park("order AAPL/c2", 8, "too long")
    parking.save()
    again = Parking(path)
    assert [(each.what, each.seq) for each in again.all()] == [("order AAPL/c1", 7), ("order AAPL/c2", 8)]
    again.release("order AAPL/c1")
    again.save()
    assert [each.what for each in Parking(path).all()] == ["order AAPL/c2"]


def test_parking_is_bounded_and_counts_what_it_does_not_keep() -> None:
    parking = Parking()
    for number in range(KEPT + 3):
        parking.park(f"order {number}", number, "x")
    assert (len(parking), parking.dropped) == (KEPT, 3)


def status(**more) -> Status:
    given = {
        "name": "postgres", "partition": 0, "pid": os.getpid(), "state": "following", "lineage": "x",
        "journals": (JournalStatus("trading", 1, 5, 9, 4, 0.5),), "events": 1, "rows": 1, "events_per_s": 0.0,
        "parked": 0, "rewinds": 0, "retries": 0, "error": "", "updated_at_ns": time.time_ns(),
    }  # fmt: skip
    return Status(**{**given, **more})


def test_a_status_that_nobody_keeps_fresh_is_of_a_projector_that_is_gone(tmp_path: Path) -> None:
    assert read_status(tmp_path, "postgres") is None
    write_status(tmp_path, status())
    assert status_rows(tmp_path)[0]["state"] == "following"
    write_status(tmp_path, status(updated_at_ns=time.time_ns() - 60 * 10**9))
    assert status_rows(tmp_path)[0]["state"] == "gone"
    write_status(tmp_path, status(state="refused", updated_at_ns=0))
    assert status_rows(tmp_path)[0]["state"] == "refused"


def test_projections_are_those_switched_on_and_those_of_ones_own() -> None:
    own = 'projections.own=["mine=my.module"]'
    assert registry.enabled(load().settings) == []
    assert registry.enabled(load(None, [own]).settings) == ["mine"]
    assert registry.enabled(load(None, ["projections.postgres.enabled=true"]).settings) == ["postgres"]
    with pytest.raises(Rejected, match="NAME=MODULE"):
        registry.enabled(load(None, ['projections.own=["postgres=my.module"]']).settings)
    with pytest.raises(Rejected, match="importable"):
        registry.make(load(None, [own]).settings, "mine", 0)
    with pytest.raises(Rejected, match="there is no projection 'other'"):
        registry.make(load().settings, "other", 0)


def test_a_comparison_names_missing_surplus_and_every_column_that_differs() -> None:
    wanted = {("t", (key,)): Row("t", (key,), 1, (key, "x")) for key in (1, 2, 3)}
    found = [Row("t", (2,), 1, (2, "y")), Row("t", (3,), 2, (3, "x")), Row("t", (4,), 1, (4, "x"))]
    differences, mending = compare(wanted, iter(found), lambda _table: ("number", "text"))
    assert [str(each) for each in differences] == [
        "t 1: missing",
        "t 2: text is y, the journal says x",
        "t 3: version is 2, the journal says 1",
        "t 4: surplus",
    ]
    assert set(mending) == {("t", (1,)), ("t", (2,)), ("t", (3,))}
