"""The commands against a running ledger: define, send, show, cancel."""

from __future__ import annotations

import csv
import io
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from ledger.testing import Child

DESK = """
instruments:
- {symbol: SYM, exchange: NASDAQ, price_scale: 2, tick: 0.01}
strategies:
- {strategy_id: STRAT, account: A1}
"""


@pytest.fixture
def desk(shared: Child, typed: Any, tmp_path: Path) -> tuple[Path, str, str]:
    """(data directory, a symbol, a strategy) of this test alone, defined."""
    name = uuid.uuid4().hex[:8]
    file = tmp_path / "desk.yaml"
    file.write_text(DESK.replace("SYM", name).replace("STRAT", f"S-{name}"))
    typed.good("define", file, "--data", shared.data)
    return shared.data, name, f"S-{name}"


def order(symbol: str, strategy: str, client_order_id: str, **terms: str) -> dict[str, Any]:
    """A SubmitOrder as JSON."""
    return {
        "type": "SubmitOrder",
        "command_id": str(uuid_utils.uuid7()),
        "client_order_id": client_order_id,
        "strategy_id": strategy,
        "symbol": symbol,
        "exchange": "NASDAQ",
        "side": "BUY",
        "order_type": "LIMIT",
        "qty": "100",
        "px": "10.05",
    } | terms


def lines_file(tmp_path: Path, *messages: dict[str, Any]) -> Path:
    """A file of JSON lines."""
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return path


def sent(typed: Any, data: Path, tmp_path: Path, *messages: dict[str, Any]) -> tuple[int, list[Any]]:
    """(exit code, answers) of `ledger send`."""
    code, out, _ = typed("send", lines_file(tmp_path, *messages), "--data", data)
    return code, [json.loads(line) for line in out.splitlines()]


# ---- define ----------------------------------------------------------------------------------------------------


