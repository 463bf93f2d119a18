"""The client library against real doors: both clients, typed errors, exact numbers, resends."""

from __future__ import annotations

import socket
import uuid
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from answering_engine import AnsweringEngine, kinds
from ledger.client import (
    AsyncClient,
    Client,
    InDoubtError,
    NotReachable,
    RefusedError,
    RejectedError,
    connect,
    new_command_id,
    open_client,
)
from ledger.domain.commands import SubmitOrder
from ledger.domain.enums import OrderType, Side
from ledger.endpoints import write_endpoints
from ledger.wire import TextMessage
from open_doors import doors_in_a_thread, open_doors, serve_until

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


def order(number: int, px: int = 5) -> SubmitOrder:
    """A command with scaled integers."""
    kind = OrderType.LIMIT
    return SubmitOrder(new_command_id(), f"c{number}", "S1", "AAPL", "NASDAQ", Side.BUY, kind, 1, px)


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
        with pytest.raises(TypeError, match=r"px 10.05 is a float"):
            client.submit_order(client_order_id="c1", qty=1, px=10.05, **ORDER)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"px 1.5 is a float"):
            client.send_commands(
                [{"type": "SubmitOrder", "client_order_id": "c1", "qty": "1", "px": 1.5, **ORDER}]
            )
        with pytest.raises(TypeError, match=r"bids 1.5 is a float"):
            client.book_delta(
                symbol="A", exchange="X", first_update=1, last_update=1, bids=[(1.5, 1)], asks=[]
            )  # type: ignore[list-item]


def test_errors_are_typed_and_say_what_happened() -> None:
    ledger = engine()
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as client:
        with pytest.raises(RejectedError, match="PX_NOT_POSITIVE: px must be above 0") as rejected:
            client.submit_order(client_order_id="c1", qty=1, px="-1", **ORDER)
        assert (rejected.value.code, rejected.value.place) == (24, "trading/0:1")
        with pytest.raises(RefusedError, match="'weather' cannot be asked") as refused:
            list(client.query("weather"))
        assert refused.value.name == "UNSUPPORTED"


def test_an_address_where_nothing_listens_is_not_reachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotReachable, match="no answer"):
        connect(f"127.0.0.1:{port}", connect_timeout=0.1)


def test_a_directory_without_a_ledger_is_not_reachable(tmp_path: Path) -> None:
    with pytest.raises(NotReachable, match="ledger serve --data"):
        connect(tmp_path)


async def test_a_trio_client_raises_the_same_errors_unwrapped(tmp_path: Path) -> None:
    with pytest.raises(NotReachable, match="ledger serve --data"):
        async with open_client(tmp_path):
            pass
    with trio.fail_after(5):
        async with open_doors(engine()) as doors:
            with pytest.raises(RejectedError, match="PX_NOT_POSITIVE"):
                async with open_client(doors.commands) as client:
                    await client.submit_order(client_order_id="c1", qty=1, px="-1", **ORDER)


def test_an_unanswered_command_is_in_doubt_and_names_its_id() -> None:
    ledger = engine()
    command_id = new_command_id()
    with doors_in_a_thread(ledger) as doors, connect(doors.commands, timeout=0.2) as client:
        client.submit_order(client_order_id="c0", qty=1, px="1", **ORDER)
        ledger.holding = True
        with pytest.raises(InDoubtError) as doubt:
            client.submit_order(client_order_id="c1", qty=1, px="1", command_id=command_id, **ORDER)
        assert doubt.value.command_id == str(uuid.UUID(bytes=command_id))
        ledger.holding = False
        again = client.submit_order(client_order_id="c1", qty=1, px="1", command_id=command_id, **ORDER)
        assert again.repeated
    assert [command.client_order_id for command in ledger.applied] == ["c0", "c1"]


def test_decimals_go_in_and_come_out_to_the_last_digit() -> None:
    rows = [{"symbol": "AAPL", "px": "0.1000", "qty": "9007199254740993", "levels": 3, "note": "1.5"}]
    ledger = engine(orders=rows)
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as client:
        client.submit_order(
            client_order_id="c1", qty=9007199254740993, px=Decimal("900719925474.0993"), **ORDER
        )
        [row] = client.query("orders")
    assert (ledger.applied[0].px, ledger.applied[0].qty) == (9007199254740993, 9007199254740993)
    assert (row["px"], row["qty"]) == (Decimal("0.1000"), Decimal(9007199254740993))
    assert (row["levels"], row["note"]) == (3, "1.5")


def test_numbers_that_do_not_fit_the_instrument_are_left_to_the_ledger() -> None:
    ledger = engine()
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as client:
        assert client.head()
        with pytest.raises(RefusedError, match="more than 4 digits"):
            client.submit_order(client_order_id="c1", qty=1, px="1.00001", **ORDER)
    [text] = {type(item): item for _, item in ledger.seen if type(item) is TextMessage}.values()
    assert text.text.px == "1.00001"


