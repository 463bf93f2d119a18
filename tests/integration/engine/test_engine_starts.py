"""Starts: epochs, the market journal's leap, times that never go back, and frames that fit (DESIGN 3 to 5)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ledger.domain.commands import DefineInstrument
from ledger.domain.enums import BookSource
from ledger.domain.events import EngineStarted, MarketTailLost
from ledger.domain.facts import BookDelta, BookSnapshot, Quote
from ledger.engine.recovery import EPOCH_LEAP
from ledger.journal import FRAME_BYTES_MAX, JournalReader, verify
from running_engine import SETTINGS, Clock, accepted, fill, journaled, names, replayed, running

UNNUMBERED = BookSource.UNNUMBERED
"""A feed without numbers: what was lost does not show by itself."""


def frames(directory: Path, journal: str = "trading") -> list:
    with JournalReader(directory, journal, 0) as reader:
        return list(reader.frames())


async def test_every_start_begins_an_epoch_in_both_journals_that_is_recorded_first(tmp_path: Path) -> None:
    for _ in range(3):
        async with running(tmp_path):
            pass
    for journal in ("trading", "market"):
        started = [event for _seq, event in journaled(tmp_path, journal) if type(event) is EngineStarted]
        assert [event.epoch for event in started] == [1, 2, 3]
        assert [frame.epoch for frame in frames(tmp_path, journal)] == [1, 2, 3]
    assert started[0].settings["order.max_outstanding_replaces"] == 1


async def test_the_market_leaps_over_what_may_have_been_published_and_says_what_is_lost(
    tmp_path: Path,
) -> None:
    """I-1: holes between epochs are journaled."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask(
            "market",
            BookSnapshot("f", 1, 1, "AAPL", "XNAS", 10, ((100, 5),), ((102, 7),), continuity=UNNUMBERED),
        )
        await one.settle()
        clock, new_id = one.clock, one.new_id
        head = one.engine.open_market.durable_seq
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        (book,) = await one.rows("book", symbol="AAPL")
        assert book["status"] == "STALE"
        await one.ask(
            "market",
            BookSnapshot("f", 2, 1, "AAPL", "XNAS", 20, ((100, 5),), ((102, 7),), continuity=UNNUMBERED),
        )
        assert (await one.rows("book", symbol="AAPL"))[0]["status"] == "LIVE"
    events = journaled(tmp_path, "market")
    (lost,) = [(seq, event) for seq, event in events if type(event) is MarketTailLost]
    started = [seq for seq, event in events if type(event) is EngineStarted]
    assert started[1] == head + EPOCH_LEAP + 1
    assert lost == (started[1] + 1, MarketTailLost(head + 1, head + EPOCH_LEAP))
    assert [seq for seq, _event in journaled(tmp_path)] == list(range(1, len(names(tmp_path)) + 1))
    assert verify(tmp_path).problems == []


async def test_times_never_go_back_with_a_clock_that_does(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.settle()
        highest = one.engine.open_trading.now_ns
        clock.now_ns -= 3 * 10**9
        await one.ask("commands", one.order("c2"))
        new_id = one.new_id
        one.crash()
    clock.now_ns -= 10**9
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        await one.ask("commands", one.order("c3"))
        created = [state.terms.ts_created for state in one.engine.partition.trading.orders]
        assert created[1] == created[2] == highest
    for journal in ("trading", "market"):
        times = [frame.recorded_at_ns for frame in frames(tmp_path, journal)]
        assert times == sorted(times)


async def test_recovered_is_what_was_live(tmp_path: Path) -> None:
    """I-2."""
    async with running(tmp_path) as one:
        await one.define("AAPL", "MSFT")
        await one.ask("commands", one.order("c1"), one.order("c2", symbol="MSFT"))
        await one.ask("reports", accepted(1, "c1"), fill(2, "c1", 30), fill(5, "c2", 10, symbol="MSFT"))
        await one.ask("market", BookSnapshot("f", 1, 1, "AAPL", "XNAS", 10, ((100, 5),), ((102, 7),)))
        await one.settle()
        live = one.digests()
        one.crash()
    assert replayed(tmp_path) == live


async def test_large_facts_in_one_batch_make_frames_that_fit(tmp_path: Path) -> None:
    levels = tuple((2**40 + px, 2**40) for px in range(60_000))
    async with running(tmp_path) as one:
        await one.define("AAPL")
        books = [BookSnapshot("f", 1, seq, "AAPL", "XNAS", seq, levels, ()) for seq in range(1, 16)]
        await one.ask("market", *books)
        assert (await one.rows("book", symbol="AAPL"))[0]["last_update"] == 15
    sizes = [frame.bytes_count for frame in frames(tmp_path, "market")]
    assert max(sizes) <= FRAME_BYTES_MAX
    assert sum(sizes) > 2 * FRAME_BYTES_MAX


async def test_orders_full_of_text_make_frames_that_fit_though_sizes_are_estimates(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(SETTINGS, frame_bytes_max=1 << 20, turns_max=4096, queue_max=1 << 16)
    wide = "\U0001f4b0" * 256
    async with running(tmp_path, settings=settings) as one:
        await one.define("AAPL")
        orders = [
            one.order(f"c{number}", algo_id=wide, trader_id=wide, on_behalf_of=wide) for number in range(1000)
        ]
        await one.ask("commands", *orders)
    sizes = [frame.bytes_count for frame in frames(tmp_path)]
    assert sum(sizes) > 3_000_000
    assert max(sizes) < 2_500_000


async def test_very_many_suspended_facts_are_resumed_in_frames_that_fit(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(SETTINGS, frame_bytes_max=64 << 10)
    async with running(tmp_path, settings=settings) as one:
        await one.define()
        for start in range(0, 2000, 500):
            quotes = [
                Quote("f", 1, seq, "LATE", "XNAS", 1, 2, 3, seq) for seq in range(start + 1, start + 501)
            ]
            await one.ask("market", *quotes)
        await one.ask("commands", DefineInstrument(one.new_id(), "LATE", "XNAS"))
        await one.settle()
        (book,) = await one.rows("book", symbol="LATE")
        assert book["last_quote"]["ask"][1] == "2000"
    assert names(tmp_path, "market").count("MarketQuoted") == 2000
    assert max(frame.bytes_count for frame in frames(tmp_path, "market")) < 128 << 10


async def test_deltas_after_a_start_wait_for_the_snapshot_that_bridges_them(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("market", BookSnapshot("f", 1, 1, "AAPL", "XNAS", 10, ((100, 5),), ((102, 7),)))
        clock, new_id = one.clock, one.new_id
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        await one.ask("market", BookDelta("f", 2, 1, "AAPL", "XNAS", 31, 31, ((101, 1),), ()))
        assert (await one.rows("book", symbol="AAPL"))[0]["status"] == "STALE"
        await one.ask("market", BookSnapshot("f", 2, 2, "AAPL", "XNAS", 30, ((100, 5),), ((102, 7),)))
        (book,) = await one.rows("book", symbol="AAPL")
        assert (book["status"], book["best_bid"]) == ("LIVE", ["0.0101", "1"])
