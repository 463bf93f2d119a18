"""ZeroMQ's authentication (ZAP, RFC 27): each new connection is asked about here, in a trio task, without a thread.

A key that is not allowed gets no connection at all; what an allowed one may say is judged message by message at the
doors, so that a refusal has a code. Publications have no messages to refuse, so there the right to read is asked for.
"""

from __future__ import annotations

from typing import Any, Final, final

import trio
import zmq
from msgspec import Struct
from zmq.utils import z85

from ledger.ingress.rights import Keyring
from ledger.keys import PUBLICATIONS_DOMAIN
from ledger.zmq_trio import TrioSocket

ADDRESS: Final = "inproc://zeromq.zap.01"
_VERSION: Final = b"1.0"


@final
class GateStatistics(Struct, frozen=True):
    """Connections since the start."""

    let_in: int
    turned_away: int


@final
class Gate:
    """Answers ZeroMQ's question for one context. Made before any door with keys is bound: without it none gets in."""

    def __init__(self, context: zmq.Context[Any], keyring: Keyring) -> None:
        self._keyring = keyring
        socket: zmq.Socket[bytes] = context.socket(zmq.REP)
        socket.bind(ADDRESS)
        self._socket = TrioSocket(socket)
        self._let_in = self._turned_away = 0

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer until cancelled; then the socket is closed."""
        try:
            task_status.started()
            while True:
                for request in await self._socket.recv_many():
                    await self._socket.send_multipart(self._answer(request))
        finally:
            self._socket.close()

    def statistics(self) -> GateStatistics:
        return GateStatistics(self._let_in, self._turned_away)

    def _answer(self, request: list[bytes]) -> list[bytes]:
        # version, request id, domain, address, identity, mechanism, credentials...
        number = request[1] if len(request) > 1 else b""
        name = self._name(request)
        if name:
            self._let_in += 1
            return [_VERSION, number, b"200", b"OK", name.encode(), b""]
        self._turned_away += 1
        return [_VERSION, number, b"400", b"this key is not allowed", b"", b""]

    def _name(self, request: list[bytes]) -> str:
        if len(request) < 7 or request[0] != _VERSION or request[5] != b"CURVE" or len(request[6]) != 32:
            return ""
        key = self._keyring.holder_of(z85.encode(request[6]).decode())
        if key is None or (request[2] == PUBLICATIONS_DOMAIN.encode() and "read" not in key.rights):
            return ""
        return key.name
