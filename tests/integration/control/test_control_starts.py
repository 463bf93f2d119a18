"""Risk and control across starts: what a new journal begins with, and what an old one goes on with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio
import uuid_utils

from ledger.codec import decode_events
from ledger.config import Settings, load
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, SubmitOrder
from ledger.domain.control_commands import EngageKillSwitch, MassCancel, SetRiskLimit
from ledger.domain.control_events import MassCancelCompleted, MassCancelRequested, RiskLimitSet
from ledger.domain.enums import OrderType, Side
from ledger.domain.events import CancelRequested
from ledger.domain.limit import RiskLimit
from ledger.domain.scope import Scope
from ledger.engine import Engine, EngineSettings, replay
from ledger.engine.birth import risk_at_birth
from ledger.engine.control_turns import CHUNK_CANCELS
from ledger.journal import JournalReader, create_or_open
from ledger.wire import Committed
from served_engine import SETTINGS

ORDERS = 3 * CHUNK_CANCELS


def new_id() -> bytes:
    return uuid_utils.uuid7().bytes


def order(name: str) -> SubmitOrder:
    return SubmitOrder(new_id(), name, "S1", "AAPL", "XNAS", Side.BUY, OrderType.LIMIT, 10, 10_000)


class Running:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.crashed = False

    async def ask(self, *commands: Any) -> list[Any]:
        answered, answers = trio.Event(), []

        def reply(got: list[Any]) -> None:
            answers.extend(got)
            answered.set()

        self.engine.submit_nowait("commands", list(commands), actor="ann", received_at_ns=1, reply=reply)
        with trio.fail_after(20):
            await answered.wait()
        return answers

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the engine's own inputs: each passes the dispatcher, so asking it again lets it go on."""
        with trio.fail_after(20):
            while not condition():
                await self.engine.wait_durable()

    @property
    def control(self) -> Any:
        return self.engine.partition.trading.control


@asynccontextmanager
async def running(directory: Path, **more: Any) -> AsyncIterator[Running]:
    data = create_or_open(directory, partitions=1)
    engine = Engine(data, 0, EngineSettings(**{**SETTINGS, **more}))
    engine.open(trio.lowlevel.current_trio_token())
    one, heads = Running(engine), None
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            yield one
            if one.crashed:
                nursery.cancel_scope.cancel()
            engine.stop()
    finally:
        heads = engine.close()
        data.close(None if one.crashed else heads)


def events(directory: Path) -> list[Any]:
    with JournalReader(directory, "trading", 0) as reader:
        return [event for frame in reader.frames() for event in decode_events(frame.payload)]


async def defined(one: Running) -> None:
    await one.ask(DefineInstrument(new_id(), "AAPL", "XNAS", 2, 0), DefineStrategy(new_id(), "S1", "A1"))


def only_one_chunk(engine: Engine) -> None:
    """The chunks after the first are never queued, as if the process had been killed before them."""
    queue = engine._queue_posted

    def once() -> None:
        queue()
        engine._queue_posted = engine.partition.posted.clear

    engine._queue_posted = once


async def test_a_kill_in_the_middle_of_a_mass_cancel_is_made_good_by_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await defined(one)
        await one.ask(*(order(f"o{number}") for number in range(ORDERS)))
        only_one_chunk(one.engine)
        await one.ask(EngageKillSwitch(new_id(), Scope.STRATEGY, "S1", "panic"))
        await one.until(lambda: any(it.requested for it in one.control.mass_cancels))
        await one.engine.wait_durable()
        one.crashed = True
    before = [it.order for it in events(tmp_path) if type(it) is CancelRequested]
    assert len(before) == CHUNK_CANCELS
    assert not any(type(it) is MassCancelCompleted for it in events(tmp_path))

    async with running(tmp_path) as two:
        (refused,) = await two.ask(order("late"))
        assert refused.code == 40
        await two.until(lambda: all(it.completed_seq for it in two.control.mass_cancels))
        digest = two.engine.partition.trading.digest()
    journal = events(tmp_path)
    cancels = [it.order for it in journal if type(it) is CancelRequested]
    assert sorted(cancels) == sorted(f"o{number}" for number in range(ORDERS))
    asked_at = next(seq for seq, it in enumerate(journal, 1) if type(it) is MassCancelRequested)
    assert [it for it in journal if type(it) is MassCancelCompleted] == [
        MassCancelCompleted(asked_at, ORDERS)
    ]
    assert replay(tmp_path, "trading", 0).fold.digest() == digest


