"""The client library against real doors: both clients, typed errors, exact numbers, resends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from answering_engine import AnsweringEngine, kinds
from ledger.client import connect, open_client
from open_doors import doors_in_a_thread, open_doors

AAPL = {"symbol": "AAPL", "exchange": "NASDAQ", "price_scale": 4, "qty_scale": 0}
ORDER: dict[str, Any] = {
    "strategy_id": "S1",
    "symbol": "AAPL",
    "exchange": "NASDAQ",
    "side": "BUY",
    "order_type": "LIMIT",
}


def engine(**rows: list[dict[str, Any]]) -> AnsweringEngine:
    return AnsweringEngine(rows={"instruments": [dict(AAPL)], "head": [{"lineage": "L"}], **rows})


def test_a_blocking_client_sends_an_order_and_gets_its_place() -> None:
    ledger = engine()
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as client:
        answer = client.submit_order(client_order_id="c1", qty=100, px=Decimal("10.05"), **ORDER)
        assert (answer.seq, answer.repeated) == (1, False)
        assert client.head() == {"lineage": "L"}
    assert kinds(ledger.applied) == ["SubmitOrder"]
    assert (ledger.applied[0].px, ledger.applied[0].qty) == (100500, 100)


async def test_a_trio_client_sends_an_order_and_gets_its_place() -> None:
    ledger = engine()
    with trio.fail_after(5):
        async with open_doors(ledger) as doors, open_client(doors.commands) as client:
            answer = await client.submit_order(client_order_id="c1", qty="100", px="10.05", **ORDER)
            assert (answer.seq, answer.repeated) == (1, False)
            assert await client.head() == {"lineage": "L"}
    assert (ledger.applied[0].px, ledger.applied[0].qty) == (100500, 100)


def test_a_float_is_refused_with_a_sentence() -> None:
    with doors_in_a_thread(engine()) as doors, connect(doors.commands) as client:
        with pytest.raises(TypeError, match="px 10.05 is a float"):
            client.submit_order(client_order_id="c1", qty=1, px=10.05, **ORDER)  # type: ignore[arg-type]
