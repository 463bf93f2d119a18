"""A ZeroMQ socket for trio: waits on the socket's descriptor without losing a wake-up and without freezing the loop.

ZeroMQ's descriptor is edge-like: it becomes readable when *something* about the socket changed, once. Four rules keep
a waiter from sleeping for ever, each found by breaking it: the events are read before every wait; the wait is always
for readability, also in order to send; whoever changes the socket wakes the sleeper whose event he may have swallowed;
a refused send of a socket that claims to be writable waits a millisecond instead of spinning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, final

import trio
import zmq

REFUSED_SEND_PAUSE_S: Final = 0.001
_NOBLOCK: Final = int(zmq.NOBLOCK)
_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)
_EVENTS: Final = int(zmq.EVENTS)
_IN: Final = int(zmq.POLLIN)
_OUT: Final = int(zmq.POLLOUT)
"""Plain integers: combining pyzmq's flags costs 4 us a message, and as much each time that events are looked at."""
RECEIVE_MAX: Final = 256
RECEIVE_BYTES_MAX: Final = 8 * 1024 * 1024


@final
class TrioSocket:
    """One ZeroMQ socket, used from one trio loop; any number of tasks may send and receive. Owns the socket."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        receive: Callable[[zmq.Socket[bytes]], list[bytes]] | None = None,
    ) -> None:
        """`receive` takes one message without waiting, in place of `recv_multipart`."""
        self.raw = socket
        self._receive = receive or _whole_message
        socket.setsockopt(zmq.LINGER, 0)
        self._fd = int(socket.getsockopt(zmq.FD))  # type: ignore[arg-type]
        self._sleeper: trio.CancelScope | None = None
        """The scope of the one task that waits on the descriptor; the others wait for `_changed`."""
        self._changed = trio.Event()
        self._wanted: dict[int, int] = {_IN: 0, _OUT: 0}

    def send_nowait(self, frames: Sequence[bytes]) -> bool:
        """Hand over a message if there is room now; False: there is none. Raises zmq.ZMQError for other reasons."""
        try:
            # Only the first frame of a message can be refused; the others follow it whatever happens.
            for frame in frames[:-1]:
                self.raw.send(frame, _MORE)
            self.raw.send(frames[-1], _NOBLOCK)
        except zmq.Again:
            return False
        finally:
            self._wake_sleepers()
        return True

    def send_tracked_nowait(self, frames: Sequence[bytes]) -> zmq.MessageTracker | None:
        """Hand over a large message without copying it; the tracker tells when ZeroMQ keeps it no longer. None: no room."""
        try:
            return self.raw.send_multipart(frames, zmq.NOBLOCK, copy=False, track=True)
        except zmq.Again:
            return None
        finally:
            self._wake_sleepers()

    async def send_multipart(self, frames: Sequence[bytes]) -> None:
        """Hand over a message, waiting for room. Always a checkpoint."""
        while not self.send_nowait(frames):
            if self._events() & _OUT:
                # At its high-water mark a socket may refuse and still claim room: waiting would return at once.
                await trio.sleep(REFUSED_SEND_PAUSE_S)
            else:
                await self._wait(_OUT)
        await trio.lowlevel.checkpoint()

    def receive_nowait(self) -> list[list[bytes]]:
        """Up to 256 messages or 8 MiB that are there now, perhaps none."""
        messages: list[list[bytes]] = []
        size = 0
        try:
            while len(messages) < RECEIVE_MAX and size < RECEIVE_BYTES_MAX:
                message = self._receive(self.raw)
                messages.append(message)
                size += len(message[-1])
                if len(messages) == 1 and not self._events() & _IN:
                    break  # the only one: asking costs less than being refused
        except zmq.ZMQError as error:
            if error.errno not in (
                zmq.EAGAIN,
                zmq.EFSM,
            ):  # EFSM: a REQ that has its answer must ask again first
                raise
        self._wake_sleepers()
        return messages

    async def recv_many(self) -> list[list[bytes]]:
        """The messages that are there, at least one, at most 256 or 8 MiB. Always a checkpoint, so that no socket
        starves the loop; a cancelled call has taken nothing."""
        self._check_open()
        await trio.lowlevel.checkpoint()
        self._check_open()  # another task may have closed it meanwhile
        while not (messages := self.receive_nowait()):
            await self._wait(_IN)
        return messages

    def close(self) -> None:
        """Close the socket, dropping what is unsent; waiting tasks get trio.ClosedResourceError."""
        if self.raw.closed:
            return
        trio.lowlevel.notify_closing(self._fd)
        self.raw.close(linger=0)
        self._changed.set()

    def _check_open(self) -> None:
        if self.raw.closed:
            raise trio.ClosedResourceError("the ZeroMQ socket is closed")

    def _events(self) -> int:
        return self.raw.getsockopt(_EVENTS)  # type: ignore[return-value]

    def _wake_sleepers(self) -> None:
        """Any operation, even reading the events, may swallow the edge that the sleeper waits for: look for him."""
        if self._sleeper is None or self.raw.closed:
            return
        events = self._events()
        if any(count and events & flag for flag, count in self._wanted.items()):
            self._sleeper.cancel()

    async def _wait(self, flag: int) -> None:
        self._wanted[flag] += 1
        try:
            while not self._events() & flag:
                self._wake_sleepers()
                if self._sleeper is None:
                    await self._sleep_on_descriptor()
                else:
                    await self._changed.wait()
                self._check_open()
        finally:
            self._wanted[flag] -= 1

    async def _sleep_on_descriptor(self) -> None:
        self._sleeper = trio.CancelScope()
        try:
            with self._sleeper:
                await trio.lowlevel.wait_readable(self._fd)
        finally:
            self._sleeper = None
            self._changed.set()  # one of the others takes the descriptor over
            self._changed = trio.Event()


def _whole_message(socket: zmq.Socket[bytes]) -> list[bytes]:
    return socket.recv_multipart(_NOBLOCK)


def named_message(socket: zmq.Socket[bytes]) -> list[bytes]:
    """A message with one frame more, the first: the name that ZAP gave to the connection that it came by.

    The name belongs to the connection, not to the routing id, which clients choose for themselves.
    """
    frames = socket.recv_multipart(_NOBLOCK, copy=False)
    return [str(frames[-1].get("User-Id")).encode(), *(frame.bytes for frame in frames)]


def dial_once(socket: zmq.Socket[bytes]) -> None:
    """Have a socket that is to connect never do so again by itself: it would send what waits to whoever has got the port
    meanwhile. Whoever dialed looks where its peer is now, and makes another."""
    socket.setsockopt(zmq.RECONNECT_IVL, -1)


def limited(
    context: zmq.Context[Any], kind: int, *, hwm: int, message_bytes_max: int = -1
) -> zmq.Socket[bytes]:
    """A new socket that keeps at most `hwm` messages a peer and direction (0: any number); peers that send messages
    larger than `message_bytes_max` are disconnected."""
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, hwm)
    socket.setsockopt(zmq.RCVHWM, hwm)
    if message_bytes_max >= 0:
        socket.setsockopt(zmq.MAXMSGSIZE, message_bytes_max)
    return socket
