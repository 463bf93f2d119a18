"""The bench's workloads, all from a seed: order life cycles with their reports, and a stream of quotes and depth.

An order stream has submits, acks, fills and cancels at 40 : 30 : 20 : 10, over symbols and strategies by Zipf's law,
and comes as the doors get it: msgpack messages of commands and of reports, in turn. Every input of it is sound, so
each must become exactly one event.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any, Final

from ledger.codec import encode_events
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, SubmitOrder
from ledger.domain.enums import Liquidity, OrderType, Side
from ledger.domain.events import OrderSubmitted
from ledger.domain.facts import BookDelta, BookSnapshot, Quote, ReportAccepted, ReportFill
from ledger.journal import partition_of
from ledger.wire import encode_messages

SYMBOLS: Final = 100
SYMBOLS_MAX: Final = 1000
STRATEGIES: Final = 20
EXCHANGE: Final = "XNAS"
TICK: Final = 100
MIX: Final = {"submit": 40, "ack": 30, "fill": 20, "cancel": 10}
TRADE_DATE: Final = "2026-11-20"
CHUNK: Final = 128
"""Inputs of an order stream between two changes from commands to reports: about 64 a message."""


@dataclass(frozen=True)
class Load:
    """A stream of messages for the doors."""

    messages: list[tuple[str, bytes]]
    """(door, payload) in order."""
    inputs: int


def symbol_name(index: int) -> str:
    """The name of the symbol of this rank."""
    return f"SYM{index:04d}"


def strategy_name(index: int) -> str:
    """The name of the strategy of this rank."""
    return f"STRAT{index:03d}"


def definitions(seed: int, symbols: int = SYMBOLS) -> list[Any]:
    """The commands that must come before every load."""
    ids = _Ids(random.Random(f"{seed} definitions"))
    return [
        *(DefineInstrument(ids.new(), symbol_name(i), EXCHANGE, 4, 0, TICK, 1) for i in range(symbols)),
        *(DefineStrategy(ids.new(), strategy_name(i), f"ACC{i % 4}") for i in range(STRATEGIES)),
    ]


class _Ids:
    """UUIDv7s of the present time, their random bits from the seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made_ms = time.time_ns() // 1_000_000

    def new(self) -> bytes:
        head = self._made_ms.to_bytes(6, "big")
        return head + bytes((0x70 | self._rng.getrandbits(4),)) + self._rng.randbytes(9)


class _Zipf:
    def __init__(self, rng: random.Random, count: int) -> None:
        self._rng = rng
        self._indexes = range(count)
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(count)))

    def draw(self) -> int:
        return self._rng.choices(self._indexes, cum_weights=self._weights)[0]


class _Order:
    __slots__ = ("key", "left", "place", "px", "side", "strategy", "symbol")

    def __init__(self, key: str, symbol: str, strategy: str, side: Side, qty: int, px: int) -> None:
        self.key, self.symbol, self.strategy = key, symbol, strategy
        self.side, self.left, self.px = side, qty, px
        self.place = -1


class _Desk:
    """Orders under way, from which the next input is drawn."""

    def __init__(self, seed: int | str, prefix: str = "o", symbols: int = SYMBOLS) -> None:
        self.rng = random.Random(seed)
        self._prefix = prefix
        self._ids = _Ids(self.rng)
        self._symbols, self._strategies = _Zipf(self.rng, symbols), _Zipf(self.rng, STRATEGIES)
        self._unacked: list[_Order] = []
        self._next_ack = 0
        self._working: list[_Order] = []
        self._uncanceled: list[_Order] = []
        self._count = self._reports = self._executions = self._cancels = 0

    def submit(self) -> SubmitOrder:
        rng = self.rng
        self._count += 1
        order = _Order(
            f"{self._prefix}{self._count:08d}",
            symbol_name(self._symbols.draw()),
            strategy_name(self._strategies.draw()),
            rng.choice((Side.BUY, Side.SELL)),
            100 * rng.randint(1, 10),
            TICK * rng.randint(9_000, 11_000),
        )
        self._unacked.append(order)
        return SubmitOrder(
            self._ids.new(),
            order.key,
            order.strategy,
            order.symbol,
            EXCHANGE,
            order.side,
            OrderType.LIMIT,
            order.left,
            order.px,
        )

    def ack(self) -> ReportAccepted | None:
        if self._next_ack == len(self._unacked):
            return None
        order = self._unacked[self._next_ack]
        self._next_ack += 1
        self._working.append(order)
        self._uncanceled.append(order)
        return ReportAccepted(
            *self._head(order), venue_order_id=f"v{order.key}", event_time_ns=1_700_000_000_000_000_000
        )

    def fill(self) -> ReportFill | None:
        if not self._working:
            return None
        index = self.rng.randrange(len(self._working))
        order = self._working[index]
        qty = min(order.left, 100 * self.rng.randint(1, 5))
        order.left -= qty
        if not order.left:
            self._working[index] = self._working[-1]
            self._working.pop()
        self._executions += 1
        return ReportFill(
            *self._head(order),
            f"x{self._executions:08d}",
            TRADE_DATE,
            order.side,
            qty,
            order.px,
            qty * 50,
            "USD",
            Liquidity.MAKER,
            1_700_000_000_000_000_000,
        )

    def cancel(self) -> CancelOrder | None:
        while self._uncanceled:
            index = self.rng.randrange(len(self._uncanceled))
            order = self._uncanceled[index]
            self._uncanceled[index] = self._uncanceled[-1]
            self._uncanceled.pop()
            if order.left:
                self._cancels += 1
                return CancelOrder(self._ids.new(), order.symbol, f"c{self._cancels:08d}", order.key)
        return None

    def _head(self, order: _Order) -> tuple[str, int, int, str, str, str]:
        self._reports += 1
        return "gw1", 1, self._reports, order.symbol, EXCHANGE, order.key


