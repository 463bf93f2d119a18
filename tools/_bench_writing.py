"""The loop of both floors: messages decoded, handled, their events encoded and made durable by the journal's writer.

As in the engine a frame goes to the writer's thread whenever that is free, and the next one is filled meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from _bench_load import Load
from ledger.codec import encode_events
from ledger.journal import Commit, Frame, FrameDraft, Head, WriterThread
from ledger.wire import decode_batch

MESSAGES_A_TURN: Final = 4
"""Messages between two looks at the writer: 256 inputs, as the engine's turns_max."""
MESSAGES_WAITING: Final = 64
"""So many may have no answer yet, for the floors as for the engine."""
Handle = Callable[[int, list[Any], list[Any], int], list[Any]]
"""(number of the message, its inputs, where answers go, now_ns) -> events."""


class FloorWriter:
    """One journal's writer, as a plain loop uses it."""

    def __init__(self, commit: Commit, group_wait_s: float) -> None:
        self._one_at_a_time = not group_wait_s
        self._head = commit.open()
        self._commit = commit
        self._in_flight = 0
        self._durable = threading.Condition()
        self._failed: Exception | None = None
        self._thread = WriterThread(
            commit, on_durable=self._became_durable, on_failed=self._fail, group_wait_s=group_wait_s
        )
        self.frames = 0

    @property
    def busy(self) -> bool:
        """Whether a frame must wait for the one before."""
        return self._one_at_a_time and self._in_flight > 0

    def submit(self, events: list[Any], now_ns: int) -> None:
        """Encode the events as a frame and send it on its way."""
        head = self._head
        draft = FrameDraft(
            epoch=1,
            first_seq=head.seq + 1,
            count=len(events),
            recorded_at_ns=now_ns,
            payload=encode_events(events),
            market_epoch=0,
            market_seq=0,
        )
        with self._durable:
            self._in_flight += 1
        self._thread.submit(draft)
        self._head = Head(1, draft.last_seq, b"", now_ns)
        self.frames += 1

    def wait_free(self) -> None:
        """Return when nothing is on its way; raises what ended the writer."""
        with self._durable:
            self._durable.wait_for(lambda: not self._in_flight or self._failed is not None)
        if self._failed is not None:
            raise self._failed

    def close(self) -> int:
        """End the thread; the last durable seq."""
        self._thread.close()
        seq = self._commit.head.seq
        self._commit.close()
        return seq

    def _became_durable(self, _head: Head, frames: Sequence[Frame]) -> None:
        with self._durable:
            self._in_flight -= len(frames)
            self._durable.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._durable:
            self._failed = error
            self._durable.notify_all()


def run(load: Load, writer: FloorWriter, handle: Handle) -> tuple[float, list[Any]]:
    """(seconds until the last event is durable, answers)."""
    answers: list[Any] = []
    events: list[Any] = []
    waiting = 0
    now_ns = time.time_ns()
    begun = time.perf_counter()
    for number, (door, payload) in enumerate(load.messages):
        if not events:
            now_ns = time.time_ns()
        events += handle(number, decode_batch(payload, door, batch_max=4096).inputs, answers, now_ns)
        waiting += 1
        if number % MESSAGES_A_TURN == MESSAGES_A_TURN - 1:
            if waiting >= MESSAGES_WAITING and writer.busy:
                writer.wait_free()
            if not writer.busy:
                writer.submit(events, now_ns)
                events, waiting = [], 0
    writer.wait_free()
    if events:
        writer.submit(events, now_ns)
        writer.wait_free()
    return time.perf_counter() - begun, answers
