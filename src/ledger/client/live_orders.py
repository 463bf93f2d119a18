"""Order events of one strategy and symbol from the publications, which are fast and may lose, repaired at the stream door.

Each event comes once and in order. The publication gives it as soon as it is durable; where the numbers show that a
message did not come (the subscriber was slow or disconnected, the ledger was killed), what is missing is read from the
stream door before anything later is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast, final

import msgspec
import zmq
from msgspec import Struct

from ledger.client.blocking import Client, connect
from ledger.client.continuity import Continuity, Header
from ledger.client.errors import NotReachable
from ledger.client.rows import decimal_row
from ledger.client.subscription import Subscription
from ledger.client.whereabouts import Whereabouts
from ledger.domain.events import OrderEvent
from ledger.wire import parse_place, show_place
from ledger.zmq_trio import limited

HWM: Final = 10_000
"""Publications kept for a reader that is busy; more are lost, and read from the stream door."""
SILENCE_MS: Final = 2500
"""Idle topics repeat their header every second: after this long the connection is made anew and the journal asked."""
_TYPES: Final = tuple(sorted(kind.__name__ for kind in OrderEvent.__args__))
_FRAMES: Final = 3


@final
class LiveStatistics(Struct, frozen=True):
    """What a reader got since it began."""

    published: int
    """Events that came by the publication."""
    repaired: int
    """Events that were read from the stream door."""
    holes: int
    """Times that messages were found missing."""


@final
class LiveOrders:
    """An endless iterator of rows, for one thread. Rows have `place`, `seq`, `type` and the event's own fields, numbers as
    Decimal. Use it as a context manager.

    Raises NotReachable if the ledger stays away for longer than the client's timeout; iterating again goes on.
    """

    def __init__(
        self,
        where: str | Path,
        strategy: str,
        symbol: str,
        from_place: str = "",
        *,
        hwm: int = HWM,
        silence_ms: int = SILENCE_MS,
        **options: Any,
    ) -> None:
        """Begins at `from_place`, without it with what comes from now on. `options` are those of `connect`."""
        self._client: Client = connect(where, **options)
        self._whereabouts = Whereabouts(where)
        self._strategy, self._symbol = strategy, symbol
        self._hwm, self._silence_ms = hwm, silence_ms
        self._context: zmq.Context[Any] = zmq.Context()
        self._topic = f"order/{strategy}/{symbol}|".encode()
        _, self._partition, seq = parse_place(from_place or self._head())
        self._at = Continuity(seq - 1 if from_place else seq)
        self._ready: deque[dict[str, Any]] = deque()
        self._published = self._repaired = 0
        self._socket = self._dial()
        # What was written before the subscription reached the publisher; later losses show in the numbers.
        self._missed_before = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._context.destroy(linger=0)
        self._client.close()

    def statistics(self) -> LiveStatistics:
        return LiveStatistics(self._published, self._repaired, self._at.lost)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        """The next event; waits for it."""
        if self._missed_before:
            self._catch_up()
            self._missed_before = False
        while not self._ready:
            if self._socket.poll(self._silence_ms):
                self._take(self._socket.recv_multipart())
            else:
                self._start_again()
        return self._ready.popleft()

    def _take(self, frames: list[bytes]) -> None:
        if len(frames) != _FRAMES or frames[0] != self._topic:
            return
        decode = msgspec.json.decode if frames[1].startswith(b"{") else msgspec.msgpack.decode
        header = decode(frames[1], type=Header)
        missing = self._at.judge(header, bool(frames[2]))
        if missing is not None:
            self._repair(*missing)
        elif header.seq > self._at.seq:
            event = cast("dict[str, Any]", decode(frames[2]))
            place = show_place("trading", header.partition, header.seq)
            self._give({"place": place, "seq": header.seq, **event})
            self._published += 1

    def _repair(self, from_seq: int, to_seq: int) -> None:
        """Read the topic's events of a range at the stream door."""
        reading = self._reading(from_seq)
        while reading.next_seq <= to_seq:
            self._give_read(self._client.fetch(reading), to_seq)
        self._at.seq = max(self._at.seq, to_seq)

    def _catch_up(self) -> None:
        """Read to where the journal ends now."""
        _, _, head = parse_place(self._head())
        if head > self._at.seq:
            self._repair(self._at.seq + 1, head)

    def _head(self) -> str:
        return str(self._client.head()["journals"]["trading"][0]["head"])

    def _reading(self, from_seq: int) -> Subscription:
        place = show_place("trading", self._partition, from_seq)
        return Subscription(place, strategy=self._strategy, symbol=self._symbol, types=_TYPES)

    def _give_read(self, rows: list[dict[str, Any]], to_seq: int) -> None:
        for row in rows:
            if self._at.seq < row["seq"] <= to_seq:
                row.pop("recorded_at_ns", None)
                self._give(row)
                self._repaired += 1

    def _give(self, row: dict[str, Any]) -> None:
        self._at.seq = row["seq"]
        self._ready.append(decimal_row(row))

    def _start_again(self) -> None:
        """Nothing came for long: perhaps there is nothing, perhaps the ledger listens elsewhere by now."""
        old = self._socket
        self._socket = self._dial()
        old.close(linger=0)
        self._catch_up()

    def _dial(self) -> zmq.Socket[bytes]:
        if self._whereabouts.learns:
            self._whereabouts.learn(self._client.query("endpoints"))
        socket = limited(self._context, zmq.SUB, hwm=self._hwm)
        socket.setsockopt(zmq.SUBSCRIBE, self._topic)
        try:
            socket.connect(self._whereabouts.endpoint("order_events_pub"))
        except NotReachable:
            socket.close(linger=0)
            raise
        return socket
