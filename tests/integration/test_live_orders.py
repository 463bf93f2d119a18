"""A subscriber of the publications that loses messages, on a running ledger, and is whole all the same."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.client import Client, LiveOrders, connect
from ledger.testing import Child

SLOW = 12_000
"""Orders: their publications are more than what the network keeps for a reader that does not read."""


def define(ledger: Client) -> None:
    ledger.define_instrument(symbol="AAPL", exchange="NASDAQ", price_scale=4, qty_scale=0, tick="0.01", lot=1)
    ledger.define_strategy(strategy_id="S1", account="A1")
    ledger.define_strategy(strategy_id="S2", account="A1")


def submit(ledger: Client, first: int, count: int, strategy: str = "S1") -> None:
    orders: list[dict[str, Any]] = [
        {"type": "SubmitOrder", "client_order_id": f"{strategy}-{number}", "strategy_id": strategy,
         "symbol": "AAPL", "exchange": "NASDAQ", "side": "BUY", "order_type": "LIMIT", "qty": "1", "px": "10.05",
         "time_in_force": "DAY", "algo_id": "x" * 60, "trader_id": "y" * 60}
        for number in range(first, first + count)
    ]  # fmt: skip
    assert not [outcome for outcome in ledger.send_commands(orders) if isinstance(outcome, Exception)]


def taken(live: LiveOrders, count: int) -> list[str]:
    rows = [next(live) for _ in range(count)]
    assert [row["seq"] for row in rows] == sorted({row["seq"] for row in rows})
    return [row["client_order_id"] for row in rows]


def names(first: int, count: int) -> list[str]:
    return [f"S1-{number}" for number in range(first, first + count)]


def test_what_is_published_comes_live_and_what_is_another_strategys_does_not(ledger: Child) -> None:
    with connect(ledger.data) as client:
        define(client)
        submit(client, 0, 1)
        with LiveOrders(ledger.data, "S1", "AAPL") as live:
            submit(client, 1, 1)
            assert taken(live, 1) == names(1, 1)
            submit(client, 2, 3)
            submit(client, 0, 3, "S2")
            submit(client, 5, 3)
            assert taken(live, 6) == names(2, 6)
            assert live.statistics().published >= 6 - live.statistics().repaired > 0


def test_a_kill_of_the_ledger_and_what_passed_before_the_reader_was_back_are_repaired(ledger: Child) -> None:
    with connect(ledger.data) as client:
        define(client)
        with LiveOrders(ledger.data, "S1", "AAPL", "trading/0:1", silence_ms=200) as live:
            submit(client, 0, 5)
            assert taken(live, 5) == names(0, 5)
            submit(client, 5, 5)
            ledger.kill()
            ledger.start()
            submit(client, 10, 5)  # on another port: no subscriber is there yet
            assert taken(live, 10) == names(5, 10)
            assert live.statistics().repaired >= 5
            submit(client, 15, 5)
            assert taken(live, 5) == names(15, 5)


@pytest.mark.slow
def test_a_reader_too_slow_for_the_publication_loses_messages_and_no_event(tmp_path: Any) -> None:
    with Child(tmp_path / "data", ("doors.order_events_hwm=10",)) as child:
        child.start()
        with connect(child.data) as client:
            define(client)
            with LiveOrders(child.data, "S1", "AAPL", hwm=10) as live:
                submit(client, 0, 1)
                assert taken(live, 1) == names(0, 1)
                for first in range(1, SLOW, 1000):  # nobody reads meanwhile
                    submit(client, first, 1000)
                assert taken(live, SLOW) == names(1, SLOW)
                told = live.statistics()
                assert told.holes
                assert told.repaired > SLOW / 10, told
