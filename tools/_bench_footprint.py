"""Memory: bytes per open order, closed order and book level, counted by Python's allocator, not guessed from the process.

The events are decoded as recovery does and folded; what is left when they are gone is counted. An order holds its own
state, its indexes and the outcomes of its commands; a closed one also its fill. All of it is in memory: what an engine
that passivates closed orders keeps of them is less.
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any, Final

from _bench_load import EXCHANGE, STRATEGIES, TICK, strategy_name, symbol_name
from _bench_result import Figures, check
from ledger.codec import decode_events, encode_events
from ledger.domain.enums import Liquidity, OrderType, Side, TimeInForce
from ledger.domain.events import (
    BookSnapshotApplied,
    InstrumentDefined,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
)
from ledger.fold import MarketFold, TradingFold

AT_NS: Final = 1_700_000_000_000_000_000
BOOKS: Final = 50
LEVELS: Final = 200
"""Of each book, both sides together."""


def measure(figures: Figures, orders: int) -> None:
    """One round."""
    figures.add("memory open order", "bytes", _orders(orders, is_closed=False))
    figures.add("memory closed order", "bytes", _orders(orders, is_closed=True), note="with its fill")
    figures.add("memory book level", "bytes", _levels())
    figures.count("orders folded for their memory", 2 * orders)


def _orders(count: int, *, is_closed: bool) -> float:
    fold = TradingFold()
    events: list[Any] = []
    for number in range(count):
        events += _life(number, len(events) + 1, is_closed)
    size = _kept(fold, events)
    check(len(fold.orders) == count, f"{count} orders wanted, {len(fold.orders)} folded")
    return size / count


def _life(number: int, seq: int, is_closed: bool) -> list[Any]:
    name, symbol = f"o{number:08d}", symbol_name(number % 100)
    strategy, account = strategy_name(number % STRATEGIES), f"ACC{number % 4}"
    command_id = (AT_NS // 10**6).to_bytes(6, "big") + b"\x70\x00" + number.to_bytes(8, "big")
    px = TICK * (9_000 + number % 2_000)
    terms = (Side.BUY, OrderType.LIMIT, 100, px, None, TimeInForce.DAY)
    made = [OrderSubmitted(name, strategy, account, symbol, EXCHANGE, *terms, command_id, "local", AT_NS)]
    head = (symbol, name, strategy, EXCHANGE, "gw1", 1)
    made.append(OrderAccepted(*head, 2 * number + 1, AT_NS, AT_NS, "local", f"v{name}"))
    if is_closed:
        fill = (f"x{number:08d}", "2026-11-20", 100, px, 50, "USD", Liquidity.MAKER)
        made.append(
            OrderFilled(*head, 2 * number + 2, AT_NS, AT_NS, "local", seq, name, account, Side.BUY, *fill)
        )
    return made


def _levels() -> float:
    fold = MarketFold()
    side = LEVELS // 2
    events: list[Any] = [
        InstrumentDefined(symbol_name(i), EXCHANGE, 4, 0, TICK, 1, 10**8, "USD", False, False, "24/7")
        for i in range(BOOKS)
    ]
    for index in range(BOOKS):
        bids = tuple((TICK * (10_000 - level), 100 + level) for level in range(1, side + 1))
        asks = tuple((TICK * (10_000 + level), 100 + level) for level in range(1, side + 1))
        events.append(
            BookSnapshotApplied(symbol_name(index), EXCHANGE, "feed", 1, index + 1, AT_NS, 1, bids, asks)
        )
    size = _kept(fold, events)
    found = sum(len(book.bids.sizes) + len(book.asks.sizes) for book in fold.books)
    check(found == BOOKS * LEVELS, f"{BOOKS * LEVELS} levels wanted, {found} folded")
    return size / found


def _kept(fold: TradingFold | MarketFold, events: list[Any]) -> int:
    """Bytes that the fold keeps of these events once nobody else has them."""
    payload = encode_events(events)
    events.clear()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for seq, event in enumerate(decode_events(payload), 1):
            fold.apply(seq, AT_NS, event)
            fold.entities.install()
        event = None
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