async def test_other_inputs_are_answered_while_a_mass_cancel_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await defined(one)
        await one.ask(*(order(f"o{number}") for number in range(ORDERS)))
        done: list[str] = []
        _, answer = await one.ask(
            MassCancel(new_id(), Scope.ALL), CancelOrder(new_id(), "AAPL", "mine", f"o{ORDERS - 1}")
        )
        assert type(answer) is Committed
        done.append("cancel")
        await one.until(lambda: all(it.completed_seq for it in one.control.mass_cancels))
    mine = [it.client_order_id for it in events(tmp_path) if type(it) is CancelRequested]
    assert mine.index("mine") < ORDERS - 1
    assert len(mine) == ORDERS


async def test_a_mass_cancel_and_a_kill_switch_may_use_the_room_kept_for_cancels(tmp_path: Path) -> None:
    async with running(tmp_path, queue_max=10, queue_reserved=10) as one:
        await defined(one)
        answers: list[Any] = []
        full = [order(f"o{number}") for number in range(9)]
        one.engine.submit_nowait("commands", full, actor="ann", received_at_ns=1, reply=answers.extend)
        one.engine.submit_nowait(
            "commands", [order("over")], actor="ann", received_at_ns=1, reply=answers.extend
        )
        assert [it.code for it in answers] == [6]
        urgent = await one.ask(
            MassCancel(new_id(), Scope.ALL), EngageKillSwitch(new_id(), Scope.ALL, "", "panic")
        )
        assert [type(it) for it in urgent] == [Committed, Committed]
        await one.until(lambda: all(it.completed_seq for it in one.control.mass_cancels))
    assert sum(type(it) is CancelRequested for it in events(tmp_path)) == 9


async def test_limits_and_exposures_are_the_same_after_a_restart(tmp_path: Path) -> None:
    limit = SetRiskLimit(new_id(), Scope.STRATEGY, "S1", max_open_orders=2, reason="why")
    async with running(tmp_path) as one:
        await defined(one)
        await one.ask(order("a"), limit, order("b"))
        digest = one.engine.partition.trading.digest()
    async with running(tmp_path) as two:
        assert two.engine.partition.trading.digest() == digest
        (refused,) = await two.ask(order("c"))
        assert refused.code == 47
        (again,) = await two.ask(limit)
        assert again.repeated


async def test_a_new_journal_begins_with_the_configured_limits_and_an_old_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, risk=RiskLimit(max_open_orders=1)) as one:
        await defined(one)
        first, second = await one.ask(order("a"), order("b"))
        assert (type(first), second.code) == (Committed, 47)
    async with running(tmp_path, risk=RiskLimit(max_open_orders=100)) as two:
        (refused,) = await two.ask(order("c"))
        assert refused.code == 47
    (born,) = (it for it in events(tmp_path) if type(it) is RiskLimitSet)
    assert (born.scope, born.max_open_orders, born.actor, born.command_id) == (Scope.ALL, 1, "engine", b"")


async def test_a_journal_born_without_limits_holds_none(tmp_path: Path) -> None:
    async with running(tmp_path, risk=risk_at_birth(Settings())):
        pass
    assert not any(type(it) is RiskLimitSet for it in events(tmp_path))


def test_every_key_of_the_risk_section_reaches_the_limit_it_names(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "max_order_qty": "1.5",
        "max_order_notional": "2000",
        "px_collar": "0.05",
        "max_position": "30",
        "max_open_orders": 4,
        "max_gross_notional": "50000",
        "duplicate_window_ms": 600,
        "messages_per_second": 7,
        "mark_age_max_ms": 800,
    }
    file = tmp_path / "risk.yaml"
    file.write_bytes(msgspec.yaml.encode({"risk": values}))
    limit = risk_at_birth(load(file).settings)
    assert limit == RiskLimit(
        150_000_000, 2000 * 10**8, 5_000_000, 30 * 10**8, 4, 50_000 * 10**8, 600, 7, 800
    )
