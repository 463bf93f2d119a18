"""Both publications: order events and positions on one PUB socket, market data on the other.

A message has three frames: topic, header, payload. The header says partition, epoch, seq, prev (the seq before on this
topic) and durable (the journal's durable head), so a subscriber sees each gap, and reads what it missed from the
journal by the stream door. A topic that is idle for a second repeats its header with an empty payload, so that a
subscriber also sees that it missed the last message. Nothing here waits for a subscriber: one that is too slow loses
messages. The sockets are XPUB, since those tell what is subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, final

import msgspec
import trio
import zmq
from msgspec import Struct

from ledger import endpoints
from ledger.beats import beat
from ledger.domain.context import Instrument
from ledger.domain.events import BookEvent, ControlEvent, Event, MarketQuoted, MarketTraded, OrderEvent
from ledger.domain.position import PositionState
from ledger.egress.topics import Topic, Topics
from ledger.keys import PUBLICATIONS_DOMAIN, Lock
from ledger.wire import show
from ledger.zmq_trio import TrioSocket, limited

IDLE_S: Final = 1.0
ORDER_EVENTS_HWM: Final = 100_000
MARKET_DATA_HWM: Final = 100_000
MARKET: Final = "market"

PositionRow = Callable[[PositionState, Instrument], dict[str, Any]]
"""The row of a position as `show` shows it: decimal text, and None where a value does not exist."""

_ORDER: Final = frozenset(OrderEvent.__args__)
_CONTROL: Final = frozenset(ControlEvent.__args__)
_BOOK_KIND: Final[dict[type, str]] = {
    **dict.fromkeys(BookEvent.__args__, "book"),
    MarketTraded: "trade",
    MarketQuoted: "quote",
}
_NO_SCALES: Final = (0, 0)


@final
class Header(Struct, frozen=True, gc=False):
    """The second frame. In msgpack a map with these names, like the JSON object."""

    partition: int
    epoch: int
    seq: int
    prev: int
    """0: nothing since this start; read the journal if you were here before."""
    durable: int


@final
class PublisherStatistics(Struct, frozen=True):
    """What was published since the start."""

    sent: int
    unwanted: int
    """Events and positions that no subscription named."""
    repeated: int
    """Headers of idle topics."""


def bind_publishers(
    context: zmq.Context[Any],
    *,
    host: str = "127.0.0.1",
    base_port: int = 0,
    partition: int = 0,
    order_events_hwm: int = ORDER_EVENTS_HWM,
    market_data_hwm: int = MARKET_DATA_HWM,
    lock: Lock | None = None,
) -> dict[str, tuple[zmq.Socket[bytes], str]]:
    """Bind `order_events_pub` and `market_data_pub`: name to (socket, endpoint). Raises DoorBusy with the cure."""
    bound: dict[str, tuple[zmq.Socket[bytes], str]] = {}
    try:
        for name, hwm in (("order_events_pub", order_events_hwm), ("market_data_pub", market_data_hwm)):
            socket = limited(context, zmq.XPUB, hwm=hwm, message_bytes_max=1024)
            bound[name] = (socket, "")
            if lock is not None:
                lock(socket, PUBLICATIONS_DOMAIN)
            endpoint = endpoints.bind(socket, name, host=host, base_port=base_port, partition=partition)
            bound[name] = (socket, endpoint)
    except endpoints.DoorBusy:
        for socket, _ in bound.values():
            socket.close(linger=0)
        raise
    return bound


@final
class _Publication:
    """One XPUB socket, its topics and the last place seen."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = TrioSocket(socket)
        self.topics = Topics()
        self.epoch = 0
        self.durable_seq = 0


