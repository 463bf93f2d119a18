"""The engine on a wal: what was answered comes back whatever the next start's mode, and fail-stop shows no more."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from ledger.journal import JournalReader, StorageError, verify
from ledger.journal.environment import SegmentHandle
from ledger.wire import Committed
from running_engine import SETTINGS, Clock, Ids, Running, names, running

WAL = msgspec.structs.replace(SETTINGS, commit="wal", wal_bytes=1 << 18)
IN_LOOP = msgspec.structs.replace(WAL, loop_sync_s=3600.0)
"""Every sync counts as quick."""
MODES = {"lmdb": SETTINGS, "wal": WAL, "wal, synced by the loop": IN_LOOP}


async def place_orders(one: Running, first: int, count: int) -> None:
    for number in range(first, first + count):
        (answer,) = await one.ask("commands", one.order(f"c{number}"))
        assert type(answer) is Committed, answer


@pytest.mark.parametrize("next_mode", sorted(MODES))
async def test_what_was_answered_comes_back_from_the_files_of_a_killed_engine(
    tmp_path: Path, next_mode: str
) -> None:
    ids, clock = Ids(), Clock()
    killed, living = tmp_path / "killed", tmp_path / "living"
    async with running(living, settings=WAL, new_id=ids, clock=clock) as one:
        await one.define("AAPL")
    async with running(living, settings=WAL, new_id=ids, clock=clock) as one:
        (segment,) = (living / "trading/0/segments").glob("*.lmdb")
        holder = SegmentHandle(segment, writable=True)
        with holder.environment.begin(write=True):  # nothing is settled meanwhile
            await place_orders(one, 0, 10)
            shutil.copytree(living, killed)
            expected = one.digests()
            settled = one.commits["trading"].settled.seq
        holder.close()
    with JournalReader(killed, "trading", 0) as reader:
        assert reader.settled().seq == settled < reader.head().seq
    assert verify(killed).ok
    async with running(killed, settings=MODES[next_mode], new_id=ids, clock=clock) as again:
        assert again.digests()["trading"] == expected["trading"]
        assert (killed / "trading/0/wal").exists() == (next_mode != "lmdb")
        await place_orders(again, 10, 3)
        (row,) = await again.rows("head")
        (trading,) = row["journals"]["trading"]
        assert int(trading["settled"].split(":")[1]) <= int(trading["head"].split(":")[1])
    assert names(killed).count("OrderSubmitted") == 13
    assert verify(killed).ok


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("after_write", [False, True])
async def test_after_a_failed_sync_the_engine_shows_what_was_durable_and_no_more(
    tmp_path: Path, mode: str, after_write: bool
) -> None:
    async with running(tmp_path, settings=MODES[mode]) as one:
        await one.define("AAPL")
        await place_orders(one, 0, 5)
        held = one.commits["trading"]
        held.fail_after_write = after_write
        held.fail_with = StorageError("the disk says no")
        one.send("commands", [one.order("lost")], lambda answers: pytest.fail(f"answered {answers}"))
        await one.engine._stopped.wait()  # pyright: ignore[reportPrivateUsage]
        orders = await one.rows("orders")
        assert sorted(row["client_order_id"] for row in orders) == [f"c{number}" for number in range(5)]
    held.fail_with = None
    async with running(tmp_path, settings=MODES[mode]) as again:
        assert len(await again.rows("orders")) == 5 + after_write


async def test_many_starts_in_changing_modes_keep_one_journal(tmp_path: Path) -> None:
    ids, clock = Ids(), Clock()
    before = None
    for start, mode in enumerate(["wal", "lmdb", "wal", "wal", "lmdb"]):
        async with running(tmp_path, settings=MODES[mode], new_id=ids, clock=clock) as one:
            if before is None:
                await one.define("AAPL")
            else:
                assert one.digests()["trading"] == before
            await place_orders(one, 10 * start, 4)
            before = one.digests()["trading"]
    assert names(tmp_path).count("OrderSubmitted") == 20
    assert verify(tmp_path).ok


async def test_a_frame_that_nothing_waits_behind_is_synced_by_the_loop_and_others_by_the_thread(
    tmp_path: Path,
) -> None:
    ids, clock = Ids(), Clock()
    async with running(tmp_path, settings=IN_LOOP, new_id=ids, clock=clock) as one:
        await one.define("AAPL")
        commit = one.commits["trading"]
        commit.threads.clear()
        await place_orders(one, 0, 3)
        assert commit.threads == ["MainThread"] * 3
        for number in range(3, 3 + 2 * IN_LOOP.turns_max):  # more turns than one batch has: some wait behind
            one.send("commands", [one.order(f"c{number}")], lambda _got: None)
        await one.settle()
        assert commit.threads[3] == "writer-trading-0"
    slow = msgspec.structs.replace(WAL, loop_sync_s=1e-9)
    async with running(tmp_path, settings=slow, new_id=ids, clock=clock) as one:
        await place_orders(one, 1000, 3)
        assert set(one.commits["trading"].threads) == {"writer-trading-0"}
    assert names(tmp_path).count("OrderSubmitted") == 3 + 2 * IN_LOOP.turns_max + 3
    assert verify(tmp_path).ok
