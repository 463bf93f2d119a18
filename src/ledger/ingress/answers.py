"""Answers on their way out of a ROUTER door: at once where the client has room, kept a while where it has none.

A client that does not read costs a bounded number of bytes, never more, and holds up nobody else: what does not fit
is dropped and counted. That loses nothing, since an answer is not the fact that it reports: the client sends the same
command_id again and gets the same answer. A client that is gone costs nothing.
"""

from __future__ import annotations

import errno
from collections import deque
from typing import Final, final

import trio
import zmq
from msgspec import Struct

from ledger.zmq_trio import TrioSocket

RETRY_MIN_S: Final = 0.001
RETRY_MAX_S: Final = 0.05
LARGE_BYTES: Final = 64 * 1024
"""Of answers as large as this, ZeroMQ holds one for each client: it limits messages, not bytes, and 60 kB of bad
inputs are answered with megabytes."""


@final
class AnswersStatistics(Struct, frozen=True):
    """What became of a door's answers."""

    sent: int
    kept_bytes: int
    """Waiting for clients that have no room."""
    dropped: int
    """Of clients that did not read."""
    gone: int
    """Of clients that were gone."""


@final
class Answers:
    """The outgoing side of one door. `send` never blocks and never raises; `run` delivers what was kept."""

    def __init__(self, socket: TrioSocket, *, bytes_max: int, client_bytes_max: int) -> None:
        self._socket = socket
        self._bytes_max = bytes_max
        self._client_bytes_max = client_bytes_max
        self._kept: dict[bytes, deque[list[bytes]]] = {}
        self._kept_bytes: dict[bytes, int] = {}
        self._total = 0
        self._large: dict[bytes, zmq.MessageTracker] = {}
        """The large answer of a client that ZeroMQ may still hold."""
        self._some_kept = trio.Event()
        self._none_kept = trio.Event()
        self._none_kept.set()
        self._sent = self._dropped = self._gone = 0

    def send(self, frames: list[bytes]) -> None:
        """Send an answer to the client that `frames[0]` names, after those that wait for it."""
        if frames[0] in self._kept or not self._delivered(frames):
            self._keep(frames)

    def statistics(self) -> AnswersStatistics:
        return AnswersStatistics(self._sent, self._total, self._dropped, self._gone)

    async def wait_delivered(self) -> None:
        """Wait until no answer is kept; those of clients that never read again are kept until they are gone."""
        await self._none_kept.wait()

    async def run(self) -> None:
        """Deliver kept answers as their clients make room; runs until it is cancelled."""
        pause = RETRY_MIN_S
        while True:
            await self._some_kept.wait()
            # A ROUTER cannot be asked which of its clients has room, so each is tried, more seldom while none has.
            moved = any([self._delivered_some(client) for client in list(self._kept)])
            pause = RETRY_MIN_S if moved else min(2 * pause, RETRY_MAX_S)
            if self._kept:
                await trio.sleep(pause)

    def _delivered(self, frames: list[bytes]) -> bool:
        """Whether an answer is off our hands: handed over, or its client is gone."""
        try:
            done = self._handed_over(frames)
        except zmq.ZMQError as error:
            if error.errno not in (errno.EHOSTUNREACH, zmq.ENOTSOCK):
                raise
            self._gone += 1
            return True
        self._sent += done
        return done

    def _handed_over(self, frames: list[bytes]) -> bool:
        if len(frames[-1]) < LARGE_BYTES:
            return self._socket.send_nowait(frames)
        self._large = {client: tracker for client, tracker in self._large.items() if not tracker.done}
        client = frames[0]
        if client in self._large:
            return False
        tracker = self._socket.send_tracked_nowait(frames)
        if tracker is not None:
            self._large[client] = tracker
        return tracker is not None

    def _keep(self, frames: list[bytes]) -> None:
        client, size = frames[0], sum(map(len, frames))
        held = self._kept_bytes.get(client, 0) + size
        if held > self._client_bytes_max or self._total + size > self._bytes_max:
            self._dropped += 1
            return
        self._kept.setdefault(client, deque()).append(frames)
        self._kept_bytes[client] = held
        self._total += size
        self._note()

    def _delivered_some(self, client: bytes) -> bool:
        waiting = self._kept[client]
        before = len(waiting)
        while waiting and self._delivered(waiting[0]):
            size = sum(map(len, waiting.popleft()))
            self._total -= size
            self._kept_bytes[client] -= size
        if not waiting:
            del self._kept[client], self._kept_bytes[client]
            self._note()
        return len(waiting) < before

    def _note(self) -> None:
        if self._kept:
            self._some_kept.set()
            if self._none_kept.is_set():
                self._none_kept = trio.Event()
        else:
            self._none_kept.set()
            self._some_kept = trio.Event()
