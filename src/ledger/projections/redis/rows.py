"""What Redis shows of an entity, as rows: pure functions of its state, so the same fold gives the same keys and values.

Numbers are exact decimal text. A flat position stands there with quantity 0: an absent one is unknown, never flat.
The levels of a STALE book stay, and its companion hash says STALE.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, final

import msgspec

from ledger.config import Settings
from ledger.domain import book_view
from ledger.domain.book import Book, mark
from ledger.domain.context import Instrument
from ledger.domain.position import PositionState
from ledger.domain.sessions import Session
from ledger.domain.values import format_decimal
from ledger.fold import books, positions_and_sessions
from ledger.projections.building import Builders
from ledger.projections.contract import Row
from ledger.projections.redis.names import BOOK, LEVELS, META, POSITION, SESSION, Names
from ledger.views import position_row

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    POSITION: (
        "quantity", "avg_price", "updated_at", "strategy_id", "symbol", "account", "cost", "realized_pnl", "cash", "currency",
        "fees",
        "buy_qty", "sell_qty", "fill_count", "cycle", "last_px", "opened_at_ns", "updated_at_ns",
    ),
    SESSION: ("user_id", "created_at", "last_activity"),
    LEVELS: ("levels",),
    BOOK: (
        "symbol", "exchange", "status", "phase", "last_update", "mark", "last_price", "bid_levels", "ask_levels",
        "updated_at_ns",
    ),
}  # fmt: skip
"""The fields of each kind of key; `version` stands beside them."""


@final
class RowMaker:
    """Makes rows by the settings; holds nothing else."""

    def __init__(self, settings: Settings, partition: int, prefix: str = "") -> None:
        self.names = Names(settings, prefix)
        self._levels_max = settings.cache.book_levels_max
        self._partition = partition

    def builders(self, journal: str) -> Builders:
        """Positions and sessions of the trading journal, books of the market journal."""
        if journal == "market":
            return Builders(states={"book": self._book}, part=books)
        # Sessions are partition 0's; the other partitions only follow them.
        sessions = {"session": self._session} if self._partition == 0 else {}
        return Builders(states={"position": self._position, **sessions}, part=positions_and_sessions)

    def _position(self, _key: Any, state: PositionState, fold: Any) -> Iterable[Row]:
        instrument: Instrument = fold.instruments.states[state.symbol]
        row = position_row(state, instrument)
        row["currency"] = instrument.quote_ccy
        row["realized_pnl"], row["fill_count"] = row.pop("realized"), row.pop("fills")
        row["quantity"], row["avg_price"] = row.pop("qty"), row.pop("avg_px")
        row["updated_at"] = _time(state.ts_last)
        values = tuple(_text(row[name]) for name in COLUMNS[POSITION])
        yield Row(POSITION, (self.names.position(state.strategy_id, state.symbol),), state.version, values)

    def _session(self, _key: Any, state: Session, _fold: Any) -> Iterable[Row]:
        values = (state.user_id, _time(state.opened_ns), _time(state.touched_ns))
        ended = state.end is not None
        yield Row(SESSION, (self.names.session(state.session_id),), state.version, () if ended else values)

    def _book(self, _key: Any, book: Book, fold: Any) -> Iterable[Row]:
        instrument: Instrument = fold.instruments.states[book.symbol]
        bids, asks = book_view.levels(book, self._levels_max)
        ps, qs = instrument.price_scale, instrument.qty_scale
        for side, levels in (("bid", bids), ("ask", asks)):
            text = " ".join([f"{_shown(px, ps)}:{_shown(qty, qs)}" for px, qty in levels])
            yield Row(LEVELS, (self._book_key(book, instrument, side),), book.version, (text,))
        twice = mark(book)
        values = (
            book.symbol,
            book.exchange,
            book.status.name,
            book.phase.name,
            str(book.last_update),
            "" if twice is None else format_decimal(twice * 5, ps + 1),
            "" if book.trade is None else format_decimal(book.trade.px, ps),
            str(len(book.bids)),
            str(len(book.asks)),
            str(book.ts_event),
        )
        yield Row(BOOK, (self._book_key(book, instrument, META),), book.version, values)

    def tick(self, book: Book, instrument: Instrument, epoch: int) -> tuple[str, bytes]:
        """(channel, JSON): a hint, at most once; epoch and seq let a reader see what it lost."""
        bid, ask = book_view.best(book)
        scale = instrument.price_scale
        message = {
            "symbol": book.symbol,
            "exchange": book.exchange,
            "bid": None if bid is None else format_decimal(bid[0], scale),
            "ask": None if ask is None else format_decimal(ask[0], scale),
            "last": None if book.trade is None else format_decimal(book.trade.px, scale),
            "timestamp_ns": book.ts_event,
            "epoch": epoch,
            "seq": book.version,
        }
        return self.names.channel(book.symbol), msgspec.json.encode(message)

    def _book_key(self, book: Book, instrument: Instrument, side: str) -> str:
        return self.names.book(book.symbol, book.exchange, instrument.exchange, side)


_shown = functools.lru_cache(maxsize=16_384)(format_decimal)
"""The prices and sizes of levels, which come again and again."""


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _time(at_ns: int) -> str:
    """UTC to the nanosecond."""
    seconds, nanoseconds = divmod(at_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
