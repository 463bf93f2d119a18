"""Partitions that an operator lets go on: after a step of the clock, after a stop; who and why stands in the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ledger.engine.clock_watch import WatchedClock

from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder
from ledger.domain.operator_commands import ResumePartition
from ledger.domain.operator_events import PartitionResumed
from ledger.testing import Child
from ledger.wire import Committed, Refused
from running_engine import Clock, Running, accepted, journaled, replayed, running

S = 10**9


class Steady:
    """A clock that cannot be set: it goes on with the wall clock's microseconds, and by what a test says."""

    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self._apart = wall.now_ns

    def step(self, by_ns: int) -> None:
        """The wall clock alone steps."""
        self._wall.now_ns += by_ns
        self._apart += by_ns

    def __call__(self) -> int:
        return self._wall.now_ns - self._apart


def resume(one: Running, partition: int = 0, why: str = "the clock is right") -> ResumePartition:
    return ResumePartition(one.new_id(one.clock.now_ns), partition, why)


@pytest.mark.parametrize("by_ns", [6 * S, -6 * S])
async def test_a_step_of_the_clock_keeps_new_orders_out_until_an_operator_resumes(
    tmp_path: Path, by_ns: int
) -> None:
    clock = Clock()
    steady = Steady(clock)
    async with running(tmp_path, clock=clock, steady=steady) as one:
        await one.define("AAPL")
        one.new_id.at_ns = clock.now_ns
        clock.now_ns += 100 * S  # time goes on for both: no step
        (first,) = await one.ask("commands", one.order("a"))
        assert type(first) is Committed
        steady.step(by_ns)
        (refused,) = await one.ask("commands", one.order("b"))
        assert type(refused) is Refused
        assert refused.code == Code.JOURNAL_READ_ONLY
        assert f"stepped by {by_ns / S:+.3f} s" in refused.detail
        (head,) = await one.rows("head")
        assert (head["ready"], "stepped" in head["why"]) == (True, True)
        (resumed,) = await one.ask("commands", resume(one))
        assert (type(resumed), resumed.repeated) == (Committed, False)
        (taken,) = await one.ask("commands", one.order("b"))
        assert type(taken) is Committed
        (again,) = await one.ask("commands", resume(one))
        assert (again.repeated, again.seq) == (True, resumed.seq)
        live = one.digests()
    (event,) = [event for _, event in journaled(tmp_path) if type(event) is PartitionResumed]
    assert (event.partition, event.epoch, event.reason) == (0, 1, "the clock is right")
    assert event.stopped.startswith("the clock stepped by")
    assert replayed(tmp_path) == live


async def test_cancels_and_reports_go_on_after_a_step(tmp_path: Path) -> None:
    clock = Clock()
    steady = Steady(clock)
    async with running(tmp_path, clock=clock, steady=steady) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("a"))
        steady.step(7 * S)
        one.new_id.at_ns = clock.now_ns
        await one.ask("reports", accepted(1, "a"))
        (answer,) = await one.ask("commands", CancelOrder(one.new_id(), "AAPL", "x", "a"))
        assert type(answer) is Committed


async def test_a_start_with_a_clock_behind_the_journal_takes_no_new_order(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as one:
        await one.define("AAPL")
    clock.now_ns -= 3600 * S
    async with running(tmp_path, clock=clock, steady=Steady(clock)) as one:
        one.new_id.made = 100
        (refused,) = await one.ask("commands", one.order("a"))
        assert type(refused) is Refused
        assert "differs from the journal's last time by -" in refused.detail
        await one.ask("commands", resume(one))
        (taken,) = await one.ask("commands", one.order("b"))
        assert type(taken) is Committed


async def test_a_partition_resumes_only_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        (answer,) = await one.ask("commands", resume(one, partition=3))
        assert (type(answer), answer.code) == (Refused, Code.WRONG_PARTITION)


async def test_each_start_can_be_resumed_once(tmp_path: Path) -> None:
    for epoch in (1, 2):
        async with running(tmp_path) as one:
            one.new_id.made = 100 * epoch
            answers = [await one.ask("commands", resume(one)) for _ in range(2)]
            assert [answer.repeated for (answer,) in answers] == [False, True]
    assert [event.epoch for _, event in journaled(tmp_path) if type(event) is PartitionResumed] == [1, 2]


def test_slewing_is_no_step_and_without_a_steady_clock_nothing_is_watched() -> None:
    now, steady, said = [0], [0], list[str]()
    watched = WatchedClock(lambda: now[0], lambda: steady[0], 5 * S)
    watched.watch(said.append, 0)
    for _ in range(10):
        now[0], steady[0] = now[0] + 14 * S, steady[0] + 10 * S
        assert watched() == now[0]
    assert said == []
    now[0] += 100 * S
    watched()
    assert len(said) == 1
    blind = WatchedClock(lambda: now[0], None, 5 * S)
    blind.watch(said.append, 10**18)
    now[0] += 100 * S
    blind()
    assert len(said) == 1


def test_resume_writes_into_the_journal_of_a_stopped_ledger_who_let_it_go_on(
    ledger: Child, typed: Any
) -> None:
    code, _, err = typed("resume", "--data", ledger.data)
    assert (code, "needs a reason" in err) == (2, True)
    ledger.kill()
    said = typed.good("resume", "--data", ledger.data, "--reason", "the disk was replaced")
    assert "because: the disk was replaced" in said
    lines = typed.good("journal", "cat", "--type", "PartitionResumed", "--data", ledger.data)
    assert "reason=the disk was replaced" in lines
    assert "actor=resume" in lines
    ledger.start()
    assert "trading/0" in typed.good("resume", "--data", ledger.data, "--reason", "all is well")


@pytest.mark.slow
def test_every_partition_of_a_stopped_ledger_is_resumed(tmp_path: Path, typed: Any) -> None:
    with Child(tmp_path / "data", ["engine.partitions=3"]) as child:
        child.start()
        child.stop()
        row = typed.json(
            "resume", "--data", child.data, "--reason", "looked at", "--set", "engine.partitions=3"
        )
        assert [place.partition(":")[0] for place in row["places"]] == ["trading/0", "trading/1", "trading/2"]
        child.start()
        lines = typed.good("resume", "--data", child.data, "--reason", "and again").splitlines()
        assert [line[:11] for line in lines] == [f"partition {n}" for n in range(3)]
