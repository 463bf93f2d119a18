"""kill, limits and cancel with a scope, as an operator types them to a running ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from ledger.cli import main
from ledger.cli.options import Where
from ledger.cli.talk import Talk
from served_engine import served


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Path]:
    with served(tmp_path / "data") as directory:
        defined = [
            {
                "type": "DefineInstrument",
                "symbol": "AAPL",
                "exchange": "XNAS",
                "price_scale": 2,
                "tick": "0.01",
            },
            {"type": "DefineStrategy", "strategy_id": "S1", "account": "A1"},
            {"type": "DefineStrategy", "strategy_id": "S2", "account": "A1"},
        ]
        assert {answer["type"] for answer in told(directory, *defined)} == {"Committed"}
        yield directory


def told(directory: Path, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    with Talk(Where(data=directory)) as talk:
        ids = [{"command_id": str(uuid_utils.uuid7()), **command} for command in commands]
        return list(talk.send("commands", ids))


def order(client_order_id: str, strategy: str = "S1", **more: str) -> dict[str, Any]:
    return {
        "type": "SubmitOrder",
        "client_order_id": client_order_id,
        "strategy_id": strategy,
        "symbol": "AAPL",
        "exchange": "XNAS",
        "side": "BUY",
        "order_type": "LIMIT",
        "qty": "10",
        "px": "100.5",
        **more,
    }


def typed(directory: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main([*words, "--data", str(directory)])
    out, err = capsys.readouterr()
    return code, out, err


def test_an_operator_kills_a_strategy_sees_it_and_lets_it_go(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(ledger, order("a"), order("b"), order("c", "S2"))
    code, out, _ = typed(ledger, capsys, "kill", "engage", "--strategy", "S1", "--reason", "runaway")
    assert code == 0
    assert "kill switch of strategy S1 engaged at trading/0:" in out
    assert "because: runaway" in out
    assert "2 cancels asked for; new orders of strategy S1 are refused" in out
    refused, passes = told(ledger, order("d"), order("e", "S2"))
    assert (refused["code"], refused["name"], passes["type"]) == (40, "KILL_SWITCH", "Committed")

    code, out, _ = typed(ledger, capsys, "kill", "status", "--json")
    (kill,) = json.loads(out)["kills"]
    assert (code, kill["engaged"], kill["cancels"], kill["reason"]) == (0, True, 2, "runaway")

    code, out, _ = typed(ledger, capsys, "kill", "release", kill["engagement"], "--reason", "mended")
    assert (code, "none is engaged" in out) == (0, True)
    assert told(ledger, order("f"))[0]["type"] == "Committed"
    code, out, _ = typed(ledger, capsys, "kill", "status")
    assert out.splitlines()[-1] == "none is engaged"


@pytest.mark.parametrize(
    "words",
    [
        ("kill", "engage", "--all"),
        ("kill", "engage", "--reason", "why"),
        ("kill", "engage", "--all", "--strategy", "S1", "--reason", "why"),
        ("kill", "release", "nonsense", "--reason", "why"),
        ("limits", "set", "--all", "--reason", "why"),
        ("limits", "set", "--all", "--max-open-orders", "many", "--reason", "why"),
        ("limits", "set", "--all", "--max-open-orders", "3"),
        ("limits", "set", "--strategy", "S9", "--max-open-orders", "3", "--reason", "why"),
        ("cancel", "--all"),
        ("cancel", "--all", "--open", "--reason", "why"),
        ("cancel", "--reason", "why"),
    ],
)
def test_what_cannot_be_meant_or_says_no_reason_is_refused_in_one_line(
    ledger: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, err = typed(ledger, capsys, *words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_limits_are_changed_one_by_one_and_shown_with_what_is_used(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(ledger, order("a"))
    words = ("limits", "set", "--strategy", "S1", "--reason", "new desk")
    code, out, _ = typed(ledger, capsys, *words, "--max-open-orders", "2", "--max-order-qty", "10.5")
    assert code == 0
    assert out.splitlines()[:2] == [
        "max_order_qty of strategy S1: none -> 10.5",
        "max_open_orders of strategy S1: none -> 2",
    ]
    assert "because: new desk" in out
    over, _, full = told(ledger, order("b", qty="11"), order("c"), order("d"))
    assert (over["code"], full["code"]) == (44, 47)

    code, out, _ = typed(ledger, capsys, *words, "--max-order-qty", "none")
    assert out.splitlines()[0] == "max_order_qty of strategy S1: 10.5 -> none"
    for words in (("limits", "show", "--json"), ("show", "limits", "--json")):
        code, out, _ = typed(ledger, capsys, *words)
        (row,) = json.loads(out)
        assert (code, row["max_open_orders"], row["max_order_qty"], row["open_orders"]) == (0, 2, None, 2)
    code, out, _ = typed(ledger, capsys, "limits", "show")
    assert "max_open_orders" in out


def test_a_limit_on_a_strategy_in_a_symbol_takes_both_options(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--strategy", "S1", "--symbol", "AAPL", "--max-position", "9", "--reason", "why")
    assert typed(ledger, capsys, "limits", "set", *words)[0] == 0
    ours, theirs = told(ledger, order("a"), order("b", "S2"))
    assert (ours["code"], theirs["type"]) == (46, "Committed")


def test_a_scope_is_canceled_as_one_mass_cancel(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(ledger, order("a"), order("b"), order("c", "S2"))
    code, out, _ = typed(ledger, capsys, "cancel", "--strategy", "S1", "--reason", "end of test")
    assert code == 0
    assert out.splitlines()[0].startswith("mass cancel of strategy S1 at trading/0:")
    assert out.splitlines()[1] == "2 cancels asked for"
    code, out, _ = typed(ledger, capsys, "cancel", "--all", "--reason", "end of test", "--json")
    answer = json.loads(out)
    assert (answer["type"], answer["cancels"], answer["complete"]) == ("Committed", 1, True)
    code, out, _ = typed(ledger, capsys, "show", "mass_cancels", "--json")
    assert [row["scope"] for row in json.loads(out)] == ["STRATEGY", "ALL"]


def test_control_commands_have_their_json_form_with_names_and_decimal_text(ledger: Path) -> None:
    limit = {"type": "SetRiskLimit", "scope": "FIRM", "px_collar": "0.05", "reason": "why"}
    number = {**limit, "px_collar": 0.05}
    unknown = {**limit, "scope": "DESK"}
    halt = {"type": "SetTradingState", "scope": "SYMBOL", "name": "AAPL", "state": "HALTED", "reason": "news"}
    taken, float_, nobody, halted = told(ledger, limit, number, unknown, halt)
    assert taken["type"] == halted["type"] == "Committed"
    assert (float_["code"], nobody["code"]) == (1, 1)
    assert "DESK" in nobody["detail"]
    (refused,) = told(ledger, order("a"))
    assert refused["name"] == "TRADING_HALTED"
    with Talk(Where(data=ledger)) as talk:
        (row,) = talk.rows("limits")
        (state,) = talk.rows("trading_states", scope="SYMBOL")
    assert (row["scope"], row["px_collar"]) == ("ALL", "0.05")
    assert (state["name"], state["state"], state["reason"]) == ("AAPL", "HALTED", "news")
