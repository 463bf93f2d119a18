"""Connecting a DEALER, with its monitor: the socket that tells when the connection is gone."""

from __future__ import annotations

from typing import Any, Final, final

import zmq
from zmq.utils.monitor import parse_monitor_message

from ledger.client.errors import NotListening
from ledger.client.whereabouts import Whereabouts
from ledger.keys import DialKeys
from ledger.zmq_trio import dial_once, limited

NO_LIMIT: Final = 0
_GONE: Final = zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED


@final
class Line:
    """A connected pair of sockets; owned by whoever dialed."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, keys: DialKeys | None = None) -> None:
        # The conversation's window is the limit. ZeroMQ's own would not do: it gives room back in steps of half of
        # it, so that a queue with many messages gone would still refuse one.
        self.socket = limited(context, zmq.DEALER, hwm=NO_LIMIT)
        dial_once(self.socket)
        self.monitor: zmq.Socket[bytes] = self.socket.get_monitor_socket(_GONE)
        self.monitor.setsockopt(zmq.LINGER, 0)
        if keys is not None:
            keys.lock(self.socket)
        self.socket.connect(endpoint)

    def send(self, payload: bytes) -> bool:
        """Hand it over; False: the connection is gone, though its monitor has not been read yet."""
        try:
            self.socket.send(payload, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def close(self) -> None:
        """Drop the connection and what is unsent."""
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.socket.close(linger=0)
        if not self.monitor.closed:
            self.monitor.close(linger=0)


def dial(context: zmq.Context[Any], whereabouts: Whereabouts, door: str) -> Line | None:
    """A connection to where a door is now; None: the ledger has ended, and may be starting again. Raises NotReachable
    where none has ever listened."""
    try:
        return Line(context, whereabouts.endpoint(door), whereabouts.keys())
    except NotListening:
        return None


def is_disconnect(frames: list[bytes]) -> bool:
    """Whether a monitor's message says that there is no connection any more, or none could be made."""
    return bool(int(parse_monitor_message(frames)["event"]) & _GONE)
