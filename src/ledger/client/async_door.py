"""One door as a trio client has it: a conversation, its connection, and the tasks that move bytes between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import trio
import zmq

from ledger.client.conversation import Body, Parcel
from ledger.client.desk import Options, conversation
from ledger.client.dialing import Line, dial, is_disconnect
from ledger.client.errors import NotReachable
from ledger.client.whereabouts import Whereabouts
from ledger.zmq_trio import TrioSocket


@final
class AsyncDoor:
    """One door: its conversation, its connection and the tasks that move bytes between them."""

    def __init__(
        self, context: zmq.Context[Any], name: str, whereabouts: Whereabouts, options: Options
    ) -> None:
        self.conversation = conversation(options, name)
        self._context = context
        self._name = name
        self._whereabouts = whereabouts
        self._nudge = trio.Event()
        self._line: tuple[Line, TrioSocket, TrioSocket] | None = None
        self._dial(trio.current_time())

    def hand_over(self, bodies: Sequence[Body], timeout: float) -> tuple[Parcel, trio.Event]:
        """Have messages sent; the event is set when each has its result."""
        done = trio.Event()
        now = trio.current_time()
        parcel = self.conversation.put(bodies, now=now, timeout=timeout, on_done=done.set)
        self._nudge.set()
        return parcel, done

    async def run(self) -> None:
        """Send what may be sent, whenever that may have changed; runs until it is cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._attend(nursery)
                while True:
                    self._nudge = trio.Event()
                    self._send_what_may(nursery)
                    due = self.conversation.next_due()
                    with trio.move_on_at(math.inf if due is None else due):
                        await self._nudge.wait()
        finally:
            self.hang_up()

    def _dial(self, now: float) -> None:
        """Have a connection, or try again a little later. Raises NotReachable."""
        line = dial(self._context, self._whereabouts, self._name)
        if line is None:
            self.conversation.disconnected(now)
        else:
            self._line = line, TrioSocket(line.socket), TrioSocket(line.monitor)

    def hang_up(self) -> None:
        """Drop the connection and what is unsent."""
        if self._line is not None:
            line, socket, monitor = self._line
            line.socket.disable_monitor()
            socket.close()
            monitor.close()
            self._line = None

    def _attend(self, nursery: trio.Nursery) -> None:
        if self._line is not None:
            nursery.start_soon(self._receive, self._line[1])
            nursery.start_soon(self._notice_disconnects, self._line[2])

    def _send_what_may(self, nursery: trio.Nursery) -> None:
        now = trio.current_time()
        if self.conversation.tick(now):
            self.hang_up()
            try:
                self._dial(now)
                self._attend(nursery)
            except NotReachable:  # its directory may be put back: keep trying until the timeout
                self.conversation.disconnected(now)
        if self._line is not None:
            while (payload := self.conversation.outgoing(now)) is not None:
                if not self._line[1].send_nowait([payload]):  # gone, though its monitor has not been read yet
                    self.conversation.disconnected(now)

    async def _receive(self, socket: TrioSocket) -> None:
        try:
            while True:
                messages = await socket.recv_many()
                now = trio.current_time()
                for frames in messages:
                    self.conversation.take(frames[-1], now)
                self._nudge.set()
        except trio.ClosedResourceError:
            return

    async def _notice_disconnects(self, monitor: TrioSocket) -> None:
        try:
            while True:
                for frames in await monitor.recv_many():
                    if is_disconnect(frames):
                        self.conversation.disconnected(trio.current_time())
                        self._nudge.set()
        except trio.ClosedResourceError:
            return
