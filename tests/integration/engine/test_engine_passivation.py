"""What is closed leaves the engine's memory and comes back: for late fills, busts, repeats, questions, across starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from followed import PASSIVATING, flip, follow, follower_of, index_path
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import ReportCanceled, ReportTradeCancel
from ledger.journal import damage_of, list_snapshots, remove_index
from ledger.wire import Committed, FactCommitted, Refused, Rejected
from running_engine import Clock, Ids, Running, accepted, fill, journaled, replayed, running

DAY = "2025-11-20"


@asynccontextmanager
async def passivating(directory: Path, ids: Ids | None = None, **settings: Any) -> AsyncIterator[Running]:
    kind = msgspec.structs.replace(PASSIVATING, **settings)
    async with running(directory, settings=kind, clock=Clock(), new_id=ids or Ids()) as one:
        yield one


async def trade(one: Running, name: str, first: int) -> list[Any]:
    """An order that is filled and closed; the answers."""
    order = one.order(name)
    answers = await one.ask("commands", order)
    answers += await one.ask("reports", accepted(first, name), fill(first + 1, name, 100))
    return [order, *answers]


def forget(one: Running, directory: Path) -> None:
    """Let the follower come by, and everything closed leave memory."""
    follow(directory)
    assert one.engine.passivation is not None
    while one.engine.passivation.look():
        pass


async def test_closed_orders_leave_memory_and_open_ones_stay(tmp_path: Path) -> None:
    async with passivating(tmp_path) as one:
        await one.define("AAPL")
        for number in range(5):
            await trade(one, f"c{number}", 10 * number + 1)
        await one.ask("commands", one.order("open"))
        await one.settle()
        fold = one.engine.partition.trading
        before = one.digests()
        forget(one, tmp_path)
        assert set(fold.orders.states) == {("AAPL", "open")}
        assert (len(fold.fills), len(fold.order_of_number), len(fold.outcomes)) == (0, 0, 0)
        assert one.digests() == before == replayed(tmp_path)
        (head,) = await one.rows("head")
        assert (head["orders"], head["orders_open"], head["fills"]) == (6, 1, 5)


async def test_questions_show_what_has_left_memory_in_its_place(tmp_path: Path) -> None:
    async with passivating(tmp_path) as one:
        await one.define("AAPL")
        await trade(one, "c1", 1)
        await one.ask("commands", one.order("open"))
        await trade(one, "c2", 11)
        await one.settle()
        whole = [await one.rows(what) for what in ("orders", "fills")]
        one_order = await one.rows("order", symbol="AAPL", client_order_id="c2")
        forget(one, tmp_path)
        assert [await one.rows(what) for what in ("orders", "fills")] == whole
        assert [row["client_order_id"] for row in whole[0]] == ["c1", "open", "c2"]
        assert [row["client_order_id"] for row in await one.rows("orders", status="FILLED")] == ["c1", "c2"]
        assert len(one.engine.partition.trading.orders) == 1, "a list brings nothing back"
        number = one_order[0]["order_id"]
        assert await one.rows("order", order_id=number) == one_order
        assert await one.rows("order", symbol="AAPL", client_order_id="c2") == one_order
        assert one.digests() == replayed(tmp_path)
        forget(one, tmp_path)
        assert len(one.engine.partition.trading.orders) == 1, "what a question brought back leaves again"


async def test_a_repeat_of_a_forgotten_command_gets_its_first_answer_after_a_restart(tmp_path: Path) -> None:
    ids = Ids()
    async with passivating(tmp_path, ids) as one:
        await one.define("AAPL")
        order, first, *_ = await trade(one, "c1", 1)
        await one.settle()
    follow(tmp_path)
    async with passivating(tmp_path, ids) as one:
        assert one.engine.recovered["trading"].from_seq > 0
        assert len(one.engine.partition.trading.outcomes) == 0
        (again,) = await one.ask("commands", order)
        assert again == msgspec.structs.replace(first, repeated=True)
        (conflict,) = await one.ask("commands", msgspec.structs.replace(order, qty=1))
        assert conflict.code == Code.COMMAND_ID_CONFLICT


async def test_a_client_order_id_of_a_forgotten_order_is_still_taken_after_a_restart(tmp_path: Path) -> None:
    ids = Ids()
    async with passivating(tmp_path, ids) as one:
        await one.define("AAPL")
        await trade(one, "c1", 1)
        await one.settle()
    follow(tmp_path)
    async with passivating(tmp_path, ids) as one:
        (answer,) = await one.ask("commands", one.order("c1", qty=7))
        assert type(answer) is Rejected
        assert answer.code == Code.DUPLICATE_CLIENT_ORDER_ID
        (cancel,) = await one.ask("commands", CancelOrder(ids(), "AAPL", "x1", "c1"))
        assert type(cancel) is Rejected


async def test_a_late_fill_of_a_forgotten_order_reaches_it_after_a_restart(tmp_path: Path) -> None:
    ids = Ids()
    async with passivating(tmp_path, ids) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), ReportCanceled("gw", 1, 2, "AAPL", "XNAS", "c1"))
        await one.settle()
        forget(one, tmp_path)
        assert len(one.engine.partition.trading.orders) == 0
    follow(tmp_path)
    async with passivating(tmp_path, ids) as one:
        assert len(one.engine.partition.trading.orders) == 0
        (answer,) = await one.ask("reports", fill(3, "c1", 40))
        assert type(answer) is FactCommitted
        (row,) = await one.rows("order", symbol="AAPL", client_order_id="c1")
        assert row["cum_qty"] == "40"
        (again,) = await one.ask("reports", fill(4, "c1", 40, execution_id="x3"))
        assert again.repeated, "the same execution again"
        (position,) = await one.rows("positions")
        assert position["qty"] == "40"
        await one.settle()
        assert one.digests() == replayed(tmp_path)


async def test_a_bust_finds_the_forgotten_fill_and_all_others_of_its_position(tmp_path: Path) -> None:
    ids = Ids()
    async with passivating(tmp_path, ids) as one:
        await one.define("AAPL")
        for number in range(3):
            await trade(one, f"c{number}", 10 * number + 1)
        await one.settle()
    follow(tmp_path)
    async with passivating(tmp_path, ids) as one:
        assert len(one.engine.partition.trading.fills) == 0
        bust = ReportTradeCancel(
            "gw", 1, 40, "AAPL", "XNAS", "c1", "n1", "x12", DAY, reinstated=False, account="ACC"
        )
        (answer,) = await one.ask("reports", bust)
        assert type(answer) is FactCommitted
        (position,) = await one.rows("positions")
        assert (position["qty"], position["fills"]) == ("200", 2)
        (row,) = await one.rows("order", symbol="AAPL", client_order_id="c1")
        assert row["cum_qty"] == "0"
        await one.settle()
        assert one.digests() == replayed(tmp_path)
        forget(one, tmp_path)
        assert one.digests() == replayed(tmp_path)
    kinds = {event.kind for _, event in journaled(tmp_path) if type(event) is AnomalyRecorded}
    assert kinds == {"SOURCE_GAP"}, "the numbers of this test's source have holes"


async def test_a_question_pages_through_orders_wherever_they_are(tmp_path: Path) -> None:
    async with passivating(tmp_path) as one:
        await one.define("AAPL")
        for number in range(6):
            await trade(one, f"c{number}", 10 * number + 1)
            if number == 2:
                await one.settle()
                forget(one, tmp_path)
        views = one.engine.partition.views
        names = [row["client_order_id"] for row in views.rows("orders", {})]
        assert names == [f"c{number}" for number in range(6)]


async def test_new_orders_wait_while_the_index_is_too_far_behind_and_cancels_do_not(tmp_path: Path) -> None:
    async with passivating(tmp_path, index_lag_max=10) as one:
        await one.define("AAPL")
        for number in range(6):
            await trade(one, f"c{number}", 10 * number + 1)
        await one.settle()
        one.engine.passivation.look()
        (refused,) = await one.ask("commands", one.order("late"))
        assert type(refused) is Refused
        assert refused.code == Code.OVERLOADED
        (cancel,) = await one.ask("commands", CancelOrder(one.new_id(), "AAPL", "x1", "c1"))
        assert type(cancel) is not Refused
        forget(one, tmp_path)
        (taken,) = await one.ask("commands", one.order("late"))
        assert type(taken) is Committed


async def test_an_index_that_is_made_anew_takes_the_old_ones_place(tmp_path: Path) -> None:
    async with passivating(tmp_path) as one:
        await one.define("AAPL")
        order, first, *_ = await trade(one, "c1", 1)
        await one.settle()
        forget(one, tmp_path)
        remove_index(tmp_path, 0)  # the engine has it open and keeps what it has
        (again,) = await one.ask("commands", order)
        assert again == msgspec.structs.replace(first, repeated=True)
        await trade(one, "c2", 11)
        await one.settle()
        forget(one, tmp_path)
        assert len(one.engine.partition.trading.orders) == 0
        assert len(await one.rows("orders")) == 2
        assert one.digests() == replayed(tmp_path)


async def test_a_damaged_entry_stops_the_partition_and_the_next_start_does_without_the_index(
    tmp_path: Path,
) -> None:
    ids = Ids()
    async with passivating(tmp_path, ids) as one:
        await one.define("AAPL")
        order, first, *_ = await trade(one, "zz-1", 1)  # no part of anything in hexadecimal
        await one.settle()
    follow(tmp_path)
    content = index_path(tmp_path, 0).read_bytes()
    for at in _all_places(content, b"zz-1"):
        flip(index_path(tmp_path, 0), at)
    async with passivating(tmp_path, ids) as one:
        one.send("commands", [order], lambda _: None)  # its batch is in doubt, so it has no answer
        with trio.fail_after(20):
            await one.engine.wait_failed()
        (answer,) = await one.ask("commands", one.order("c2"))
        assert type(answer) is Refused, "nothing more is taken"
        assert len(await one.rows("orders")) == 1, "reads go on, from the journal alone"
        one.crash()
    assert damage_of(tmp_path, 0)
    async with passivating(tmp_path, ids) as one:
        assert any("checksum" in line for line in one.engine.start_report), one.engine.start_report
        (again,) = await one.ask("commands", order)
        assert again == msgspec.structs.replace(first, repeated=True)
        said: list[str] = []
        follower_of(tmp_path, said).close()
        assert any("built again" in line for line in said)
        assert damage_of(tmp_path, 0) == ""


def _all_places(content: bytes, what: bytes) -> list[int]:
    places, at = [], content.find(what)
    while at >= 0:
        places.append(at)
        at = content.find(what, at + 1)
    return places


@pytest.mark.parametrize("what", ["snapshots", "index", "both"])
async def test_a_start_without_snapshots_or_index_only_takes_longer(tmp_path: Path, what: str) -> None:
    ids = Ids()
    async with passivating(tmp_path, ids) as one:
        await one.define("AAPL")
        order, first, *_ = await trade(one, "c1", 1)
        await one.settle()
    follow(tmp_path)
    if what in ("snapshots", "both"):
        for each in list_snapshots(tmp_path, "trading", 0):
            each.path.unlink()
    if what in ("index", "both"):
        remove_index(tmp_path, 0)
    async with passivating(tmp_path, ids) as one:
        assert one.engine.recovered["trading"].from_seq == 0
        report = "\n".join(one.engine.start_report)
        assert ("the index is not used: there is none" in report) == (what != "snapshots")
        assert ("it needs the index" in report) == (what == "index")
        (again,) = await one.ask("commands", order)
        assert again == msgspec.structs.replace(first, repeated=True)
        assert one.digests() == replayed(tmp_path)
