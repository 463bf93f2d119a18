"""Both publications over real sockets: topics, headers, gaps, idle repeats, slow subscribers."""

from __future__ import annotations

import enum
import itertools
import typing
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
import zmq

from ledger.domain import position
from ledger.domain.context import Instrument
from ledger.domain.enums import Side
from ledger.domain.events import (
    EVENTS,
    BookEvent,
    CommandRejected,
    ControlEvent,
    MarketTraded,
    OrderEvent,
    StrategyDefined,
)
from ledger.egress import Publisher, bind_publishers
from ledger.testing.made_fills import filled
from ledger.zmq_trio import TrioSocket

AAPL = Instrument("AAPL", "NASDAQ", 4, 0, 100, 1, 10**8, "USD", False, False, "24/7")
INSTRUMENTS = {"AAPL": AAPL}
ORDER_TOPIC = b"order/MM_01/AAPL|"


def row_of(state: position.PositionState, instrument: Instrument) -> dict[str, Any]:
    return {"strategy": state.strategy_id, "symbol": state.symbol, "qty": str(state.qty)}


def trade(seq: int) -> MarketTraded:
    return MarketTraded("AAPL", "NASDAQ", "feed", 1, seq, 0, 100500, 7, Side.SELL, f"t{seq}")


class Subscribed:
    """A publisher and one subscriber to each of its sockets."""

    def __init__(self, publisher: Publisher, orders: TrioSocket, market: TrioSocket) -> None:
        self.publisher = publisher
        self.orders = orders
        self.market = market

    def fills(self, first_seq: int, count: int = 1, durable: int = 0) -> None:
        self.publisher.publish(
            "trading", 9, first_seq, [filled("B", 5, 100500)] * count, (), durable, INSTRUMENTS
        )


@asynccontextmanager
async def publishing(
    *,
    orders: bytes = b"",
    market: bytes = b"",
    clock: Any = trio.current_time,
    hwm: int = 1000,
    **options: Any,
) -> AsyncGenerator[Subscribed]:
    """A publisher whose subscriptions have arrived; prefixes of what each subscriber wants."""
    context: zmq.Context[Any] = zmq.Context()
    bound = bind_publishers(context, order_events_hwm=hwm, market_data_hwm=hwm)
    sockets = {name: socket for name, (socket, _) in bound.items()}
    publisher = Publisher(
        sockets["order_events_pub"],
        sockets["market_data_pub"],
        partition=0,
        position_row=row_of,
        clock=clock,
        **options,
    )
    try:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                await nursery.start(publisher.run)
                listening: list[TrioSocket] = []
                for name, prefix in (("order_events_pub", orders), ("market_data_pub", market)):
                    subscriber = context.socket(zmq.SUB)
                    subscriber.setsockopt(zmq.RCVHWM, hwm)
                    subscriber.subscribe(prefix)
                    subscriber.connect(bound[name][1])
                    listening.append(TrioSocket(subscriber))
                subscribed = Subscribed(publisher, *listening)
                await subscriptions_arrived(subscribed)
                yield subscribed
                nursery.cancel_scope.cancel()
    finally:
        context.destroy(linger=0)


async def subscriptions_arrived(subscribed: Subscribed) -> None:
    publications = (subscribed.publisher._orders, subscribed.publisher._market)  # type: ignore[reportPrivateUsage]
    while not all(publication.topics.version for publication in publications):
        await trio.sleep(0.001)


async def received(socket: TrioSocket, count: int) -> list[list[bytes]]:
    messages: list[list[bytes]] = []
    while len(messages) < count:
        messages += await socket.recv_many()
    return messages


async def test_an_order_event_is_three_frames_with_decimal_text() -> None:
    async with publishing() as subscribed:
        subscribed.fills(7, durable=8)
        [[topic, header, payload]] = await received(subscribed.orders, 1)
    assert topic == ORDER_TOPIC
    assert msgspec.json.decode(header) == {"partition": 0, "epoch": 9, "seq": 7, "prev": 0, "durable": 8}
    shown = msgspec.json.decode(payload)
    assert (shown["type"], shown["px"], shown["qty"]) == ("OrderFilled", "10.05", "5")


