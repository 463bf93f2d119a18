"""On a disk that runs full new orders are refused in time; cancels and facts go on, and so does the next start."""

from __future__ import annotations

from pathlib import Path

import msgspec
import trio

from full_disk import mounted
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder
from ledger.journal import Reserve
from ledger.wire import Committed, FactCommitted, Refused
from running_engine import SETTINGS, Clock, Ids, accepted, running

MIB = 1 << 20
WAL = msgspec.structs.replace(SETTINGS, commit="wal", wal_bytes=MIB // 2)


async def test_a_full_disk_refuses_new_orders_and_takes_cancels_and_facts(tmp_path: Path) -> None:
    told: list[int] = []
    with mounted(tmp_path / "disk", 8 * MIB) as disk:
        reserve = Reserve(disk, 3 * MIB, on_space_low=told.append, low_bytes=MIB)
        reserve.open()
        async with running(disk, settings=WAL, reserve=reserve) as one:
            await one.define("AAPL")
            (before,) = await one.ask("commands", one.order("c1"))
            assert type(before) is Committed
            ballast = disk / "ballast"
            with ballast.open("wb") as file:
                while reserve._free() >= MIB:  # pyright: ignore[reportPrivateUsage]
                    file.write(bytes(MIB // 8))
                    file.flush()
            with trio.fail_after(20):
                while not one.engine.partition.space_low:
                    await trio.sleep(0.01)
            (refused,) = await one.ask("commands", one.order("c2"))
            assert type(refused) is Refused
            assert refused.code == Code.JOURNAL_READ_ONLY
            assert "nearly full" in refused.detail
            (fact,) = await one.ask("reports", accepted(1, "c1"))
            assert type(fact) is FactCommitted
            (cancel,) = await one.ask(
                "commands",
                CancelOrder(one.new_id(), symbol="AAPL", client_order_id="k1", orig_client_order_id="c1"),
            )
            assert type(cancel) is Committed, cancel
            assert len(told) == 1
            ballast.unlink()
            reserve.restore()
            with trio.fail_after(20):
                while one.engine.partition.space_low:
                    await trio.sleep(0.01)
            (after,) = await one.ask("commands", one.order("c2"))
            assert type(after) is Committed


async def test_a_start_on_a_full_disk_uses_the_reserve(tmp_path: Path) -> None:
    ids, clock = Ids(), Clock()
    with mounted(tmp_path / "disk", 8 * MIB) as disk:
        async with running(disk, settings=SETTINGS, new_id=ids, clock=clock) as one:
            await one.define("AAPL")
        reserve = Reserve(disk, 3 * MIB, on_space_low=lambda free: None, low_bytes=MIB // 4)
        reserve.open()
        with (disk / "ballast").open("wb") as file:
            file.write(bytes(reserve._free() - MIB // 2))  # pyright: ignore[reportPrivateUsage]
        async with running(disk, settings=WAL, reserve=reserve, new_id=ids, clock=clock) as one:
            assert reserve.low
            with trio.fail_after(20):
                while not one.engine.partition.space_low:
                    await trio.sleep(0.01)
            (refused,) = await one.ask("commands", one.order("c1"))
            assert refused.code == Code.JOURNAL_READ_ONLY
