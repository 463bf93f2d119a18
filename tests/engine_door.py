"""A real engine in this process, on a real journal, without sockets: what feeds and simulations can run against."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import uuid_utils

from ledger.domain.commands import DefineInstrument
from ledger.domain.context import OrderRules
from ledger.domain.values import parse_decimal
from ledger.engine import Engine, EngineSettings
from ledger.journal import create_or_open
from ledger.wire import Committed, FactCommitted, Query

SETTINGS = EngineSettings(
    segment_bytes_max=1 << 26,
    map_size_bytes=1 << 30,
    market_sync_s=0.001,
    turns_max=256,
    queue_max=65_536,
    queue_reserved=4096,
    frame_bytes_max=8 << 20,
    idempotence_window_ns=7 * 86_400 * 10**9,
    clock_step_max_ns=5 * 10**9,
    rules=OrderRules(),
)


class EngineDoor:
    """Implements `feeds.MarketDoor` and `testing.TradingDoor` on an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def _exchange(self, door: str, inputs: Sequence[Any]) -> list[Any]:
        done, answers = trio.Event(), []

        def reply(given: list[Any]) -> None:
            answers.extend(given)
            done.set()

        self.engine.submit_nowait(
            door, list(inputs), actor="test", received_at_ns=time.time_ns(), reply=reply
        )
        await done.wait()
        return answers

    async def send_commands(self, commands: Sequence[Any]) -> list[Any]:
        return await self._exchange("commands", commands)

    async def send_facts(self, facts: Sequence[Any]) -> list[Any]:
        return await self._exchange("reports", facts)

    async def rows(self, what: str, **filters: str) -> list[dict[str, Any]]:
        [page] = await self._exchange("query", [Query("q", what, filters, "", 10_000)])
        assert page.cursor == ""
        return page.rows

    async def sources(self, source: str) -> list[dict[str, Any]]:
        return await self.rows("sources", source=source)

    async def scales(self, symbol: str) -> tuple[int, int] | None:
        rows = await self.rows("instruments", symbol=symbol)
        return (rows[0]["price_scale"], rows[0]["qty_scale"]) if rows else None

    async def define(self, terms: dict[str, Any]) -> None:
        tick, lot = (
            parse_decimal(terms["tick"], terms["price_scale"]),
            parse_decimal(terms["lot"], terms["qty_scale"]),
        )
        command = DefineInstrument(uuid_utils.uuid7().bytes, **{**terms, "tick": tick, "lot": lot})
        [answer] = await self.send_commands([command])
        assert type(answer) is Committed, answer

    async def requested(self) -> list[dict[str, Any]]:
        return await self.rows("snapshot_requests")

    async def send(self, facts: Sequence[Any]) -> None:
        for answer in await self._exchange("market", facts):
            assert type(answer) is FactCommitted, answer


@asynccontextmanager
async def running_engine(data: Path) -> AsyncIterator[EngineDoor]:
    """An engine on `data`, recovered if it held a journal, stopped cleanly at the end."""
    directory = create_or_open(data, partitions=1)
    heads = None
    try:
        engine = Engine(directory, 0, SETTINGS)
        engine.open(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            yield EngineDoor(engine)
            engine.stop()
            await engine.wait_ended()
            await engine.wait_durable()
            nursery.cancel_scope.cancel()
        heads = engine.close()
    finally:
        directory.close(heads)
