"""How a partition takes the control facts of partition 0: it follows that journal as a projection does.

What is taken is copied into the own journal in one turn with the place up to which it was read, so a crash anywhere
neither loses nor doubles a fact. Only settled frames are read; their chain is checked, so a gap is damage. How far it
is durable stands in a small file beside the journal, for partition 0, which answers a definition once all have it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import trio
from msgspec import Struct

import actors
from ledger.codec import decode_events
from ledger.domain.control_events import KillSwitchReleased, MassCancelRequested
from ledger.domain.events import InstrumentDefined
from ledger.domain.operator_commands import RollTradingDay
from ledger.domain.operator_events import TradingDayRolled
from ledger.domain.partition_events import ControlTaken, FactAssigned
from ledger.errors import Corrupt
from ledger.fold import CONTROL_FACTS, PASSED_ON
from ledger.journal import JournalReader, owner_of, place_text

if TYPE_CHECKING:
    from ledger.engine.engine import Engine
    from ledger.engine.partition import Partition

LOOK_EVERY_S: Final = 0.01
FRAMES_MAX: Final = 64
"""Frames read before other tasks get the processor."""
NOTED_EVERY: Final = 100_000
"""So many events without a control fact are noted too, so that the next start need not read them again."""
DOWN_AFTER_S: Final = 3.0
"""How long a starting partition waits for a partition 0 that does not run, before it goes on without."""
FOLLOWED: Final = "followed"
WHY_RESTRICTED: Final = (
    "partition 0 does not run, so this partition cannot know what is defined or forbidden now:"
    " it takes cancels and facts until it does"
)


@final
class ControlSeen(Struct, frozen=True, gc=False):
    """An input of the engine to itself: partition 0 has decided these, and its journal was read up to `seq`."""

    seq: int
    version: int
    events: tuple[Any, ...]
    known: tuple[bytes, ...] = ()


@final
class ControlCopies:
    """The turns in which a partition copies control facts."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def turn(self, message: ControlSeen) -> None:
        """Copy what is not known yet, and note the place."""
        partition = self._partition
        if partition.read_only:
            return
        partition.current = ("control", "taken")
        known = list(message.known)
        for event in message.events:
            partition.context.now_ns = partition.open_trading.now()
            if type(event) in PASSED_ON and event.command_id:
                known.append(event.command_id)
            if not self._is_known(event):
                self._copy(event)
        fold = partition.trading.partitions
        seq, version = max((message.seq, message.version), fold.taken.get(0) or (0, 0))
        partition.commit_trading([ControlTaken(seq, version, tuple(known))])

    def _is_known(self, event: Any) -> bool:
        """Whether a client, or partition 0 through another way, has brought it before."""
        fold = self._partition.trading
        if type(event) is MassCancelRequested:
            wanted = (event.command_id, event.engagement)
            return any((it.command_id, it.engagement) == wanted for it in _all(fold.control.mass_cancels))
        if type(event) is KillSwitchReleased:
            state = fold.control.kills.get(event.engagement)
            return state is None or bool(state.released_seq)
        if type(event) is FactAssigned:
            return False
        return bool(event.command_id) and fold.outcomes.get(event.command_id) is not None

    def _copy(self, event: Any) -> None:
        partition = self._partition
        if type(event) is FactAssigned:
            partition.facts.unnamed.assigned(event)
            return
        if type(event) is TradingDayRolled:
            event = self._own_cuts(event)
        seq = partition.open_trading.next_seq
        partition.commit_trading([event])
        if type(event) is MassCancelRequested:
            partition.control.begun(seq)
        elif type(event) is InstrumentDefined:
            partition.facts.resumption.defined(event.symbol)

    def _own_cuts(self, event: TradingDayRolled) -> TradingDayRolled:
        """The same roll with the positions of this partition."""
        roll = RollTradingDay(event.command_id, event.trade_date, event.calendar, event.on_behalf_of)
        partition = self._partition
        return TradingDayRolled(
            event.calendar,
            event.trade_date,
            partition.operator.cuts(roll),
            partition.open_market.head_seq,
            event.command_id,
            event.actor,
            event.received_at_ns,
            event.on_behalf_of,
        )


def _all(store: actors.Store[Any, Any]) -> list[Any]:
    return list(store.states.values())


