"""A clock that steps back and forward under a trading engine, which watches it with one that nobody sets.

Recorded times never go back, nothing is lost or doubled, each step beyond `clock.max_step` is journaled, and no order is
taken after one before an operator confirms.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import msgspec
import trio

from ledger.domain.codes import Code
from ledger.domain.operator_commands import ConfirmRecovery
from ledger.domain.operator_events import ClockSampled
from ledger.journal import JournalReader, verify
from ledger.wire import Committed, Refused
from running_engine import SETTINGS, Machine, accepted, fill, journaled, replayed, running

STEPS_NS = (-86_400 * 10**9, -3600 * 10**9, -10 * 10**9, -1, 10 * 10**9, 3600 * 10**9)
PATIENT = msgspec.structs.replace(SETTINGS, idempotence_window_ns=10_000 * 86_400 * 10**9)
"""Days go back and forward here: no id is to be too old for an answer, so that every refusal is the step's."""


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`count` steps, a restart after every tenth."""
    names = (
        "steps back",
        "steps forward",
        "beyond the limit",
        "starts behind",
        "orders",
        "refused",
        "failed",
    )
    counts: Counter[str] = Counter(dict.fromkeys(names, 0))
    trio.run(_play, folder / "data", count, random.Random(seed), counts)
    times = [frame.recorded_at_ns for frame in JournalReader(folder / "data", "trading", 0).frames()]
    report = verify(folder / "data")
    if times != sorted(times) or not report.ok:
        counts["failed"] += 1
        print(f"recorded times go back, or: {report.problems}")
    told = sum(type(event) is ClockSampled for _, event in journaled(folder / "data"))
    if told != counts["beyond the limit"] + counts["starts behind"]:
        counts["failed"] += 1
        print(f"{told} steps are journaled")
    return counts


async def _play(data: Path, count: int, steps: random.Random, counts: Counter[str]) -> None:
    machine = Machine()
    clock, ids = machine.wall, machine.ids()
    known: dict[str, tuple[object, int]] = {}
    newest_ns = 0
    for start in range(-(-count // 10)):
        waits = clock.now_ns - newest_ns < -SETTINGS.clock_step_max_ns
        counts["starts behind"] += waits
        async with running(data, clock=clock, steady=machine.steady, new_id=ids, settings=PATIENT) as one:
            if not start:
                await one.define("AAPL")
            for index in range(10):
                step = steps.choice(STEPS_NS)
                counts["steps back" if step < 0 else "steps forward"] += 1
                beyond = abs(step) > SETTINGS.clock_step_max_ns
                counts["beyond the limit"] += beyond
                machine.set(step)
                ids.at_ns = clock.now_ns
                name = f"c{start}-{index}"
                order = one.order(name)
                (answer,) = await one.ask("commands", order)
                waits = waits or beyond
                if waits:
                    counts["refused"] += 1
                    _expect(answer, Code.JOURNAL_READ_ONLY, counts)
                    (answer,) = await one.ask("commands", ConfirmRecovery(ids(), "the clock was set"))
                    _expect(answer, None, counts)
                    (answer,) = await one.ask("commands", order)
                _expect(answer, None, counts)
                waits = False
                counts["orders"] += 1
                known[name] = (order, answer.seq)
                number = 2 * len(known)
                await one.ask("reports", accepted(number - 1, name), fill(number, name, 10))
                newest_ns = max(newest_ns, clock.now_ns)
            await one.settle()
            rows = {row["client_order_id"]: row["cum_qty"] for row in await one.rows("orders")}
            live = one.digests()
        if rows != dict.fromkeys(known, "10") or replayed(data) != live:
            counts["failed"] += 1
            print(f"start {start}: other orders than were acknowledged, or another state than the journal's")


def _expect(answer: object, refused: Code | None, counts: Counter[str]) -> None:
    """Committed, or refused with this code."""
    code = answer.code if type(answer) is Refused else None
    if code != refused or (refused is None and type(answer) is not Committed):
        counts["failed"] += 1
        print(f"{answer}, expected {'a commit' if refused is None else refused.name}")
