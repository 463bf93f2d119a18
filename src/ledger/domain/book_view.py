"""What people and digests read off a book: best prices, levels, marks, and its state as canonical bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, final

import msgspec
from msgspec import Struct

from ledger.domain.book import Book, mark
from ledger.domain.ladder import Ladder

_ENCODER: Final = msgspec.msgpack.Encoder()

Level = tuple[int, int]


@final
class Mark(Struct, frozen=True, gc=False):
    """The last valid mark."""

    twice_px: int
    """Bid plus ask, so that it is a whole number."""
    recorded_at_ns: int
    stale: bool
    """The book gives no mark now: it is EMPTY, STALE, crossed or one-sided, or trading is not continuous."""


def best(book: Book) -> tuple[Level | None, Level | None]:
    """Best bid and best ask as (px, qty); None for an empty side."""
    return next(book.bids.top(1), None), next(book.asks.top(1), None)


def levels(book: Book, count: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """The best `count` bids and asks, best first."""
    return tuple(book.bids.top(count)), tuple(book.asks.top(count))


def last_mark(book: Book) -> Mark | None:
    """The last valid mark, stale or not; `book.mark` gives the present one or none."""
    if book.last_mark is None:
        return None
    return Mark(*book.last_mark, stale=mark(book) is None)


def is_locked(book: Book) -> bool:
    """Whether best bid and best ask are equal: legal, a gauge only."""
    bid, ask = book.bids.best, book.asks.best
    return bid is not None and bid == ask


def digest_items(book: Book) -> Iterator[tuple[bytes, bytes]]:
    """(key, state) of everything the book holds: one header, one item a level, one a delta kept, one an order.

    The same journaled history gives the same items, however it was batched; their order has no meaning. Names hold
    no `|`, so that no two entities share a key.
    """
    name = f"book|{book.exchange}|{book.symbol}"
    yield name.encode(), _ENCODER.encode(_header(book))
    yield from _ladder_items(f"{name}|bid|", book.bids)
    yield from _ladder_items(f"{name}|ask|", book.asks)
    for number, delta in book.buffer.items():
        yield f"{name}|kept|{number}".encode(), b"" if delta is None else _ENCODER.encode(delta)
    if book.resting is not None:
        for order_ref, order in book.resting.orders.items():
            yield f"{name}|order|{order_ref}".encode(), _ENCODER.encode(order)


def _header(book: Book) -> tuple[object, ...]:
    count = book.statistics
    return (
        book.status,
        book.phase,
        book.last_update,
        book.fresh,
        book.continuity,
        book.source,
        book.source_epoch,
        tuple(book.buffer),
        sorted(book.bad_prices),
        book.trade,
        book.sound_trade,
        book.quote,
        book.last_mark,
        book.crossed_since,
        book.requested,
        count.snapshots,
        count.deltas,
        count.buffered,
        count.stale,
        count.trades,
        count.quotes,
        count.clock_regressions,
        book.ts_event,
        book.version,
    )


def _ladder_items(prefix: str, ladder: Ladder) -> Iterable[tuple[bytes, bytes]]:
    for px, qty in ladder.items():
        yield f"{prefix}{px}".encode(), str(qty).encode()
