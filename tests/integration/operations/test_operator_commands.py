"""What an operator types, against a ledger with doors: each act needs a reason, and says what it did."""

from __future__ import annotations

import json

import pytest

from ledger.cli import main
from ledger.cli.talk import Talk, Where
from operations_ledger import ledger_in_a_thread

SETUP = (
    {"type": "DefineStrategy", "strategy_id": "S1", "account": "ACC"},
    {"type": "DefineInstrument", "symbol": "AAPL", "exchange": "XNAS"},
)
FILL = {
    "type": "ReportFill",
    "source": "gw",
    "source_epoch": 1,
    "symbol": "AAPL",
    "exchange": "XNAS",
    "client_order_id": "unknown",
    "trade_date": "2026-11-20",
    "side": "BUY",
    "px": "10",
    "account": "ACC",
}


@pytest.fixture
def ledger(tmp_path):
    import uuid_utils

    with ledger_in_a_thread(tmp_path):
        with Talk(Where(data=tmp_path)) as talk:
            commands = [{"command_id": str(uuid_utils.uuid7()), **each} for each in SETUP]
            assert [each["type"] for each in talk.send("commands", commands)] == ["Committed"] * 2
            fills = [{**FILL, "source_seq": 1, "execution_id": "x1", "qty": "40"}]
            assert [each["type"] for each in talk.send("reports", fills)] == ["Committed"]
        yield tmp_path


def typed(capsys, ledger, *words: str) -> tuple[int, str, str]:
    code = main([*words, "--data", str(ledger)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_transfer_moves_a_position_and_says_so(capsys, ledger) -> None:
    code, out, _ = typed(
        capsys, ledger, "transfer", "_UNALLOCATED", "S1", "AAPL", "40", "--px", "10", "--reason", "it is ours"
    )
    assert code == 0
    assert out.startswith("moved 40 AAPL from _UNALLOCATED to S1 at 10 because: it is ours, at trading/0:")
    with Talk(Where(data=ledger)) as talk:
        assert {row["strategy_id"]: row["qty"] for row in talk.rows("positions")} == {
            "_UNALLOCATED": "0",
            "S1": "40",
        }


def test_an_adjustment_names_who_approved_it(capsys, ledger) -> None:
    words = ("adjust", "S1", "AAPL", "--kind", "MANUAL", "--dcash", "-1.5", "--reason", "late fee")
    code, out, _ = typed(capsys, ledger, *words, "--approver", "bob")
    assert code == 0
    assert "cash -1.5 (MANUAL, approved by bob) because: late fee" in out
    code, _, err = typed(capsys, ledger, *words, "--approver", "")
    assert code == 2
    assert "APPROVER_REQUIRED" in err


@pytest.mark.parametrize(
    "words",
    [
        ("transfer", "_UNALLOCATED", "S1", "AAPL", "40", "--px", "10"),
        ("adjust", "S1", "AAPL", "--kind", "MANUAL", "--approver", "bob", "--dcash", "1"),
        ("anomalies", "close", "trading/0:4"),
        ("entity", "release", "order", "AAPL/c1"),
        ("confirm",),
    ],
)
def test_nothing_is_done_without_a_reason(capsys, monkeypatch, ledger, words) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, out, err = typed(capsys, ledger, *words)
    assert (code, out) == (2, "")
    assert 'add --reason "why"' in err


def test_a_case_is_closed_by_its_place(capsys, ledger) -> None:
    with Talk(Where(data=ledger)) as talk:
        (case,) = talk.rows("anomalies", open="true")
        code, out, _ = typed(capsys, ledger, "anomalies", "close", case["place"], "--reason", "allocated")
        assert code == 0
        assert f"closed the case at {case['place']} because: allocated" in out
        assert list(talk.rows("anomalies", open="true")) == []
    code, _, err = typed(capsys, ledger, "anomalies", "close", "12", "--reason", "r")
    assert code == 2
    assert "is not a place" in err


def test_only_what_is_set_aside_can_be_released(capsys, ledger) -> None:
    code, _, err = typed(capsys, ledger, "entity", "release", "order", "AAPL/c1", "--reason", "r")
    assert code == 2
    assert "is not set aside" in err


def test_a_recovery_is_confirmed(capsys, ledger) -> None:
    code, out, _ = typed(capsys, ledger, "confirm", "--reason", "compared")
    assert code == 0
    assert out.startswith("confirmed because: compared, at trading/0:")


def test_why_position_tells_the_fill_and_the_transfer(capsys, ledger) -> None:
    typed(capsys, ledger, "transfer", "_UNALLOCATED", "S1", "AAPL", "15", "--px", "11", "--reason", "ours")
    code, out, _ = typed(capsys, ledger, "why", "position", "_UNALLOCATED", "AAPL", "--json")
    assert code == 0
    told = [json.loads(line) for line in out.splitlines()]
    assert [each["event"]["type"] for each in told] == [
        "OrderFilled",
        "AnomalyRecorded",
        "PositionTransferred",
    ]
    assert told[2]["changed"]["qty"] == ["40", "25"]
    assert told[2]["event"]["reason"] == "ours"
