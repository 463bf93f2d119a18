"""The client library as feeds and simulations want it: batches in, wire answers out, errors where going on is vain."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, final

from ledger.cli.options import Where
from ledger.client import (
    AsyncClient,
    InDoubtError,
    NotReachable,
    RefusedError,
    RejectedError,
    Subscription,
    open_client,
)
from ledger.wire import Committed, FactCommitted, Refused, Rejected, parse_place, show_place

PATIENCE_S: Final = 120.0
"""How long a batch may stay without an answer: long enough for a ledger to be killed and to recover."""


@final
class ClientDoor:
    """Implements `feeds.MarketDoor` and `testing.TradingDoor`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._outward: dict[str, dict[int, Subscription]] = {}

    @property
    def partitions(self) -> int:
        """Of the ledger."""
        return self._client.partitions

    # ---- trading -------------------------------------------------------------------------------------------

    async def send_commands(self, commands: Sequence[Any]) -> list[Any]:
        outcomes = await self._client.send_commands(commands)
        return [_answer(command, outcome) for command, outcome in zip(commands, outcomes, strict=True)]

    async def send_facts(self, facts: Sequence[Any]) -> list[Any]:
        outcomes = await self._client.send_facts(facts)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return list(outcomes)

    async def outward(self, exchange: str, through: Mapping[int, int]) -> list[dict[str, Any]]:
        """The outward streams since the last call, up to event `through[partition]` of each; the first call begins."""
        if exchange not in self._outward:
            readings: dict[int, Subscription] = {}
            for part in (await self._client.head())["journals"]["trading"]:
                journal, partition, seq = parse_place(part["head"])
                begin = show_place(journal, partition, seq + 1)
                readings[partition] = Subscription(begin, exchange=exchange, outward=True)
            self._outward[exchange] = readings
        found: list[dict[str, Any]] = []
        for partition, seq in through.items():
            reading = self._outward[exchange][partition]
            while reading.next_seq <= seq:
                found += await self._client.fetch(reading)
        return found

    async def rows(self, what: str, **filters: str) -> list[dict[str, Any]]:
        return [row async for row in self._client.query(what, **filters)]

    # ---- market --------------------------------------------------------------------------------------------

    async def sources(self, source: str) -> list[dict[str, Any]]:
        return await self.rows("sources", source=source)

    async def scales(self, symbol: str) -> tuple[int, int] | None:
        for row in await self.rows("instruments", symbol=symbol):
            return row["price_scale"], row["qty_scale"]
        return None

    async def define(self, terms: dict[str, Any]) -> None:
        await self._client.define_instrument(**terms)

    async def send(self, facts: Sequence[Any]) -> None:
        await self.send_facts(facts)

    async def requested(self) -> list[dict[str, Any]]:
        return await self.rows("snapshot_requests")


def _answer(command: Any, outcome: Any) -> Committed | Rejected | Refused:
    if isinstance(outcome, RejectedError):
        _, partition, seq = parse_place(outcome.place)
        return Rejected(command.command_id, partition, seq, outcome.code, outcome.detail, outcome.repeated)
    if isinstance(outcome, RefusedError):
        return Refused(command.command_id, outcome.code, outcome.detail, outcome.retry_after_ms)
    if isinstance(outcome, (InDoubtError, NotReachable)):
        raise outcome
    assert not isinstance(outcome, (Exception, FactCommitted))
    return outcome


@asynccontextmanager
async def open_door(where: Where, patience_s: float = PATIENCE_S) -> AsyncGenerator[ClientDoor, None]:
    """A door of the ledger at `where`; raises NotReachable."""
    place = where.connect if where.data is None else where.data
    async with open_client(place, timeout=patience_s, key=where.key, server_key=where.server_key) as client:
        yield ClientDoor(client)
