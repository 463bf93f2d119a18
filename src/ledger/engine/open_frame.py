"""The end of a journal that is still in memory: the open frame, the frame on its way to the disk, the gate.

Turns append events here; one frame at a time goes to the writer's thread, and while it syncs the next one fills.
Whatever shows an event to anybody waits at the gate until that event is durable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

from ledger.codec import encode_events, join_events
from ledger.domain.events import (
    BookDeltaApplied,
    BookSnapshotApplied,
    CommandRejected,
    EngineFault,
    FactSuspended,
)
from ledger.domain.operator_events import CalendarDefined, TradingDayRolled
from ledger.journal import FrameDraft, Head, WriterThread

EVENT_BYTES: Final = 320
"""What one event is taken for when the size of the open frame is estimated: more than nearly all of them need."""
LEVEL_BYTES: Final = 20
ENCODED_EVERY: Final = 400
"""So many events are estimated before they are encoded, which tells their size: one that is mostly long texts is full
sooner."""
SESSION_BYTES: Final = 30
Release = Callable[[], None]
Step = Callable[[int, int, Any], None]
"""What an event does to a fold: (seq, recorded_at_ns, event)."""


def _bytes_of(event: Any) -> int:
    extra = _EXTRA_BYTES.get(type(event))
    return EVENT_BYTES if extra is None else EVENT_BYTES + extra(event)


def _level_bytes(event: BookSnapshotApplied | BookDeltaApplied) -> int:
    return LEVEL_BYTES * (len(event.bids) + len(event.asks))


def _raw_bytes(event: FactSuspended | EngineFault) -> int:
    return len(event.raw)


def _cut_bytes(event: TradingDayRolled) -> int:
    return EVENT_BYTES * len(event.cuts)


def _calendar_bytes(event: CalendarDefined) -> int:
    return SESSION_BYTES * len(event.sessions)


def _command_bytes(event: CommandRejected) -> int:
    return len(event.command)


_EXTRA_BYTES: Final[dict[Any, Callable[[Any], int]]] = {
    BookSnapshotApplied: _level_bytes,
    BookDeltaApplied: _level_bytes,
    FactSuspended: _raw_bytes,
    EngineFault: _raw_bytes,
    CommandRejected: _command_bytes,
    TradingDayRolled: _cut_bytes,
    CalendarDefined: _calendar_bytes,
}


@final
class OpenJournal:
    """The writing end of one journal of one partition, as the engine sees it. Belongs to the trio thread."""

    def __init__(
        self,
        name: str,
        *,
        epoch: int,
        head: Head,
        first_seq: int,
        clock: Callable[[], int],
        frame_bytes_max: int,
        one_at_a_time: bool,
    ) -> None:
        self.name = name
        self.epoch = epoch
        self.next_seq = first_seq
        self.durable_seq = head.seq
        """The last seq that a crash cannot take back."""
        self.now_ns = head.recorded_at_ns
        """recorded_at_ns of the open frame: the `now` of every turn in it."""
        self.events: list[Any] = []
        self.in_flight = 0
        self.frames = 0
        self._bytes = 0
        self._encoded = 0
        self._parts: list[bytes] = []
        """The first `_encoded` events, as payloads of ENCODED_EVERY or so each."""
        self._counts: list[int] = []
        self._first_seq = first_seq
        self._clock = clock
        self._bytes_max = frame_bytes_max
        self._one_at_a_time = one_at_a_time
        self._gate: deque[tuple[int, Release]] = deque()
        self._writer: WriterThread | None = None
        self._on_full: Release | None = None

    def attach(self, writer: WriterThread, *, on_full: Release) -> None:
        """Give it the thread that makes its frames durable; `on_full` is called when no turn must follow."""
        self._writer = writer
        self._on_full = on_full

    @property
    def head_seq(self) -> int:
        """The last seq given, durable or not."""
        return self.next_seq - 1

    @property
    def full(self) -> bool:
        """Whether the open frame has reached its size: turns wait until it has gone to the writer."""
        return self._bytes >= self._bytes_max

    def now(self) -> int:
        """Open a frame if none is open, and say what time it is in it."""
        if not self.events:
            self.now_ns = max(self.now_ns, self._clock())
        return self.now_ns

    def append(self, events: Sequence[Any], steps: Mapping[type, Step]) -> None:
        """Number a turn's events from `next_seq` on, do the fold's step of each, and add them.

        If a step raises, nothing is added: the turn's owner undoes what the steps before it did.
        """
        held, seq, size = self.events, self.next_seq, self._bytes
        now = self.now_ns if held else self.now()
        for event in events:
            steps[type(event)](seq, now, event)
            seq += 1
            extra = _EXTRA_BYTES.get(type(event))
            size += EVENT_BYTES if extra is None else EVENT_BYTES + extra(event)
        if not held:
            self._first_seq = self.next_seq
        held += events
        self.next_seq = seq
        self._bytes = size
        if len(held) - self._encoded >= ENCODED_EVERY:
            self._encode()
        if self._bytes >= self._bytes_max and self._on_full is not None:
            self._on_full()

    def _encode(self) -> None:
        """Encode the newest events, and put their size in the place of its estimate."""
        newest = self.events[self._encoded :]
        self._parts.append(encode_events(newest))
        self._counts.append(len(newest))
        self._encoded = len(self.events)
        self._bytes = sum(map(len, self._parts))

    def when_durable(self, release: Release) -> None:
        """Call `release` once everything that exists now is durable: at once if it is, in order otherwise."""
        if self.durable_seq >= self.next_seq - 1 and not self._gate:
            release()
        else:
            self._gate.append((self.next_seq - 1, release))

    def take_frame(self, market_epoch: int, market_seq: int) -> tuple[FrameDraft, list[Any]] | None:
        """The open frame for the writer, with its events, if there is one and it may go now."""
        if not self.events or (self._one_at_a_time and self.in_flight):
            return None
        if len(self.events) > self._encoded:
            self._encode()
        payload = join_events(self._parts, self._counts)
        events, self.events = self.events, []
        self._recount()
        draft = FrameDraft(
            epoch=self.epoch,
            first_seq=self._first_seq,
            count=len(events),
            recorded_at_ns=self.now_ns,
            payload=payload,
            market_epoch=market_epoch,
            market_seq=market_seq,
        )
        return draft, events

    def submit(self, draft: FrameDraft) -> None:
        """Hand a frame to the writer's thread. Raises StorageError after fail-stop, JournalFull when it is behind."""
        assert self._writer is not None
        self._writer.submit(draft)
        self.in_flight += 1

    @property
    def quick(self) -> bool:
        """Whether a frame is made durable so quickly that this thread may wait for it."""
        return self._writer is not None and self._writer.quick

    def write(self, draft: FrameDraft) -> Head:
        """Make a frame durable in this thread; `became_durable` is the caller's to call. Raises as `submit` does."""
        assert self._writer is not None
        head = self._writer.write(draft)
        self.in_flight += 1
        return head

    def untake(self, events: list[Any]) -> None:
        """The writer had no room for the frame just taken: it stays open."""
        self.events = events
        self._recount()

    def _recount(self) -> None:
        self._encoded = 0
        self._parts, self._counts = [], []
        self._bytes = sum(_bytes_of(event) for event in self.events)

    def became_durable(self, head: Head, frames: int) -> None:
        """The writer says that all up to `head` is durable; what waited for it is `release`d next."""
        self.in_flight -= frames
        self.frames += frames
        self.durable_seq = head.seq

    def release(self, most: int | None = None) -> bool:
        """Let out what waited and is durable, at most so many of them; whether more of it is left."""
        gate, durable_seq = self._gate, self.durable_seq
        left = len(gate) if most is None else most
        while gate and gate[0][0] <= durable_seq:
            if not left:
                return True
            left -= 1
            gate.popleft()[1]()
        return False

    def stop(self) -> None:
        """After fail-stop: what is not durable is forgotten, and what waits for it gets no answer."""
        self.release()
        self._gate.clear()
        self.events = []
        self.next_seq = self.durable_seq + 1