def test_define_may_be_run_again_and_says_what_it_did(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    again = typed.json("define", tmp_path / "desk.yaml", "--data", data)
    assert again == {"defined": [], "skipped": [symbol, strategy], "refused": []}
    (row,) = typed.json("show", "instruments", "--symbol", symbol, "--data", data)
    assert (row["tick"], row["lot"], row["exchange"]) == ("0.01", "1", "NASDAQ")


def test_define_changes_what_may_change_and_is_refused_what_may_not(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, _ = desk
    file = tmp_path / "changed.csv"
    file.write_text(f"symbol,exchange,price_scale,tick\n{symbol},NASDAQ,2,0.05\n")
    assert "changed" in typed.good("define", file, "--data", data)
    file.write_text(f"symbol,exchange,price_scale,tick\n{symbol},NASDAQ,3,0.05\n")
    code, _, err = typed("define", file, "--data", data)
    assert code == 2
    assert symbol in err
    (row,) = typed.json("show", "instruments", "--symbol", symbol, "--data", data)
    assert (row["price_scale"], row["tick"]) == (2, "0.05")


# ---- send ------------------------------------------------------------------------------------------------------


def test_send_prints_the_answers_in_order_and_a_repeat_is_the_first_answer(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    first = order(symbol, strategy, "c1")
    code, answers = sent(typed, data, tmp_path, first, order(symbol, strategy, "c2"), first)
    assert code == 0
    assert [answer["type"] for answer in answers] == ["Committed"] * 3
    assert [answer["repeated"] for answer in answers] == [False, False, True]
    assert answers[2]["place"] == answers[0]["place"]
    assert [row["client_order_id"] for row in _orders(typed, data, symbol)] == ["c1", "c2"]


def test_send_ends_with_2_if_any_was_refused_and_sends_the_rest(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    bad = order(symbol, strategy, "bad", px="10.055")
    code, answers = sent(typed, data, tmp_path, bad, order(symbol, strategy, "good"))
    assert code == 2
    assert [answer["type"] for answer in answers] == ["Rejected", "Committed"]
    assert answers[0]["name"] == "PX_NOT_TICK_MULTIPLE"


def test_send_takes_venue_facts_to_their_doors(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    head = {"source": f"gw-{symbol}", "source_epoch": 1, "symbol": symbol, "exchange": "NASDAQ"}
    fill = {
        "execution_id": "x1",
        "trade_date": "2026-11-20",
        "side": "BUY",
        "qty": "40",
        "px": "10.05",
        "fee": "0.02",
        "fee_ccy": "USD",
    }
    code, answers = sent(
        typed,
        data,
        tmp_path,
        order(symbol, strategy, "c1"),
        {"type": "ReportAccepted", "source_seq": 1, "client_order_id": "c1", **head},
        {"type": "ReportFill", "source_seq": 2, "client_order_id": "c1", **head, **fill},
        {"type": "MarketTrade", "source_seq": 1, **head, "px": "10.06", "qty": "5", "side": "BUY"},
    )
    assert code == 0, answers
    assert [answer["place"].partition("/")[0] for answer in answers] == ["trading"] * 3 + ["market"]
    position = typed.json("show", "position", symbol, "--strategy", strategy, "--data", data)
    assert (position["qty"], position["cost"], position["cash"]) == ("40", "402", "-402")
    assert position["fees"] == {"USD": "0.02"}
    (row,) = typed.json("show", "fills", "--symbol", symbol, "--data", data)
    assert (row["execution_id"], row["fee"], row["standing"]) == ("x1", "0.02", "EFFECTIVE")


def test_a_json_number_for_a_price_is_refused(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    code, answers = sent(typed, data, tmp_path, order(symbol, strategy, "c1") | {"px": 10.05})
    assert code == 2
    assert answers[0]["name"] == "MALFORMED"
    assert _orders(typed, data, symbol) == []


# ---- show ------------------------------------------------------------------------------------------------------


def _orders(typed: Any, data: Path, symbol: str, *more: str) -> list[dict[str, Any]]:
    return typed.json("show", "orders", "--symbol", symbol, "--data", data, *more)


def test_show_gives_the_same_orders_as_json_csv_and_table(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    sent(typed, data, tmp_path, *(order(symbol, strategy, f"c{number}") for number in range(3)))
    rows = _orders(typed, data, symbol)
    assert [row["client_order_id"] for row in rows] == ["c0", "c1", "c2"]
    text = typed.good("show", "orders", "--symbol", symbol, "--data", data, "--csv")
    assert [row["order_id"] for row in csv.DictReader(io.StringIO(text))] == [row["order_id"] for row in rows]
    table = typed.good("show", "orders", "--symbol", symbol, "--data", data).splitlines()
    assert len(table) == 4
    assert all("PENDING_NEW" in line for line in table[1:])


def test_one_order_is_found_by_either_of_its_ids(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    _, (answer,) = sent(typed, data, tmp_path, order(symbol, strategy, "c1"))
    by_order_id = typed.json("show", "order", answer["order_id"], "--data", data)
    by_client_id = typed.json("show", "order", "--symbol", symbol, "--client-order-id", "c1", "--data", data)
    assert by_order_id == by_client_id
    assert by_order_id["qty"] == "100"


def test_what_is_not_there_is_refused_with_where_to_look(desk: tuple[Path, str, str], typed: Any) -> None:
    data, _, _ = desk
    code, _, err = typed("show", "order", "0-999999", "--data", data)
    assert code == 2
    assert "show orders" in err
    code, _, err = typed("show", "book", "NOWHERE", "--data", data)
    assert code == 2
    assert "instruments" in err


def test_a_ledger_is_found_by_the_address_of_its_command_door(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, _ = desk
    endpoint = json.loads((data / "endpoints.json").read_text())["endpoints"]["commands"]
    rows = typed.json("show", "instruments", "--symbol", symbol, "--connect", endpoint.removeprefix("tcp://"))
    assert [row["symbol"] for row in rows] == [symbol]


def test_show_head_names_the_lineage_and_every_journal(shared: Child, typed: Any) -> None:
    head = typed.json("show", "head", "--data", shared.data)
    assert set(head["journals"]) == {"trading", "market"}
    (trading,) = head["journals"]["trading"]
    assert set(trading) >= {"partition", "epoch", "head", "settled", "digest", "recorded_at"}
    assert head["lineage"]


# ---- cancel ----------------------------------------------------------------------------------------------------


def test_cancel_asks_for_the_named_orders_and_echoes_them(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    _, answers = sent(typed, data, tmp_path, *(order(symbol, strategy, f"c{number}") for number in range(3)))
    out = typed.good("cancel", answers[0]["order_id"], "--reason", "a test", "--data", data)
    assert answers[0]["order_id"] in out
    assert "a test" in out
    typed.good("cancel", "c1", "--symbol", symbol, "--reason", "a test", "--data", data)
    statuses = {row["client_order_id"]: row["status"] for row in _orders(typed, data, symbol)}
    assert statuses == {"c0": "PENDING_CANCEL", "c1": "PENDING_CANCEL", "c2": "PENDING_NEW"}


def test_cancel_open_takes_every_open_order_of_the_filter_and_no_other(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    other = tmp_path / "other.yaml"
    other.write_text(f"strategies:\n- {{strategy_id: {strategy}-2, account: A1}}\n")
    typed.good("define", other, "--data", data)
    sent(typed, data, tmp_path, *(order(symbol, strategy, f"c{number}") for number in range(3)))
    sent(typed, data, tmp_path, order(symbol, f"{strategy}-2", "theirs"))
    typed.good("cancel", "--open", "--strategy", strategy, "--reason", "a test", "--data", data)
    statuses = {row["client_order_id"]: row["status"] for row in _orders(typed, data, symbol)}
    assert statuses.pop("theirs") == "PENDING_NEW"
    assert set(statuses.values()) == {"PENDING_CANCEL"}


def test_a_second_cancel_is_refused_by_the_ledger_with_exit_code_2(
    desk: tuple[Path, str, str], typed: Any, tmp_path: Path
) -> None:
    data, symbol, strategy = desk
    _, (answer,) = sent(typed, data, tmp_path, order(symbol, strategy, "c1"))
    typed.good("cancel", answer["order_id"], "--reason", "a test", "--data", data)
    code, _, err = typed("cancel", answer["order_id"], "--reason", "a test", "--data", data)
    assert code == 2
    assert "ALREADY_PENDING_CANCEL" in err


# ---- a ledger that is gone -------------------------------------------------------------------------------------


def test_a_killed_ledger_is_told_at_once_with_exit_code_3(ledger: Child, typed: Any) -> None:
    ledger.kill()
    began = time.monotonic()
    code, _, err = typed("show", "orders", "--data", ledger.data)
    assert code == 3
    assert "ledger serve" in err
    assert time.monotonic() - began < 5


def test_what_was_sent_before_a_kill_is_there_after_the_restart(
    ledger: Child, typed: Any, tmp_path: Path
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(DESK)
    typed.good("define", file, "--data", ledger.data)
    first = order("SYM", "STRAT", "c1")
    _, before = sent(typed, ledger.data, tmp_path, first)
    ledger.kill()
    ledger.start()
    _, after = sent(typed, ledger.data, tmp_path, first)
    assert after == [before[0] | {"repeated": True}]
    assert [row["client_order_id"] for row in _orders(typed, ledger.data, "SYM")] == ["c1"]
    assert ledger.stop() == 0


def test_a_journal_shorter_than_at_its_last_stop_is_damage_to_everybody(ledger: Child, typed: Any) -> None:
    """Not an empty ledger that was never used: `status` would say 0 orders of a desk that has many."""
    assert ledger.stop() == 0
    for part in ("segments", "wal"):  # either alone still holds a journal as short as this one
        for file in (ledger.data / "trading" / "0" / part).iterdir():
            file.unlink()
    for command in (("replay",), ("status",), ("verify",)):
        code, out, err = typed(*command, "--data", ledger.data)
        assert code == 1, command
        assert "the last clean stop was" in out + err
