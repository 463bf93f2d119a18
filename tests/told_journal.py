"""Trading journals for tests, told event by event and written through the codec: no engine decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from journals import START_NS
from ledger.codec import encode_events
from ledger.domain.control_events import RiskLimitSet
from ledger.domain.enums import Liquidity, OrderType, Origin, Side, TimeInForce
from ledger.domain.events import (
    CancelRequested,
    EngineStarted,
    EntityQuarantined,
    FillBusted,
    InstrumentDefined,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderSubmitted,
    StrategyDefined,
)
from ledger.domain.operator_events import EntityReleased
from ledger.domain.scope import Scope
from ledger.journal import FrameDraft, LmdbCommit, chain_frame, create_or_open

DAY = "2025-11-20"


class Script:
    """Events of one symbol, numbered as they come."""

    def __init__(self) -> None:
        self.events: list[Any] = [
            EngineStarted(1, "test", {}),
            InstrumentDefined("AAPL", "XNAS", 4, 0, 1, 1, 10**8, "USD", False, False, "24/7"),
            StrategyDefined("S1", "ACC"),
        ]

    def _head(self, name: str) -> tuple[Any, ...]:
        number = len(self.events) + 1
        return ("AAPL", name, "S1", "XNAS", "gw", 1, number, START_NS, START_NS, "test")

    def _command_id(self) -> bytes:
        return (START_NS // 10**6).to_bytes(6, "big") + b"\x70\x00" + len(self.events).to_bytes(8, "big")

    def submit(self, name: str, qty: int = 100) -> None:
        terms = (Side.BUY, OrderType.LIMIT, qty, 100_000, None, TimeInForce.DAY)
        ids = (self._command_id(), "test", START_NS)
        self.events.append(OrderSubmitted(name, "S1", "ACC", "AAPL", "XNAS", *terms, *ids))

    def accept(self, name: str) -> None:
        self.events.append(OrderAccepted(*self._head(name), f"v-{name}"))

    def fill(self, name: str, execution: str, qty: int = 100) -> None:
        terms = (execution, DAY, qty, 100_000, 0, "", Liquidity.UNKNOWN, f"v-{name}")
        self.events.append(OrderFilled(*self._head(name), 4, name, "ACC", Side.BUY, *terms))

    def bust(self, name: str, execution: str, *, known: bool) -> None:
        about = ("ACC", f"b-{execution}", execution, DAY, execution, False, known)
        self.events.append(FillBusted(*self._head(name), *about, 100 if known else 0, 100_000, 0, ""))

    def cancel(self, name: str) -> None:
        where = ("AAPL", name, "S1", "XNAS", f"r-{name}", name)
        self.events.append(CancelRequested(*where, self._command_id(), "test", START_NS))

    def canceled(self, name: str) -> None:
        self.events.append(OrderCanceled(*self._head(name), True, f"r-{name}"))

    def expire(self, name: str, origin: Origin) -> None:
        self.events.append(OrderExpired(*self._head(name), origin))

    def limit(self) -> None:
        self.events.append(RiskLimitSet(Scope.ALL, "", max_open_orders=100, command_id=self._command_id()))

    def set_aside(self, name: str) -> None:
        self.events.append(EntityQuarantined("order", f"AAPL/{name}", 1))

    def release(self, name: str) -> None:
        self.events.append(EntityReleased("order", f"AAPL/{name}", "test", 1, self._command_id()))


def write(directory: Path, events: Sequence[Any], a_frame: int) -> None:
    """Append to the journal, so many events a frame."""
    data = create_or_open(directory, partitions=1, command="test")
    commit = LmdbCommit(data.journal("trading", 0))
    head = commit.open()
    for at in range(0, len(events), a_frame):
        some = list(events[at : at + a_frame])
        seq = head.seq + 1
        draft = FrameDraft(1, seq, len(some), START_NS + seq, encode_events(some), 1, 0)
        frame = chain_frame(head.chain_hash, draft)
        commit.commit([frame])
        head = frame.head
    commit.close()
    data.close({("trading", 0): head})


def write_closed(directory: Path, orders: int, still_open: int) -> int:
    """A journal of orders that were filled, and of the last few that stay open; its number of events."""
    script = Script()
    for number in range(orders):
        script.submit(f"c{number}")
        if number < orders - still_open:
            script.fill(f"c{number}", f"x{number}")
    write(directory, script.events, 64)
    return len(script.events)