def test_a_fact_about_an_unknown_symbol_reaches_the_ledger_with_all_its_digits() -> None:
    ledger = engine()
    with doors_in_a_thread(ledger) as doors, connect(doors.commands, source="gw", source_epoch=3) as client:
        answer = client.market_trade(symbol="NEW", exchange="X", px="1.0000000001", qty="2", side="SELL")
    assert (answer.source, answer.source_epoch, answer.source_seq) == ("gw", 3, 1)
    assert [item.text.px for _, item in ledger.seen if type(item) is TextMessage] == ["1.0000000001"]


def test_an_instrument_defined_by_the_client_is_known_to_it_at_once() -> None:
    ledger = AnsweringEngine(rows={"instruments": []})
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as client:
        client.market_trade(symbol="NEW", exchange="X", px="1", qty="2", side="SELL")
        client.define_instrument(
            symbol="NEW", exchange="X", price_scale=2, qty_scale=1, tick="0.01", lot="0.1"
        )
        client.market_trade(symbol="NEW", exchange="X", px="1.25", qty="2", side="SELL")
    assert ledger.applied[1].tick == 1
    assert (ledger.applied[2].px, ledger.applied[2].qty) == (125, 20)
    assert type(ledger.seen[-1][1]).__name__ == "MarketTrade"


def test_a_query_is_read_page_by_page() -> None:
    ledger = engine(orders=[{"order_id": f"0-{seq}"} for seq in range(25)])
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as client:
        assert [row["order_id"] for row in client.query("orders", limit=10)] == [
            f"0-{seq}" for seq in range(25)
        ]
    assert [item.cursor for _, item in ledger.seen if getattr(item, "what", "") == "orders"] == [
        "",
        "10",
        "20",
    ]


def test_a_batch_gives_one_outcome_each_in_order() -> None:
    ledger = engine()
    orders = [order(number, px=-1 if number == 3 else 5) for number in range(10)]
    with doors_in_a_thread(ledger) as doors, connect(doors.commands, batch_max=4) as client:
        outcomes = client.send_commands(
            [*orders, {"type": "DefineStrategy", "strategy_id": "S", "account": "A"}]
        )
    assert [type(outcome).__name__ for outcome in outcomes[2:5]] == [
        "Committed",
        "RejectedError",
        "Committed",
    ]
    assert [getattr(outcome, "seq", 4) for outcome in outcomes] == list(range(1, 12))
    assert max(ledger.sizes) == 4


def test_facts_are_numbered_without_a_gap_at_each_door() -> None:
    ledger = engine()
    with doors_in_a_thread(ledger) as doors, connect(doors.commands, source="gw") as client:
        for number in range(3):
            client.report_accepted(symbol="AAPL", exchange="NASDAQ", client_order_id=f"c{number}")
            client.quote(symbol="AAPL", exchange="NASDAQ", bid_px=1, bid_qty=1, ask_px=2, ask_qty=1)
    assert [(type(fact).__name__, fact.source_seq) for fact in ledger.applied] == [
        (kind, number) for number in (1, 2, 3) for kind in ("ReportAccepted", "Quote")
    ]


def test_what_the_ledger_cannot_take_now_is_sent_again_until_it_can() -> None:
    ledger = engine()
    ledger.overloaded_for = 3
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as client:
        outcomes = client.send_commands([order(1), order(2)])
        client.report_accepted(symbol="AAPL", exchange="NASDAQ", client_order_id="c1")
        assert client.statistics()["commands"].refused_for_now >= 2
    assert {type(outcome).__name__ for outcome in outcomes} == {"Committed"}
    assert kinds(ledger.applied) == ["SubmitOrder", "SubmitOrder", "ReportAccepted"]


async def test_tasks_that_send_at_once_share_messages() -> None:
    ledger = engine()
    with trio.fail_after(5):
        async with open_doors(ledger) as doors, open_client(doors.commands) as client:
            await client.submit_order(client_order_id="first", qty=1, px=1, **ORDER)
            ledger.sizes.clear()
            async with trio.open_nursery() as nursery:
                for number in range(100):
                    nursery.start_soon(
                        lambda n=number: client.submit_order(client_order_id=f"c{n}", qty=1, px=1, **ORDER)
                    )
    assert sum(ledger.sizes) == 100
    assert len(ledger.sizes) <= 3


async def test_the_window_bounds_what_is_unanswered() -> None:
    ledger = engine()
    ledger.holding = True
    with trio.fail_after(5):
        async with open_doors(ledger) as doors:
            ledger.holding = False
            async with open_client(doors.commands, window=3, batch_max=2, resend_after=60) as client:
                ledger.holding = True
                outcomes: list[Any] = []

                async def send() -> None:
                    outcomes.extend(await client.send_commands([order(number) for number in range(50)]))

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(send)
                    while not outcomes:
                        await trio.sleep(0.001)
                        assert len(ledger.held) <= 3
                        if len(ledger.held) == 3 or client.statistics()["commands"].unanswered == len(
                            ledger.held
                        ):
                            ledger.release()
    assert len(outcomes) == 50
    assert len(ledger.applied) == 50