async def test_prev_names_the_seq_before_on_the_same_topic() -> None:
    async with publishing() as subscribed:
        events = [filled("B", 5, 1), StrategyDefined("S", "A"), filled("B", 5, 1), StrategyDefined("T", "A")]
        subscribed.publisher.publish("trading", 1, 10, events, (), 13, INSTRUMENTS)
        messages = await received(subscribed.orders, 4)
    headers = [msgspec.json.decode(header) for _, header, _ in messages]
    assert [topic for topic, _, _ in messages] == [ORDER_TOPIC, b"control|"] * 2
    assert [(header["seq"], header["prev"]) for header in headers] == [(10, 0), (11, 0), (12, 10), (13, 11)]


async def test_prev_counts_what_passed_while_nobody_listened() -> None:
    async with publishing(orders=b"control|") as subscribed:
        subscribed.fills(1, count=3)
        subscribed.orders.raw.subscribe(ORDER_TOPIC)
        version = subscribed.publisher._orders.topics.version  # type: ignore[reportPrivateUsage]
        while subscribed.publisher._orders.topics.version == version:  # type: ignore[reportPrivateUsage]
            await trio.sleep(0.001)
        subscribed.fills(9)
        [[_, header, _]] = await received(subscribed.orders, 1)
        assert msgspec.json.decode(header)["prev"] == 3
        assert subscribed.publisher.statistics().unwanted == 3


async def test_positions_are_rows_on_their_own_topic() -> None:
    state = position.evolve(None, filled("B", 5, 100500), 4, 1)
    async with publishing() as subscribed:
        subscribed.publisher.publish("trading", 1, 4, (), [(4, state)], 4, INSTRUMENTS)
        [[topic, header, payload]] = await received(subscribed.orders, 1)
    assert topic == b"position/MM_01/AAPL|"
    assert msgspec.json.decode(header)["seq"] == 4
    assert msgspec.json.decode(payload) == {"strategy": "MM_01", "symbol": "AAPL", "qty": "5"}


@pytest.mark.parametrize(
    ("prefix", "count"), [(b"trade/AAPL|", 1), (b"trade/", 1), (b"trade/AAP|", 0), (b"book/", 0)]
)
async def test_market_data_goes_to_those_who_want_it(prefix: bytes, count: int) -> None:
    async with publishing(market=prefix) as subscribed:
        subscribed.publisher.publish("market", 1, 4, [trade(1)], (), 3, INSTRUMENTS)
        assert subscribed.publisher.statistics().sent == count
        if count:
            [[topic, _, payload]] = await received(subscribed.market, 1)
            assert topic == b"trade/AAPL|"
            assert msgspec.json.decode(payload)["px"] == "10.05"


async def test_msgpack_has_the_event_with_scaled_integers_and_a_header_of_the_same_form() -> None:
    async with publishing(publish_format="msgpack") as subscribed:
        subscribed.publisher.publish("market", 1, 4, [trade(1)], (), 3, INSTRUMENTS)
        [[_, header, payload]] = await received(subscribed.market, 1)
    assert msgspec.msgpack.decode(header) == {"partition": 0, "epoch": 1, "seq": 4, "prev": 0, "durable": 3}
    assert msgspec.msgpack.decode(payload, type=MarketTraded) == trade(1)


async def test_the_command_id_of_a_refused_command_is_published_as_a_uuid() -> None:
    command_id = uuid.UUID("01a210c0-a0f6-75e7-98dd-d2b87dddacd1")
    refused = CommandRejected(command_id.bytes, 23, "px 10.05 is not a multiple of tick 0.1", b"{}")
    async with publishing(orders=b"control|") as one:
        one.publisher.publish("trading", 9, 5, [refused], (), 5, INSTRUMENTS)
        (frames,) = await one.orders.recv_many()
        assert msgspec.json.decode(frames[2])["command_id"] == str(command_id)


