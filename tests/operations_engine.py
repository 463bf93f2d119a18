"""A real engine over a real journal whose clock is trio's, so that a test moves time by hand."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import trio.testing

from ledger.codec import decode_events
from ledger.domain import commands as c
from ledger.domain import facts as f
from ledger.domain import operator_commands as oc
from ledger.domain.context import OrderRules
from ledger.domain.enums import AdjustReason, OrderType, Side
from ledger.domain.timers import TimeRules
from ledger.engine import Engine, EngineSettings, replay
from ledger.fold import TradingFold
from ledger.journal import JournalReader, create_or_open
from ledger.wire import Query

START_NS = 1_763_650_800_000_000_000
"""2025-11-20T15:00:00Z."""
TODAY = "2025-11-20"
S = 10**9


def settings(times: TimeRules | None = None, *, require_confirmation: bool = False) -> EngineSettings:
    return EngineSettings(
        segment_bytes_max=1 << 24,
        map_size_bytes=1 << 30,
        market_sync_s=0.001,
        turns_max=256,
        queue_max=4096,
        queue_reserved=64,
        frame_bytes_max=8 << 20,
        idempotence_window_ns=7 * 86_400 * S,
        clock_step_max_ns=5 * S,
        rules=OrderRules(),
        times=times or TimeRules(),
        require_confirmation=require_confirmation,
    )


class Desk:
    """Whoever talks to the engine: an operator, two strategies of one account, a venue's gateway."""

    def __init__(self, engine: Engine, path: Path, runs: Any) -> None:
        self.engine = engine
        self.path = path
        self._runs = runs
        self._numbers = itertools.count(1)
        self._facts = itertools.count(1)

    @property
    def fold(self) -> TradingFold:
        return self.engine.partition.trading

    def now(self) -> int:
        return START_NS + int(trio.current_time() * S)

    def id(self) -> bytes:
        return (
            (self.now() // 10**6).to_bytes(6, "big")
            + b"\x70\x00\x80"
            + self._runs.to_bytes(1, "big")
            + next(self._numbers).to_bytes(6, "big")
        )

    async def ask(self, door: str, *inputs: Any) -> list[Any]:
        answers: list[Any] = []
        answered = trio.Event()

        def reply(got: list[Any]) -> None:
            answers.extend(got)
            answered.set()

        self.engine.submit_nowait(door, list(inputs), actor="olga", received_at_ns=self.now(), reply=reply)
        await answered.wait()
        return answers

    async def tell(self, command: Any) -> Any:
        return (await self.ask("commands", command))[0]

    async def say(self, kind: type, order: str, *fields: Any, symbol: str = "AAPL", **more: Any) -> Any:
        head = (more.pop("source", "gw"), self._runs, next(self._facts), symbol, "XNAS", order)
        return (await self.ask("reports", kind(*head, *fields, **more)))[0]

    async def rows(self, what: str, **filters: str) -> list[dict[str, Any]]:
        (page,) = await self.ask("query", Query("q", what, filters))
        assert hasattr(page, "rows"), page
        return page.rows

    async def define(self, *symbols: str, calendar: str = "24/7") -> None:
        await self.ask(
            "commands",
            c.DefineStrategy(self.id(), "S1", "ACC"),
            c.DefineStrategy(self.id(), "S2", "ACC"),
            c.DefineStrategy(self.id(), "OTHER", "ACC2"),
            *(
                c.DefineInstrument(self.id(), name, "XNAS", 4, 0, calendar=calendar)
                for name in symbols or ("AAPL",)
            ),
        )

    async def order(self, name: str, qty: int = 100, side: Side = Side.BUY, **more: Any) -> Any:
        more.setdefault("px", 100_000)
        symbol = more.pop("symbol", "AAPL")
        strategy = more.pop("strategy", "S1")
        return await self.tell(
            c.SubmitOrder(self.id(), name, strategy, symbol, "XNAS", side, OrderType.LIMIT, qty, **more)
        )

    async def fill(
        self, name: str, execution_id: str, qty: int, px: int, side: Side = Side.BUY, **more: Any
    ) -> Any:
        return await self.say(f.ReportFill, name, execution_id, TODAY, side, qty, px, **more)

    async def adjust(self, reason: AdjustReason, strategy: str = "S1", **more: Any) -> Any:
        more.setdefault("approver", "bob")
        return await self.tell(oc.AdjustPosition(self.id(), strategy, "AAPL", reason, **more))

    async def transfer(self, giver: str, taker: str, qty: int, px: int) -> Any:
        return await self.tell(oc.TransferPosition(self.id(), giver, taker, "AAPL", qty, px, "allocation"))

    async def at(self, clock: trio.testing.MockClock, seconds: float) -> None:
        """Let that much time pass, and everything that becomes due happen."""
        clock.jump(seconds)
        await trio.testing.wait_all_tasks_blocked()
        await self.settle()

    async def settle(self) -> None:
        await self.engine.dispatcher.wait_idle()
        await self.engine.wait_durable()

    def journal(self) -> list[Any]:
        events: list[Any] = []
        with JournalReader(self.path, "trading", 0) as reader:
            for frame in reader.frames():
                events += decode_events(frame.payload)
        return events

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.journal()]

    def position(self, strategy: str = "S1") -> Any:
        return self.fold.positions.get((strategy, "AAPL"))


@asynccontextmanager
async def desk(
    path: Path, with_settings: EngineSettings | None = None, *, run: int = 1
) -> AsyncIterator[Desk]:
    """An engine that runs; when it ends, what replay makes of its journal is what it had."""

    def clock() -> int:
        return START_NS + int(trio.current_time() * S)

    data = create_or_open(path, partitions=1)
    engine = Engine(data, 0, with_settings or settings(), clock=clock)
    engine.open(trio.lowlevel.current_trio_token())
    heads = None
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            yield Desk(engine, path, run)
            engine.stop()
    finally:
        heads = engine.close()
        data.close(heads)
    assert replay(path, "trading", 0).fold.digest() == engine.partition.trading.digest(), "I-2"