def port_of(doors: Any) -> int:
    return int(doors.commands.rpartition(":")[2]) - 2


async def test_after_a_restart_everything_unanswered_is_sent_again_with_the_same_ids(tmp_path: Path) -> None:
    ledger = engine()
    outcomes: list[Any] = []
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            first, second = trio.Event(), trio.Event()
            await nursery.start(partial(serve_until, first, ledger, directory=tmp_path))
            async with open_client(tmp_path, batch_max=5, window=8) as client, trio.open_nursery() as sending:
                await client.send_commands([order(0)])
                ledger.holding = True

                async def send() -> None:
                    outcomes.extend(await client.send_commands([order(number) for number in range(1, 101)]))

                sending.start_soon(send)
                while len(ledger.held) < 8:
                    await trio.sleep(0.001)
                first.set()
                await trio.testing.wait_all_tasks_blocked()
                ledger.forget_replies()
                assert not outcomes
                ledger.holding = False
                await nursery.start(partial(serve_until, second, ledger, directory=tmp_path))
            second.set()
    assert [command.client_order_id for command in ledger.applied] == [f"c{number}" for number in range(101)]
    assert [outcome.repeated for outcome in outcomes] == [True] * 40 + [False] * 60


def test_a_blocking_client_outlives_its_ledger(tmp_path: Path) -> None:
    ledger = engine()
    with doors_in_a_thread(ledger, directory=tmp_path):
        client = connect(tmp_path)
        client.send_commands([order(0)])
    with doors_in_a_thread(ledger, directory=tmp_path), client:
        assert client.submit_order(client_order_id="c1", qty=1, px=1, **ORDER).seq == 2


async def test_an_answer_that_is_lost_is_asked_for_again() -> None:
    ledger = engine()
    with trio.fail_after(5):
        async with open_doors(ledger) as doors, open_client(doors.commands, resend_after=0.05) as client:
            await client.submit_order(client_order_id="c0", qty=1, px=1, **ORDER)
            ledger.holding = True
            async with trio.open_nursery() as nursery:

                async def lose_the_first_answer() -> None:
                    while not ledger.held:
                        await trio.sleep(0.001)
                    ledger.forget_replies()
                    ledger.holding = False

                nursery.start_soon(lose_the_first_answer)
                answer = await client.submit_order(client_order_id="c1", qty=1, px=1, **ORDER)
            assert client.statistics()["commands"].resent == 1
    assert answer.repeated
    assert len(ledger.applied) == 2


async def test_nothing_is_sent_to_another_ledger_in_the_same_directory(tmp_path: Path) -> None:
    ledger, other = engine(), engine()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            first, second = trio.Event(), trio.Event()
            await nursery.start(partial(serve_until, first, ledger, directory=tmp_path))
            async with open_client(tmp_path, timeout=0.3, resend_after=0.05) as client:
                await client.send_commands([order(0)])
                first.set()
                doors = await nursery.start(partial(serve_until, second, other, directory=tmp_path))
                write_endpoints(tmp_path, "another-lineage", doors.endpoints)
                [outcome] = await client.send_commands([order(1)])
            second.set()
    assert type(outcome) in (NotReachable, InDoubtError)
    assert not other.applied


def test_the_same_id_twice_at_once_is_a_mistake() -> None:
    with doors_in_a_thread(engine()) as doors, connect(doors.commands) as client:
        twice = order(1)
        with pytest.raises(ValueError, match="one id, one message"):
            client.send_commands([twice, twice])


def test_fields_that_do_not_exist_are_named() -> None:
    with doors_in_a_thread(engine()) as doors, connect(doors.commands) as client:
        with pytest.raises(ValueError, match="SubmitOrder: Object contains unknown field `price`"):
            client.submit_order(client_order_id="c1", qty=1, price=1, **ORDER)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="Quote is not for the commands door"):
            client.send_commands(
                [
                    {
                        "type": "Quote",
                        "symbol": "A",
                        "exchange": "X",
                        "bid_px": "1",
                        "bid_qty": "1",
                        "ask_px": "2",
                        "ask_qty": "1",
                    }
                ]
            )


def test_both_clients_have_the_same_calls() -> None:
    def calls(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_") and name not in ("close", "find")}

    assert calls(Client) == calls(AsyncClient)


def test_a_long_batch_passes_a_small_window() -> None:
    ledger = engine()
    with doors_in_a_thread(ledger) as doors, connect(doors.commands, batch_max=2, window=32) as client:
        outcomes = client.send_commands([order(number) for number in range(2000)])
    assert [getattr(outcome, "seq", None) for outcome in outcomes] == list(range(1, 2001))