@final
class Following:
    """The service of a partition other than 0 that reads partition 0's journal. Belongs to the trio thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._data: Path = engine.directory.path
        place = engine.partition.trading.partitions.taken.states.get(0, (0, 0))
        self._read_seq, self._version = place
        self._noted_seq = self._read_seq
        self._file = os.open(followed_path(self._data, engine.number), os.O_RDWR | os.O_CREAT, 0o644)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow for ever; started once caught up, or without partition 0 if that does not run.

        Raises Corrupt where partition 0's journal is damaged, or ends before what was taken from it.
        """
        partition = self._engine.partition
        partition.restricted = WHY_RESTRICTED
        try:
            with JournalReader(self._data, "trading", 0, wal=False) as reader:
                self._check(reader)
                deadline = trio.current_time() + DOWN_AFTER_S
                while not await self._is_current(reader):
                    if trio.current_time() > deadline:
                        break
                    await trio.sleep(LOOK_EVERY_S)
                # From here on partition 0 waits for us; what it answered before is settled, and read now.
                self._engine.announce()
                await self._read(reader)
                self._note()
                task_status.started()
                while True:
                    if partition.restricted:
                        await self._is_current(reader)
                    await trio.sleep(LOOK_EVERY_S)
                    await self._read(reader)
        finally:
            os.close(self._file)

    async def _is_current(self, reader: JournalReader) -> bool:
        """Read what there is; whether partition 0 runs, and all that it had when it was ready has been read.

        It settles what recovery found before it is ready: what is read after it said so contains all of that.
        """
        owner = owner_of(self._data / "trading" / "0")
        await self._read(reader)
        if owner is None or not owner.endpoint:
            return False
        self._engine.partition.restricted = ""
        return True

    def _check(self, reader: JournalReader) -> None:
        settled = reader.settled().seq
        if settled >= self._read_seq:
            return
        raise Corrupt(
            str(reader.directory.path),
            place_text("trading", 0, self._read_seq),
            f"partition {self._engine.number} has taken what stood there, the journal ends at {settled}",
            "put the segment back from a copy, then: ledger verify",
        )

    async def _read(self, reader: JournalReader) -> None:
        """Everything that is settled; returns when it is queued, and durable where there was any."""
        events: list[Any] = []
        for count, frame in enumerate(reader.frames(self._read_seq + 1), 1):
            found = [event for event in decode_events(frame.payload) if type(event) in CONTROL_FACTS]
            self._read_seq = frame.last_seq
            self._version += len(found)
            events += found
            if events:
                await self._take(tuple(events))
                events = []
            elif count % FRAMES_MAX == 0:
                await trio.lowlevel.checkpoint()
        if self._read_seq - self._noted_seq >= NOTED_EVERY:
            await self._take(())
        elif self._noted_seq < self._read_seq:
            self._note()

    async def _take(self, events: tuple[Any, ...]) -> None:
        """Have the events copied; returns when that is durable."""
        await self.hand_in(ControlSeen(self._read_seq, self._version, events))
        self._noted_seq = self._read_seq
        self._note()

    async def confirmed(self, known: tuple[bytes, ...]) -> None:
        """Partition 0 has these kill switches and mass cancels; returns when that is durable."""
        await self.hand_in(ControlSeen(0, 0, (), known))

    async def hand_in(self, message: ControlSeen) -> None:
        """Queue it, waiting for room, and return when its turn is durable; for ever after fail-stop."""
        engine = self._engine
        done = trio.Event()

        def decided(_answers: object) -> None:
            if not engine.partition.read_only:
                engine.open_trading.when_durable(done.set)

        while True:
            try:
                engine.dispatcher.submit_nowait([message], decided, urgent=True)
                break
            except actors.Overloaded:
                await trio.sleep(LOOK_EVERY_S)
            except actors.Stopped:
                await trio.sleep_forever()
        await done.wait()

    def _note(self) -> None:
        """Say up to where partition 0's facts are durable here; never more than is."""
        os.pwrite(self._file, b"%020d\n" % self._read_seq, 0)


def followed_path(data: Path, partition: int) -> Path:
    """The file in which a partition says how far it has followed partition 0."""
    return data / "trading" / str(partition) / FOLLOWED


def followed_seq(data: Path, partition: int) -> int:
    """Up to where a partition durably has the control facts of partition 0; 0 where it has not said."""
    try:
        return int(followed_path(data, partition).read_bytes() or b"0")
    except (FileNotFoundError, ValueError):
        return 0
