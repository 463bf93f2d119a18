"""Whether every answer that a ledger gave stands in its journal, exactly once.

The recorder sits between a simulation and the ledger and keeps what was answered. Afterwards the journal is read from
its first frame, without the engine, and each answer's record is looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from msgspec import Struct

from ledger.codec import decode_events
from ledger.fold import CONTROL_FACTS
from ledger.journal import JournalReader, open_readonly
from ledger.testing.simulation import OutwardDoor, TradingDoor

Sign = bytes | tuple[str, int, int]
"""What names an input: the command_id of a command; source, source_epoch and source_seq of a fact."""


@final
class Recorder:
    """Passes a simulation's messages on, and keeps which of them the ledger called durable."""

    def __init__(self, door: TradingDoor, on_answer: Callable[[int], None] = lambda _count: None) -> None:
        self._door = door
        self._on_answer = on_answer
        """Told how many were acknowledged, each time that answers come."""
        self.acknowledged: set[Sign] = set()
        self.under_way = 0
        """Sent, and without an answer."""

    async def send_commands(self, commands: Sequence[Any]) -> list[Any]:
        """Pass commands on."""
        self.under_way += len(commands)
        answers = await self._door.send_commands(commands)
        self.under_way -= len(commands)
        for command, answer in zip(commands, answers, strict=True):
            if getattr(answer, "seq", 0):  # committed or rejected: both stand in the journal
                self.acknowledged.add(command.command_id)
        self._on_answer(len(self.acknowledged))
        return answers

    async def send_facts(self, facts: Sequence[Any]) -> list[Any]:
        """Pass facts on."""
        self.under_way += len(facts)
        answers = await self._door.send_facts(facts)
        self.under_way -= len(facts)
        for fact, answer in zip(facts, answers, strict=True):
            if getattr(answer, "seq", 0):
                self.acknowledged.add((fact.source, fact.source_epoch, fact.source_seq))
        self._on_answer(len(self.acknowledged))
        return answers

    async def outward(self, exchange: str, through: Mapping[int, int]) -> list[dict[str, Any]]:
        """Pass the outward stream on; a door without one has none."""
        assert isinstance(self._door, OutwardDoor), "the recorded door has no outward stream"
        return await self._door.outward(exchange, through)

    async def rows(self, what: str, **filters: str) -> list[dict[str, Any]]:
        """Pass a question on."""
        return await self._door.rows(what, **filters)


@final
class Found(Struct, frozen=True):
    """How often the acknowledged inputs stand in the journal, where that is not once."""

    lost: int
    doubled: int


def look_up(data: Path, acknowledged: set[Sign]) -> Found:
    """Read the trading journal of a ledger that has stopped, and count. Raises Corrupt."""
    counted: Counter[Sign] = Counter()
    for partition in range(open_readonly(data).partitions):
        with JournalReader(data, "trading", partition) as reader:
            for frame in reader.frames():
                events = decode_events(frame.payload)
                if partition:  # copies of what partition 0 has decided
                    events = [event for event in events if type(event) not in CONTROL_FACTS]
                counted.update(filter(None, map(sign_of, events)))
    lost = sum(1 for sign in acknowledged if not counted[sign])
    doubled = sum(1 for sign in acknowledged if counted[sign] > 1)
    return Found(lost, doubled)


def sign_of(event: Any) -> Sign | None:
    """What named the input that an event records; None for events that stand beside another."""
    command_id: bytes | None = getattr(event, "command_id", None)
    if command_id:
        return command_id
    source: str | None = getattr(event, "source", None)
    if source is None or not hasattr(event, "order"):
        return None
    return source, event.source_epoch, event.source_seq
