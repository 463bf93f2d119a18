"""The queue in front of one service: bounded, in order, read by one task."""

from __future__ import annotations

from collections import deque
from typing import Any, final

import trio

from actors.faults import Overloaded, Stopped
from actors.reply import Reply


@final
class Mailbox:
    """Messages with their replies. It outlives the restarts of its service: what waits then is still received."""

    __slots__ = (
        "_closed",
        "_handed",
        "_idle",
        "_in_work",
        "_limit",
        "_queue",
        "_reader",
        "_reserved",
        "overloaded",
        "received",
    )

    def __init__(self, *, limit: int, reserved: int = 0) -> None:
        """`limit`: messages that may wait; `reserved`: how many more may wait if they are urgent."""
        if limit < 1 or reserved < 0:
            raise ValueError(f"limit starts at 1, reserved at 0: {limit=} {reserved=}")
        self._limit, self._reserved = limit, reserved
        self._queue: deque[tuple[object, Reply]] = deque()
        self._handed: set[Reply] = set()
        self._reader = trio.lowlevel.ParkingLot()
        self._idle = trio.lowlevel.ParkingLot()
        self._in_work = False
        self._closed: str | None = None
        #: Messages handed to the service.
        self.received = 0
        #: Messages refused because there was no room.
        self.overloaded = 0

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    def put_nowait(self, message: object, *, asked: bool, urgent: bool = False) -> Reply:
        """Queue a message; the place of its answer, which somebody waits for if it is asked.

        Raises Overloaded, or Stopped when nobody will read it.
        """
        if self._closed is not None:
            raise Stopped(self._closed)
        room = self._limit + self._reserved if urgent else self._limit
        if len(self._queue) >= room:
            self.overloaded += 1
            raise Overloaded(f"the mailbox is full: {room} messages wait already")
        reply = Reply(self._handed.discard if asked else None)
        self._queue.append((message, reply))
        self._reader.unpark()
        return reply

    async def receive(self) -> tuple[Any, Reply]:
        """The next message and the reply to answer it with, now or later. Cancelled, it takes no message."""
        self.rest()
        if self._queue:
            await trio.lowlevel.checkpoint()
        while not self._queue:
            await self._reader.park()
        message, reply = self._queue.popleft()
        self._in_work = True
        self.received += 1
        if reply.wanted:
            self._handed.add(reply)
        return message, reply

    def __aiter__(self) -> Mailbox:
        """Messages without end: the loop is left by cancellation, by break, or by a fault."""
        return self

    async def __anext__(self) -> tuple[Any, Reply]:
        """As `receive`."""
        return await self.receive()

    @property
    def idle(self) -> bool:
        """Whether no message waits or is in work (from `receive` until the next one)."""
        return not self._queue and not self._in_work

    async def wait_idle(self) -> None:
        """Return when no message waits or is in work."""
        while not self.idle:
            await self._idle.park()

    def rest(self) -> None:
        """The last message received is done with."""
        self._in_work = False
        if not self._queue:
            self._idle.unpark_all()

    def fail_handed(self, error: Exception) -> None:
        """The service that had received them is gone: end its unanswered asks with this error."""
        for reply in list(self._handed):
            reply.fail(error)
        self.rest()

    def close(self, reason: str) -> None:
        """Take no more messages, and end every unanswered ask with Stopped, for this reason."""
        self._closed = reason
        waiting = [reply for _message, reply in self._queue]
        self._queue.clear()
        for reply in waiting:
            reply.fail(Stopped(reason))
        self.fail_handed(Stopped(reason))