async def test_an_idle_topic_repeats_its_header() -> None:
    now = [100.0]
    async with publishing(orders=ORDER_TOPIC, clock=lambda: now[0], idle_s=1000.0) as subscribed:
        subscribed.fills(7, count=2)
        await received(subscribed.orders, 2)
        subscribed.publisher.repeat_idle()
        assert subscribed.publisher.statistics().repeated == 0
        now[0] += 1000.0
        subscribed.publisher.repeat_idle()
        [[topic, header, payload]] = await received(subscribed.orders, 1)
    assert (topic, payload) == (ORDER_TOPIC, b"")
    assert msgspec.json.decode(header) == {"partition": 0, "epoch": 9, "seq": 8, "prev": 7, "durable": 0}


async def test_idle_topics_repeat_by_themselves_once_somebody_has_subscribed() -> None:
    async with publishing(orders=ORDER_TOPIC, idle_s=0.1) as subscribed:
        subscribed.fills(7)
        messages = await received(subscribed.orders, 3)
    assert [payload == b"" for _, _, payload in messages] == [False, True, True]
    assert {msgspec.json.decode(header)["seq"] for _, header, _ in messages} == {7}


def sample(hint: Any) -> Any:
    """Any value of a field's type."""
    for part in (hint, *typing.get_args(hint)):
        origin = typing.get_origin(part) or part
        if origin in (dict, tuple, str, bytes, bool, int):
            return {dict: {}, tuple: (), str: "AAPL", bytes: b"", bool: True, int: 5}[origin]
        if isinstance(origin, type) and issubclass(origin, enum.IntEnum):
            return next(iter(origin))
        if typing.get_args(part):
            return sample(typing.get_args(part)[0])
    raise AssertionError(hint)


@pytest.mark.parametrize("publish_format", ["json", "msgpack"])
async def test_every_kind_of_event_can_be_published(publish_format: Any) -> None:
    events = [
        kind(
            **{name: sample(hint) for name, hint in typing.get_type_hints(kind, include_extras=False).items()}
        )
        for kind in EVENTS
    ]
    market = [event for event in events if isinstance(event, BookEvent.__args__)]
    trading = [event for event in events if isinstance(event, (*OrderEvent.__args__, *ControlEvent.__args__))]
    async with publishing(publish_format=publish_format) as subscribed:
        subscribed.publisher.publish("trading", 1, 1, trading, (), 1, INSTRUMENTS)
        subscribed.publisher.publish("market", 1, 1, market, (), 1, INSTRUMENTS)
        shown = await received(subscribed.orders, len(trading)) + await received(
            subscribed.market, len(market)
        )
    decode = msgspec.json.decode if publish_format == "json" else msgspec.msgpack.decode
    names = [decode(payload)["type" if publish_format == "json" else 0] for _, _, payload in shown]
    kinds = [type(event) for event in (*trading, *market)]
    assert names == [
        kind.__name__ if publish_format == "json" else kind.__struct_config__.tag for kind in kinds
    ]


async def test_a_slow_subscriber_holds_up_nobody_and_sees_its_gap() -> None:
    bulky = [msgspec.structs.replace(trade(seq), trade_id="t" * 50_000) for seq in range(1, 1001)]
    async with publishing(market=b"trade/", hwm=10, publish_format="msgpack", idle_s=1000.0) as subscribed:
        subscribed.publisher.publish("market", 1, 1, bulky, (), 0, INSTRUMENTS)  # nobody reads meanwhile
        seen: list[tuple[int, int]] = []
        for seq in itertools.count(
            1001
        ):  # once there is room again, a message arrives and shows what was lost
            subscribed.publisher.publish("market", 1, seq, [trade(1)], (), 0, INSTRUMENTS)
            for _, header, _ in await subscribed.market.recv_many():
                place = msgspec.msgpack.decode(header)
                seen.append((place["seq"], place["prev"]))
            if seen[-1][0] > 1000:
                break
    gaps = [seq for (before, _), (seq, prev) in itertools.pairwise(seen) if prev != before]
    assert len(seen) < 1000
    assert gaps
