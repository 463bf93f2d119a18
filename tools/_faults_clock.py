"""A clock that steps back and forward under a trading engine: recorded times never go back, nothing is lost or doubled."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import trio

from ledger.domain.codes import Code
from ledger.domain.operator_commands import ConfirmRecovery
from ledger.journal import JournalReader, verify
from ledger.wire import Committed, Refused
from running_engine import Clock, Ids, accepted, fill, replayed, running

STEPS_NS = (-86_400 * 10**9, -3600 * 10**9, -10 * 10**9, -1, 10 * 10**9, 3600 * 10**9)


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`count` steps, a restart after every tenth."""
    counts: Counter[str] = Counter(
        {"steps back": 0, "steps forward": 0, "orders": 0, "confirmed": 0, "refused": 0, "failed": 0}
    )
    trio.run(_play, folder / "data", count, random.Random(seed), counts)
    times = [frame.recorded_at_ns for frame in JournalReader(folder / "data", "trading", 0).frames()]
    report = verify(folder / "data")
    if times != sorted(times) or not report.ok:
        counts["failed"] += 1
        print(f"recorded times go back, or: {report.problems}")
    return counts


async def _play(data: Path, count: int, steps: random.Random, counts: Counter[str]) -> None:
    clock, ids = Clock(), Ids()
    known: dict[str, tuple[object, int]] = {}
    for start in range(-(-count // 10)):
        async with running(data, clock=clock, new_id=ids) as one:
            if not start:
                await one.define("AAPL")
            for index in range(10):
                step = steps.choice(STEPS_NS)
                counts["steps back" if step < 0 else "steps forward"] += 1
                clock.now_ns += step
                ids.at_ns = clock.now_ns
                name = f"c{start}-{index}"
                order = one.order(name)
                (answer,) = await one.ask("commands", order)
                if type(answer) is Refused and answer.code == Code.JOURNAL_READ_ONLY:
                    await one.ask("commands", ConfirmRecovery(ids(), "the clock was set"))
                    counts["confirmed"] += 1
                    (answer,) = await one.ask("commands", order)
                counts["orders"] += 1
                if type(answer) is not Committed:  # its id is of another time than the journal
                    counts["refused"] += 1
                    continue
                known[name] = (order, answer.seq)
                number = 2 * len(known)
                await one.ask("reports", accepted(number - 1, name), fill(number, name, 10))
            await one.settle()
            rows = {row["client_order_id"]: row["cum_qty"] for row in await one.rows("orders")}
            live = one.digests()
        if rows != dict.fromkeys(known, "10") or replayed(data) != live:
            counts["failed"] += 1
            print(f"start {start}: other orders than were acknowledged, or another state than the journal's")