def orders(seed: int, count: int, symbols: int = SYMBOLS) -> Load:
    """`count` inputs of order life cycles."""
    desk = _Desk(seed, symbols=symbols)
    makers = {"submit": desk.submit, "ack": desk.ack, "fill": desk.fill, "cancel": desk.cancel}
    kinds = desk.rng.choices(list(MIX), list(MIX.values()), k=count)
    messages: list[tuple[str, bytes]] = []
    for start in range(0, count, CHUNK):
        commands: list[Any] = []
        reports: list[Any] = []
        for kind in kinds[start : start + CHUNK]:
            made = makers[kind]()
            if made is None:  # nothing is there to be acked, filled or canceled yet
                made = desk.submit()
            (commands if type(made) in (SubmitOrder, CancelOrder) else reports).append(made)
        messages += [
            (door, encode_messages(batch))
            for door, batch in (("commands", commands), ("reports", reports))
            if batch
        ]
    return Load(messages, count)


def submits(seed: int, count: int, a_message: int, prefix: str, symbols: int = SYMBOLS) -> Load:
    """`count` new orders, so many a message; another prefix makes other orders, another seed other terms."""
    desk = _Desk(f"{seed} {prefix}", prefix, symbols)
    return _batched("commands", [desk.submit() for _ in range(count)], a_message)


def cancels(seed: int, count: int) -> tuple[SubmitOrder, list[CancelOrder]]:
    """An order, and so many requests to cancel it."""
    desk = _Desk(f"{seed} cancels", "desk-")
    order = desk.submit()
    ids = _Ids(desk.rng)
    return order, [
        CancelOrder(ids.new(), order.symbol, f"desk-c{number}", order.client_order_id)
        for number in range(count)
    ]


def routed_submits(seed: int, count: int, a_message: int, prefix: str, partitions: int) -> list[Load]:
    """New orders of each partition, about `count` in all, in full messages."""
    desk = _Desk(f"{seed} {prefix}", prefix)
    lanes: list[list[Any]] = [[] for _ in range(partitions)]
    for _ in range(count):
        made = desk.submit()
        lanes[partition_of(made.symbol, partitions)].append(made)
    return [_batched("commands", lane[: len(lane) // a_message * a_message], a_message) for lane in lanes]


def acks(seed: int, count: int, a_message: int | Sequence[int], prefix: str) -> tuple[Load, Load]:
    """New orders, 64 a message, and the venue's acceptance of each; `a_message`: reports in each, or of each message."""
    desk = _Desk(f"{seed} {prefix}", prefix)
    sent = [desk.submit() for _ in range(count)]
    accepted = [desk.ack() for _ in range(count)]
    return _batched("commands", sent, 64), _batched("reports", accepted, a_message)


def _batched(door: str, made: Sequence[Any], a_message: int | Sequence[int]) -> Load:
    if isinstance(a_message, int):
        a_message = [a_message] * -(-len(made) // a_message)
    rest = iter(made)
    batches = (list(islice(rest, size)) for size in a_message)
    return Load([(door, encode_messages(batch)) for batch in batches], len(made))


def market(seed: int, count: int, a_message: int | Sequence[int] = 64) -> Load:
    """A snapshot of each book, then quotes and deltas at 3 : 1 that continue it; `count` in all."""
    rng = random.Random(seed)
    zipf = _Zipf(rng, SYMBOLS)
    updates = [1] * SYMBOLS
    made: list[Any] = [_snapshot(index, index + 1) for index in range(min(SYMBOLS, count))]
    for number in range(len(made) + 1, count + 1):
        index = zipf.draw()
        if rng.random() < 0.75:
            bid = TICK * (10_000 - rng.randint(1, 3))
            qty = rng.randint(1, 900)
            head = ("feed", 1, number, symbol_name(index), EXCHANGE)
            made.append(Quote(*head, bid, qty, bid + 4 * TICK, qty + 1))
        else:
            updates[index] += 1
            made.append(_delta(rng, index, number, updates[index]))
    return _batched("market", made, a_message)


def _snapshot(index: int, number: int) -> BookSnapshot:
    bids = tuple((TICK * (10_000 - level), 100) for level in range(1, 21))
    asks = tuple((TICK * (10_000 + level), 100) for level in range(1, 21))
    return BookSnapshot("feed", 1, number, symbol_name(index), EXCHANGE, 1, bids, asks)


def _delta(rng: random.Random, index: int, number: int, update: int) -> BookDelta:
    bids = tuple((TICK * (10_000 - level), 100 * rng.randint(0, 9)) for level in rng.sample(range(1, 31), 2))
    asks = tuple((TICK * (10_000 + level), 100 * rng.randint(0, 9)) for level in rng.sample(range(1, 31), 2))
    return BookDelta("feed", 1, number, symbol_name(index), EXCHANGE, update, update, bids, asks)


def typical_event() -> bytes:
    """A new order as it is stored, for whoever needs bytes of the usual size."""
    order = _Desk(1).submit()
    event = OrderSubmitted(
        order.client_order_id,
        order.strategy_id,
        "ACC1",
        order.symbol,
        order.exchange,
        order.side,
        order.order_type,
        order.qty,
        order.px,
        None,
        order.time_in_force,
        order.command_id,
        "local",
        1_700_000_000_000_000_000,
    )
    return encode_events([event])[1:]
