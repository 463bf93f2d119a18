"""The first storage error ends the writing: nothing is acknowledged that is not durable, reads go on (DESIGN 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder
from ledger.domain.facts import Quote
from ledger.journal import StorageError, verify
from ledger.wire import Committed, Page, Query, Refused, Unavailable
from running_engine import SETTINGS, Published, Running, accepted, fill, names, replayed, running

BROKEN = StorageError("committing trading/0:9: I/O error", "look at the disk")


async def fail(one: Running, *, journal: str = "trading", after_write: bool = False) -> list[Any]:
    """The next commit fails, under an order that was decided; the answers that came to it."""
    answers: list[Any] = []
    commit = one.commits[journal]
    commit.fail_with, commit.fail_after_write = BROKEN, after_write
    if journal == "trading":
        one.send("commands", [one.order("lost")], answers.extend)
    else:
        one.send("market", [Quote("f", 1, 99, "AAPL", "XNAS", 1, 2, 3, 4)], answers.extend)
    with trio.fail_after(10):
        await one.engine.wait_failed()
    for _ in range(20):
        await trio.lowlevel.checkpoint()
    return answers


@pytest.mark.parametrize("after_write", [False, True], ids=["nothing-written", "written-but-not-synced"])
async def test_after_a_failed_sync_what_was_decided_has_no_answer_and_reads_show_what_is_durable(
    tmp_path: Path, after_write: bool
) -> None:
    published = Published()
    async with running(tmp_path, publisher=published) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.settle()
        durable, told = one.digests(), len(published.events)
        assert await fail(one, after_write=after_write) == []
        assert one.engine.failed is BROKEN
        assert len(published.events) == told
        assert [row["client_order_id"] for row in await one.rows("orders")] == ["c1"]
        assert one.digests() == durable
        (head,) = await one.rows("head")
        assert (head["ready"], "I/O error" in head["why"]) == (False, True)


@pytest.mark.parametrize("journal", ["trading", "market"])
async def test_afterwards_commands_are_read_only_facts_unavailable_and_known_commands_keep_their_answers(
    tmp_path: Path, journal: str
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        order = one.order("c1")
        (first,) = await one.ask("commands", order)
        await one.settle()
        await fail(one, journal=journal)
        new, cancel = one.order("c2"), CancelOrder(one.new_id(), "AAPL", "k1", "c1")
        answers = await one.ask("commands", order, new, cancel)
        assert answers[0] == msgspec.structs.replace(first, repeated=True)
        assert [(type(answer), answer.code) for answer in answers[1:]] == [
            (Refused, Code.JOURNAL_READ_ONLY)
        ] * 2
        told = await one.ask("reports", accepted(1, "c1")) + await one.ask(
            "market", Quote("f", 1, 1, "AAPL", "XNAS", 1, 2, 3, 4)
        )
        assert [type(answer) for answer in told] == [Unavailable] * 2
        with pytest.raises(StorageError):
            await one.engine.wait_durable()


async def test_a_batch_that_the_failure_cut_in_two_gets_no_answer(tmp_path: Path) -> None:
    """Its first orders were decided and may be lost: a Committed for them would be a lie."""
    settings = msgspec.structs.replace(SETTINGS, turns_max=2)
    async with running(tmp_path, settings=settings) as one:
        await one.define("AAPL")
        await one.settle()
        answers: list[Any] = []
        one.commits["trading"].fail_with = BROKEN
        one.commits["trading"].hold()
        one.send("commands", [one.order("first")], lambda _got: None)
        while not one.commits["trading"].waiting.is_set():
            await trio.lowlevel.checkpoint()
        one.send("commands", [one.order(f"c{number}") for number in range(10)], answers.extend)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        one.engine.dispatcher.pause()
        await trio.lowlevel.checkpoint()
        decided = len(one.engine.partition.trading.orders.states)
        assert 1 < decided < 11
        one.commits["trading"].release()
        await one.engine.wait_failed()
        await one.engine.dispatcher.wait_idle()
        assert answers == []
        assert await one.rows("orders") == []


async def test_nothing_acknowledged_is_lost_at_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        orders = [one.order(f"c{number}") for number in range(5)]
        acknowledged = await one.ask("commands", *orders)
        await one.ask("reports", accepted(1, "c0"), fill(2, "c0", 60))
        await one.settle()
        durable = one.digests()
        await fail(one)
        clock, new_id = one.clock, one.new_id
    assert replayed(tmp_path) == durable
    assert verify(tmp_path).problems == []
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        assert await one.ask("commands", *orders) == [
            msgspec.structs.replace(answer, repeated=True) for answer in acknowledged
        ]
        assert (await one.ask("reports", fill(2, "c0", 60)))[0].repeated
        (answer,) = await one.ask("commands", one.order("lost"))
        assert (type(answer), answer.repeated) == (Committed, False)


async def test_queries_that_cannot_be_served_from_the_disk_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.engine import engine

    async with running(tmp_path) as one:
        await one.define("AAPL")

        def unreadable(*_anything: Any) -> Any:
            raise StorageError("reading: I/O error", "look at the disk")

        monkeypatch.setattr(engine, "refold", unreadable)
        await fail(one)
        (answer,) = await one.ask("query", Query("q", "orders"))
        assert type(answer) is not Page
        assert "cannot be read" in answer.detail
        (refused,) = await one.ask("commands", one.order("c2"))
        assert refused.code == Code.JOURNAL_READ_ONLY


async def test_a_failed_engine_ends_without_the_heads_of_a_clean_stop(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.settle()
        before = names(tmp_path)
        await fail(one)
        engine = one.engine
    assert engine.close() is None
    assert names(tmp_path) == before