@final
class Publisher:
    """Publishes what the engine shows it. Belongs to the trio thread; `publish` neither waits nor raises for
    subscribers. Owns both sockets, which are XPUB and bound."""

    def __init__(
        self,
        order_events: zmq.Socket[bytes],
        market_data: zmq.Socket[bytes],
        *,
        partition: int,
        position_row: PositionRow,
        publish_format: Literal["json", "msgpack"] = "json",
        clock: Callable[[], float] = trio.current_time,
        idle_s: float = IDLE_S,
    ) -> None:
        self._orders = _Publication(order_events)
        self._market = _Publication(market_data)
        self._partition = partition
        self._position_row = position_row
        self._json = publish_format == "json"
        encoder = msgspec.json.Encoder() if self._json else msgspec.msgpack.Encoder()
        self._encode: Callable[[Any], bytes] = encoder.encode
        self._clock = clock
        self._idle_s = idle_s
        self._subscribed = trio.Event()
        self._sent = self._unwanted = self._repeated = 0

    def publish(
        self,
        journal: str,
        epoch: int,
        first_seq: int,
        events: Sequence[Event],
        positions: Sequence[tuple[int, PositionState]],
        durable_seq: int,
        instruments: Mapping[str, Instrument],
    ) -> None:
        """Publish `events`, which have the seqs from `first_seq` on, and positions as they are at their seqs.

        Of `trading` only what is durable may be shown; `market` may be ahead of its sync.
        """
        market = journal == MARKET
        publication = self._market if market else self._orders
        if publication.socket.raw.closed:
            return  # a frame became durable while the program was stopping
        publication.epoch = epoch
        publication.durable_seq = durable_seq
        topic_of = _market_topic if market else _order_topic
        now = self._clock()
        for seq, event in enumerate(events, first_seq):
            topic = topic_of(publication.topics, event)
            if topic is not None and self._advanced(publication, topic, seq):
                payload = self._event_payload(event, instruments) if self._json else self._encode(event)
                self._send(publication, topic, payload, now)
        for seq, state in positions:
            topic = publication.topics.topic("position", state.strategy_id, state.symbol)
            if self._advanced(publication, topic, seq):
                row = self._position_row(state, instruments[state.symbol])
                self._send(publication, topic, self._encode(row), now)

    def repeat_idle(self) -> None:
        """Send the header of each subscribed topic that sent nothing for a second, with an empty payload."""
        now = self._clock()
        for publication in (self._orders, self._market):
            for topic in publication.topics.idle(now - self._idle_s):
                self._send(publication, topic, b"", now)
                self._repeated += 1

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take subscriptions and repeat idle headers until cancelled; then both sockets are closed."""
        try:
            async with trio.open_nursery() as nursery:
                for publication in (self._orders, self._market):
                    nursery.start_soon(self._take_subscriptions, publication)
                task_status.started()
                await self._subscribed.wait()
                while True:
                    await beat()
                    self.repeat_idle()
        finally:
            self._orders.socket.close()
            self._market.socket.close()

    async def _take_subscriptions(self, publication: _Publication) -> None:
        while True:
            for frames in await publication.socket.recv_many():
                publication.topics.note(frames[-1])
            self._subscribed.set()  # before there is a subscriber no topic is idle

    def statistics(self) -> PublisherStatistics:
        return PublisherStatistics(self._sent, self._unwanted, self._repeated)

    def _advanced(self, publication: _Publication, topic: Topic, seq: int) -> bool:
        """Note the seq; whether the message is to be sent."""
        topic.prev = topic.seq
        topic.seq = seq
        if topic.wanted(publication.topics):
            return True
        self._unwanted += 1
        return False

    def _event_payload(self, event: Event, instruments: Mapping[str, Instrument]) -> bytes:
        instrument = instruments.get(getattr(event, "symbol", ""))
        scales = (instrument.price_scale, instrument.qty_scale) if instrument else _NO_SCALES
        return self._encode(show(event, scales))

    def _send(self, publication: _Publication, topic: Topic, payload: bytes, now: float) -> None:
        header = Header(self._partition, publication.epoch, topic.seq, topic.prev, publication.durable_seq)
        publication.socket.send_nowait([topic.name, self._encode(header), payload])
        topic.sent_at = now
        self._sent += 1


def _order_topic(topics: Topics, event: Event) -> Topic | None:
    kind = type(event)
    if kind in _ORDER:
        about: Any = event
        return topics.topic("order", about.strategy_id, about.symbol)
    return topics.topic("control") if kind in _CONTROL else None


def _market_topic(topics: Topics, event: Event) -> Topic | None:
    name = _BOOK_KIND.get(type(event))
    if name is None:
        return None
    about: Any = event
    return topics.topic(name, about.symbol)
