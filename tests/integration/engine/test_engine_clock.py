"""A wall clock that somebody sets: new orders wait for an operator, cancels and facts go on, the journal says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, ReplaceOrder
from ledger.domain.events import AnomalyRecorded
from ledger.domain.operator_commands import ConfirmRecovery
from ledger.domain.operator_events import ClockSampled
from ledger.engine.watched_clock import WatchedClock, steady_clock
from ledger.wire import Committed, FactCommitted, Refused
from running_engine import START_NS, Ids, Machine, accepted, fill, journaled, names, replayed, running

S = 10**9
HOUR = 3600 * S


def at(path: Path, machine: Machine, new_id: Ids | None = None) -> Any:
    return running(path, clock=machine.wall, steady=machine.steady, new_id=new_id or machine.ids())


@pytest.mark.parametrize("step_ns", [HOUR, -HOUR, 6 * S, -6 * S])
async def test_after_a_step_new_orders_wait_until_an_operator_confirms(tmp_path: Path, step_ns: int) -> None:
    machine = Machine()
    async with at(tmp_path, machine) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("a"))
        await one.ask("reports", accepted(1, "a"))
        machine.set(step_ns)
        one.new_id.at_ns = max(machine.wall.now_ns, START_NS)
        refused, replaced = await one.ask(
            "commands", one.order("b"), ReplaceOrder(one.new_id(), "AAPL", "r", "a", 90)
        )
        for answer in (refused, replaced):
            assert (type(answer), answer.code) == (Refused, Code.JOURNAL_READ_ONLY)
            assert "ledger confirm" in answer.detail
        way = "forward" if step_ns > 0 else "back"
        assert f"set {way} by {abs(step_ns) / S:,.1f} s" in refused.detail
        (cancel,) = await one.ask("commands", CancelOrder(one.new_id(), "AAPL", "k", "a"))
        (filled,) = await one.ask("reports", fill(2, "a", 10))
        assert (type(cancel), type(filled)) == (Committed, FactCommitted)
        assert "ledger confirm" in (await one.rows("head"))[0]["why"]
        (confirmed,) = await one.ask("commands", ConfirmRecovery(one.new_id(), "set by hand"))
        (again,) = await one.ask("commands", ConfirmRecovery(one.new_id(), "once more"))
        assert (confirmed.repeated, again.repeated) == (False, True)
        (taken,) = await one.ask("commands", one.order("c"))
        assert type(taken) is Committed
        assert (await one.rows("head"))[0]["why"] == ""
        live = one.digests()
    assert replayed(tmp_path) == live
    said = [event for _, event in journaled(tmp_path) if type(event) in (ClockSampled, AnomalyRecorded)]
    assert [type(event) for event in said] == [ClockSampled, AnomalyRecorded]
    assert abs(said[0].step_ns - step_ns) < S
    assert said[1].kind == "CLOCK_STEP"


async def test_the_turn_that_first_reads_the_set_clock_refuses_its_order_already(tmp_path: Path) -> None:
    machine = Machine()
    async with at(tmp_path, machine) as one:
        await one.define("AAPL")
        machine.set(HOUR)
        one.new_id.at_ns = machine.wall.now_ns
        (answer,) = await one.ask("commands", one.order("a"))
        assert answer.code == Code.JOURNAL_READ_ONLY
        await one.settle()
    assert "OrderSubmitted" not in names(tmp_path)


async def test_a_step_within_the_limit_or_no_step_is_not_told(tmp_path: Path) -> None:
    machine = Machine()
    async with at(tmp_path, machine) as one:
        await one.define("AAPL")
        for number in range(4):
            machine.set(4 * S)
            machine.wall.now_ns += HOUR  # time that passes is no step
            one.new_id.at_ns = machine.wall.now_ns
            (answer,) = await one.ask("commands", one.order(f"a{number}"))
            assert type(answer) is Committed
    assert "ClockSampled" not in names(tmp_path)


async def test_a_restart_neither_confirms_a_step_nor_forgets_it(tmp_path: Path) -> None:
    machine = Machine()
    async with at(tmp_path, machine) as one:
        await one.define("AAPL")
        machine.set(HOUR)
        one.new_id.at_ns = machine.wall.now_ns
        await one.ask("commands", one.order("a"))
        await one.settle()
    async with at(tmp_path, machine, one.new_id) as one:
        assert any("no new orders" in line and "ledger confirm" in line for line in one.engine.start_report)
        assert (await one.ask("commands", one.order("b")))[0].code == Code.JOURNAL_READ_ONLY
        await one.ask("commands", ConfirmRecovery(one.new_id(), "right"))
    async with at(tmp_path, machine, one.new_id) as one:
        assert type((await one.ask("commands", one.order("c")))[0]) is Committed


async def test_a_start_before_its_own_journal_is_a_step_back(tmp_path: Path) -> None:
    machine = Machine()
    async with at(tmp_path, machine) as one:
        await one.define("AAPL")
    machine.set(-HOUR)
    async with at(tmp_path, machine, one.new_id) as one:
        assert any("set back by 3,600.0 s" in line for line in one.engine.start_report)
        (answer,) = await one.ask("commands", one.order("a"))
        assert answer.code == Code.JOURNAL_READ_ONLY
        live = one.digests()
    assert replayed(tmp_path) == live
    assert names(tmp_path)[-3:] == ["EngineStarted", "ClockSampled", "AnomalyRecorded"]


async def test_ids_of_right_clocks_are_taken_while_ours_is_set_back(tmp_path: Path) -> None:
    machine = Machine()
    async with at(tmp_path, machine) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("a"))
        machine.set(-HOUR)
        machine.wall.now_ns += 1800 * S
        one.new_id.at_ns = machine.wall.now_ns + HOUR
        (cancel,) = await one.ask("commands", CancelOrder(one.new_id(), "AAPL", "k", "a"))
        assert type(cancel) is Committed, cancel


async def test_an_idle_ledger_notices_when_it_looks_for_what_is_due(tmp_path: Path) -> None:
    machine = Machine()
    async with at(tmp_path, machine) as one:
        machine.set(HOUR)
        one.engine.timers.fire()  # at least once a second
        await one.settle()
        assert "set forward" in (await one.rows("head"))[0]["why"]
    assert names(tmp_path)[-2:] == ["ClockSampled", "AnomalyRecorded"]


def test_a_process_that_stood_still_between_two_readings_has_seen_no_step() -> None:
    steps: list[int] = []
    steady = iter([0, 0, 0, 10 * S, 10 * S, 10 * S])
    wall = iter([0, 0, 0, 10 * S])  # the third reading is from before the pause
    clock = WatchedClock(lambda: next(wall), lambda: next(steady), 5 * S, lambda step, _: steps.append(step))
    clock.watch()
    assert (clock(), clock()) == (0, 10 * S)
    assert steps == []


def test_the_steady_clock_goes_on() -> None:
    assert steady_clock() <= steady_clock()
