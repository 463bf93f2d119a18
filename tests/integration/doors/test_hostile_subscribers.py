"""Hostile bytes at the publishing sockets: who subscribes to nonsense, or unsubscribes it, costs nobody an event."""

from __future__ import annotations

import random
from typing import Any

import trio
import zmq
from test_publisher import ORDER_TOPIC, Subscribed, publishing, received

from ledger.egress.topics import PREFIXES_MAX, Topics
from raw_subscriber import RawSubscriber


async def hostile(subscribed: Subscribed) -> RawSubscriber:
    endpoint = subscribed.publisher._orders.socket.raw.getsockopt_string(zmq.LAST_ENDPOINT)  # type: ignore[reportPrivateUsage]
    return await trio.to_thread.run_sync(RawSubscriber, endpoint)


def topics_of(subscribed: Subscribed) -> Topics:
    return subscribed.publisher._orders.topics  # type: ignore[reportPrivateUsage]


async def all_was_heard(subscribed: Subscribed, raw: RawSubscriber, mark: bytes) -> None:
    """What the raw peer said before this subscription has reached the publisher."""
    before = topics_of(subscribed).version
    raw.say(b"\x01" + mark)
    while topics_of(subscribed).version == before:
        await trio.sleep(0.001)


async def is_published(subscribed: Subscribed, seq: int) -> None:
    subscribed.fills(seq)
    (frames,) = await received(subscribed.orders, 1)
    assert frames[0] == ORDER_TOPIC


async def test_nobody_can_unsubscribe_for_another() -> None:
    async with publishing(orders=ORDER_TOPIC) as subscribed:
        with await hostile(subscribed) as raw:
            for _ in range(3):
                raw.say(b"\x00" + ORDER_TOPIC)
            raw.say(b"\x01x", more=True)
            raw.say(b"\x00" + ORDER_TOPIC)
            await all_was_heard(subscribed, raw, b"mark")
            await is_published(subscribed, 1)
        await is_published(subscribed, 2)


async def test_frames_that_are_no_subscriptions_change_nothing() -> None:
    chance = random.Random(17)
    async with publishing(orders=ORDER_TOPIC) as subscribed:
        version = topics_of(subscribed).version
        with await hostile(subscribed) as raw:
            for payload in (b"", b"\x02", b"\x05order/", b"\xff" * 500, b"{}", b"\x00"):
                raw.say(payload)
            for _ in range(200):
                raw.say(bytes([chance.randrange(2, 256)]) + chance.randbytes(chance.randrange(300)))
            await all_was_heard(subscribed, raw, b"mark")
            assert topics_of(subscribed).version == version + 1
            await is_published(subscribed, 1)


async def test_bytes_that_are_no_frames_cost_only_their_own_connection() -> None:
    chance = random.Random(18)
    async with publishing(orders=ORDER_TOPIC) as subscribed:
        for number in range(20):
            with await hostile(subscribed) as raw:
                if number % 2:
                    raw.say(b"\x01" + b"p" * 100_000)  # longer than a subscription may be
                else:
                    raw.say_bytes(chance.randbytes(200))
        await is_published(subscribed, 1)


async def test_a_flood_of_subscriptions_is_bounded() -> None:
    async with publishing(orders=ORDER_TOPIC) as subscribed:
        topics = topics_of(subscribed)
        with await hostile(subscribed) as raw:

            def flood() -> None:
                for number in range(PREFIXES_MAX + 500):
                    raw.say(b"\x01nonsense/%d" % number)

            await trio.to_thread.run_sync(flood)
            while not topics.is_wanted(b"anything"):
                await trio.sleep(0.001)
            version: Any = topics.version
            topics.note(b"\x01one/more")
            assert topics.version == version <= PREFIXES_MAX + 1
            await is_published(subscribed, 1)
