"""A short talk with a running ledger in JSON, as any program in any language would have it.

The commands of a person send few messages and want the ledger's own words back, so they need neither the client
library's window nor its scales; what they send goes out as it is written. Sent again after a silence with the same
ids, so nothing is applied twice.
"""

from __future__ import annotations

import socket as tcp
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, final

import msgspec
import zmq

from ledger.cli.options import Where
from ledger.cli.progress import Progress
from ledger.endpoints import last_endpoints, read_endpoints
from ledger.errors import Rejected, Unavailable
from ledger.keys import dial_keys
from ledger.routes import merged_head, partitions_asked, partitions_for

BATCH: Final = 256
"""Messages sent together."""
PAGE: Final = 5000
_RESEND_MS: Final = 2000
_DIAL_S: Final = 3.0
_CURE: Final = "start one with `ledger serve`, or name another with --connect or --data"
_KEY_CURE: Final = (
    "if it runs with keys, it lets in only those of its doors.curve.allowed: see --key, --server-key"
)


@final
class Talk:
    """Sockets to the doors of one ledger, opened when first used; a context manager."""

    def __init__(self, place: Where, timeout_s: float = 10.0) -> None:
        self._place = place
        self._timeout_ms = int(timeout_s * 1000)
        self._context = zmq.Context()
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        self._endpoints: list[Mapping[str, Any]] = []
        """By partition, once they were asked for."""
        self._queries = 0
        self._reached = False
        self._told_key = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for socket in self._sockets.values():
            socket.close(0)
        self._context.term()

    def rows(self, what: str, **filters: str) -> Iterator[dict[str, Any]]:
        """Every row of a question, page after page; raises Rejected for a question that cannot be asked."""
        rows = self._rows(what, filters)
        yield from [merged_head(list(rows))] if what == "head" else rows

    def _rows(self, what: str, filters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        for partition in partitions_asked(what, filters, self.partitions):
            cursor = ""
            while True:
                page = self._ask(what, filters, cursor, f"query/{partition}")
                yield from page["rows"]
                cursor = page["cursor"]
                if not cursor:
                    break

    @property
    def partitions(self) -> int:
        """Of the ledger; asks for it first. Raises Unavailable."""
        if self._place.data is not None:
            return last_endpoints(self._place.data).partitions
        if not self._endpoints:
            self._endpoints = self._ask("endpoints", {}, "", "commands/0")["rows"]
        return len(self._endpoints)

    def _ask(self, what: str, filters: Mapping[str, str], cursor: str, door: str) -> dict[str, Any]:
        self._queries += 1
        query = {
            "type": "Query",
            "id": str(self._queries),
            "what": what,
            "filters": dict(filters),
            "cursor": cursor,
            "limit": PAGE,
        }
        page = self._exchange(door, query)
        if page.get("type") != "Page":
            raise Rejected(page.get("detail", "the ledger refused the question"))
        return page

    def send(
        self, door: str, messages: Sequence[Mapping[str, Any]], *, partition: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """The answers to JSON messages, in their order; `door` is commands, reports or market.

        `partition`: where the messages do not tell themselves which one they are about.
        """
        count = self.partitions
        progress = Progress("sending")
        try:
            for start in range(0, len(messages), BATCH):
                part = messages[start : start + BATCH]
                if count == 1 or partition is not None:
                    yield from self._exchange(f"{door}/{partition or 0}", list(part))
                else:
                    yield from self._routed(door, part, count)
                progress.at(start + BATCH, min(1.0, (start + BATCH) / len(messages)))
        finally:
            progress.end()

    def _routed(self, door: str, messages: Sequence[Mapping[str, Any]], count: int) -> list[dict[str, Any]]:
        """Each to its partition, what is for all to each; of several answers one that went wrong, else the first."""
        parts: dict[int, list[int]] = {}
        for index, message in enumerate(messages):
            symbol = message.get("symbol")
            entity = (str(message.get("kind", "")), str(message.get("key", "")))
            name, named = str(message.get("type")), message.get("partition", 0)
            for number in partitions_for(
                name,
                symbol if isinstance(symbol, str) else None,
                count,
                key=entity,
                partition=named if isinstance(named, int) else 0,
            ):
                parts.setdefault(number, []).append(index)
        answers: dict[int, dict[str, Any]] = {}
        for number, indexes in sorted(parts.items()):
            given = self._exchange(f"{door}/{number}", [messages[index] for index in indexes])
            for index, answer in zip(indexes, given, strict=True):
                is_release = messages[index].get("type") == "ReleaseKillSwitch"
                if index not in answers or (answer["type"] != "Committed" and not is_release):
                    answers[index] = answer
        return [answers[index] for index in range(len(messages))]

    def _exchange(self, door: str, message: Any) -> Any:
        payload = msgspec.json.encode(message)
        waited = 0
        while waited < self._timeout_ms:
            socket = self._socket(door)
            socket.send(payload)
            if socket.poll(min(_RESEND_MS, self._timeout_ms - waited)):
                return msgspec.json.decode(socket.recv())
            waited += _RESEND_MS
            self._sockets.pop(door).close(0)  # an old answer must not be taken for the next one
        asked = door.startswith("query")
        doubt = "" if asked else "; what was sent may or may not have happened: send the same again"
        raise Unavailable(
            f"no answer from the {door} door of {self._place}{doubt}",
            _KEY_CURE if self._told_key or self._place.connect else _CURE,
        )

    def _socket(self, door: str) -> zmq.Socket[bytes]:
        socket = self._sockets.get(door)
        if socket is None:
            endpoint = self._endpoint(door)
            if not self._reached:
                self._reach(endpoint)
            keys = (
                dial_keys(self._place.key, self._place.server_key, self._told_key) if self._locked else None
            )
            socket = self._context.socket(zmq.DEALER)
            socket.linger = 0
            if keys is not None:
                keys.lock(socket)
            socket.connect(endpoint)
            self._sockets[door] = socket
        return socket

    @property
    def _locked(self) -> bool:
        """Whether the doors have keys, as far as anybody told us."""
        return bool(self._told_key or (self._place.connect and (self._place.key or self._place.server_key)))

    def _reach(self, endpoint: str) -> None:
        """Try the address once: ZeroMQ would go on dialing a ledger that is gone until the time is up."""
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        try:
            tcp.create_connection((host.strip("[]"), int(port)), _DIAL_S).close()
        except OSError as error:
            raise Unavailable(
                f"no ledger answers for {self._place} ({error.strerror or error})", _CURE
            ) from None
        self._reached = True

    def _endpoint(self, door: str) -> str:
        name, _, number = door.partition("/")
        if self._place.data is not None:
            told = read_endpoints(self._place.data, int(number))
            self._told_key = told.server_key
            return told.endpoints[name]
        host = self._place.connect.rpartition(":")[0]
        if door == "commands/0":
            return f"tcp://{self._place.connect}"
        if self.partitions <= int(number):
            raise Rejected(f"there is no partition {number}", f"the ledger has {self.partitions}")
        # The ledger names its own view of its address; the way that led to it is ours.
        return f"tcp://{host}:{self._endpoints[int(number)][name].rpartition(':')[2]}"
