"""Answers and publications: nothing is shown that a crash could take back (DESIGN 5)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio

from ledger.domain.codes import Code
from ledger.domain.facts import BookSnapshot, Quote
from ledger.engine.engine import ANSWERS_AT_ONCE
from ledger.wire import Committed, FactCommitted, Page, Query, QueryRefused
from running_engine import Published, accepted, fill, journaled, running


async def _held_back(commit) -> None:
    """The writer is inside a sync that will not end."""
    with trio.fail_after(10):
        while not commit.waiting.is_set():
            await trio.lowlevel.checkpoint()


async def _turns_done(one) -> None:
    """Every input was decided, and whatever could leave has left."""
    with trio.fail_after(10):
        await one.engine.dispatcher.wait_idle()
    for _ in range(20):
        await trio.lowlevel.checkpoint()


async def test_no_answer_and_no_publication_leaves_before_the_sync(tmp_path: Path) -> None:
    published, answers = Published(), []
    async with running(tmp_path, publisher=published) as one:
        await one.define("AAPL")
        seen = len(published.names("trading"))
        one.commits["trading"].hold()
        one.send("commands", [one.order("c1")], answers.append)
        await _held_back(one.commits["trading"])
        await _turns_done(one)
        assert one.engine.partition.trading.orders.get(("AAPL", "c1")) is not None
        assert answers == []
        assert len(published.names("trading")) == seen
        one.commits["trading"].release()
        await one.settle()
        assert [type(answer) for answer in answers[0]] == [Committed]
        assert published.names("trading")[seen:] == ["OrderSubmitted"]


async def test_repeated_answers_and_queries_wait_for_what_they_show(tmp_path: Path) -> None:
    answers: dict[str, list[Any]] = {}
    async with running(tmp_path) as one:
        await one.define("AAPL")
        one.commits["trading"].hold()
        order = one.order("c1")
        one.send("commands", [order], lambda got: answers.__setitem__("first", got))
        await _held_back(one.commits["trading"])
        one.send("commands", [order], lambda got: answers.__setitem__("again", got))
        one.send("query", [Query("q", "orders")], lambda got: answers.__setitem__("query", got))
        await _turns_done(one)
        assert answers == {}
        one.commits["trading"].release()
        await one.settle()
        assert list(answers) == ["first", "again", "query"]
        assert answers["again"][0].repeated
        page = answers["query"][0]
        assert isinstance(page, Page)
        assert [row["client_order_id"] for row in page.rows] == ["c1"]
        assert page.place == f"trading/0:{answers['first'][0].seq}"


async def test_a_query_of_what_is_durable_is_answered_during_another_sync_of_the_market(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        one.commits["market"].hold()
        one.send(
            "market", [BookSnapshot("f", 1, 1, "AAPL", "XNAS", 1, ((9, 1),), ((11, 1),))], lambda _got: None
        )
        await _turns_done(one)
        (row,) = await one.rows("book", symbol="AAPL")
        assert row["best_bid"] == ["0.0009", "1"]
        one.commits["market"].release()


async def test_market_data_is_published_at_once_and_acknowledged_after_its_sync(tmp_path: Path) -> None:
    published, answers = Published(), []
    async with running(tmp_path, publisher=published) as one:
        await one.define("AAPL")
        await one.settle()
        one.commits["market"].hold()
        one.send("market", [Quote("f", 1, 1, "AAPL", "XNAS", 1, 2, 3, 4)], answers.append)
        await _turns_done(one)
        assert published.names("market")[-2:] == ["InstrumentDefined", "MarketQuoted"]
        quoted = published.events[-1][1]
        assert published.durable["market"][-1] < quoted
        assert answers == []
        one.commits["market"].release()
        await one.settle()
        assert answers == [[FactCommitted("f", 1, 1, "market", 0, quoted)]]


async def test_many_answers_of_one_market_sync_leave_in_order_and_a_few_at_a_time(tmp_path: Path) -> None:
    turns_of_loop, answered = [0], []

    async def count_turns() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            turns_of_loop[0] += 1

    def reply(answers: list[Any]) -> None:
        answered.append((turns_of_loop[0], answers[0].source_seq))

    async with running(tmp_path) as one, trio.open_nursery() as beside:
        beside.start_soon(count_turns)
        await one.define("AAPL")
        await one.settle()
        one.commits["market"].hold()
        for number in range(1, 101):
            one.send("market", [Quote("f", 1, number, "AAPL", "XNAS", 1, 2, 3, 4)], reply)
        await _turns_done(one)
        assert answered == []
        one.commits["market"].release()
        await one.settle()
        beside.cancel_scope.cancel()
    assert [source_seq for _, source_seq in answered] == list(range(1, 101))
    # Twice: the task that counts comes before or behind them in a turn of the loop, as trio likes.
    assert max(Counter(turn for turn, _ in answered).values()) <= 2 * ANSWERS_AT_ONCE


async def test_a_market_frame_is_not_durable_before_the_definition_that_it_copies(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        one.commits["trading"].hold()
        one.send("commands", [one.order("c0")], lambda _got: None)
        await _held_back(one.commits["trading"])
        frames = len(one.commits["market"].frames)
        from ledger.domain.commands import DefineInstrument

        one.send("commands", [DefineInstrument(one.new_id(), "AAPL", "XNAS")], lambda _got: None)
        one.send("market", [Quote("f", 1, 1, "AAPL", "XNAS", 1, 2, 3, 4)], lambda _got: None)
        await _turns_done(one)
        await trio.sleep(0.02)  # the market's sync interval, many times over
        assert len(one.commits["market"].frames) == frames
        one.commits["trading"].release()
        await one.settle()
        assert len(one.commits["market"].frames) > frames


async def test_positions_are_published_with_the_frame_that_changed_them(tmp_path: Path) -> None:
    published = Published()
    async with running(tmp_path, publisher=published) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), fill(2, "c1", 40), fill(3, "c1", 60))
        assert [state.qty for _seq, state in published.positions] == [40, 100]
        filled = [seq for name, seq, event in published.events if type(event).__name__ == "OrderFilled"]
        assert [seq for seq, _state in published.positions] == filled


@pytest.mark.parametrize("digits", ["²", "١", "9" * 5000, "x"])
async def test_a_number_that_is_none_is_the_askers_fault_and_not_ours(tmp_path: Path, digits: str) -> None:
    answers: list[Any] = []
    async with running(tmp_path) as one:
        await one.define("AAPL")
        one.send(
            "query",
            [
                Query("1", "orders", cursor=digits),
                Query("2", "book", {"symbol": "AAPL", "depth": digits}),
                Query("3", "order", {"order_id": f"0-{digits}"}),
                Query("4", "orders", {"status": digits}),
            ],
            answers.extend,
        )
        await one.settle()
        assert [(type(each), each.code) for each in answers] == [(QueryRefused, Code.MALFORMED)] * 4
        assert one.engine.faults == 0


async def test_what_was_published_is_what_the_journal_holds(tmp_path: Path) -> None:
    published = Published()
    async with running(tmp_path, publisher=published) as one:
        await one.define("AAPL")
        for number in range(5):
            await one.ask("commands", *(one.order(f"c{number}-{index}") for index in range(number)))
            await one.ask("market", Quote("f", 1, number + 1, "AAPL", "XNAS", 1, 2, 3, 4))
    for journal in ("trading", "market"):
        told = [(seq, event) for name, seq, event in published.events if name == journal]
        assert told == journaled(tmp_path, journal)
