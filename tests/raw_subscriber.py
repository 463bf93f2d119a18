"""A subscriber that speaks ZMTP by hand, so that it can say what no library lets anybody say."""

from __future__ import annotations

import socket
from typing import Self

GREETING = b"\xff" + bytes(7) + b"\x01\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
WAIT_S = 10.0


class RawSubscriber:
    """Connected to one XPUB socket; a context manager."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        self._socket = socket.create_connection((host, int(port)), WAIT_S)
        self._socket.sendall(GREETING)
        self._read(64)
        self._socket.sendall(READY)
        self._read(2 + self._read(2)[1] - 2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def say(self, message: bytes, *, more: bool = False) -> None:
        """A frame of a message, whatever its content."""
        length = len(message)
        head = bytes([more, length]) if length < 256 else bytes([2 | more]) + length.to_bytes(8, "big")
        self.say_bytes(head + message)

    def say_bytes(self, raw: bytes) -> None:
        """Bytes that need not be a frame; one that is disconnected meanwhile says nothing."""
        try:
            self._socket.sendall(raw)
        except OSError:
            return

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self._socket.recv(count - len(found))
            assert part, "the publisher hung up amid the handshake"
            found += part
        return found
