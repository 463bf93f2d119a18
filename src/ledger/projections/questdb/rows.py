"""One row for each quote, market trade and own execution: pure functions of the event and the fold that applied it.

A depth feed quotes by its book: each snapshot and delta that leaves the book two-sided is a tick of its best prices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ledger.domain import book_view
from ledger.domain.book import Book
from ledger.domain.book_view import Level
from ledger.domain.context import Instrument
from ledger.domain.events import (
    BookDeltaApplied,
    BookOrderApplied,
    BookSnapshotApplied,
    FillBusted,
    FillCorrected,
    MarketQuoted,
    MarketTraded,
    OrderFilled,
)
from ledger.fold import instruments, levels_and_trades
from ledger.projections.building import Builders
from ledger.projections.contract import Row, Step
from ledger.projections.questdb.tables import EXECUTIONS, TICKS, TRADES


def builders(journal: str, partition: int) -> Builders:
    """Ticks and trades of the market journal, executions of the trading journal."""

    def quotes(step: Step, fold: Any) -> Iterable[Row]:
        event = step.event
        bid, ask = (event.bid_px, event.bid_qty), (event.ask_px, event.ask_qty)
        return (tick(step, fold, fold.books.get((event.exchange, event.symbol)), bid, ask),)

    def bests(step: Step, fold: Any) -> Iterable[Row]:
        book = fold.books.get((step.event.exchange, step.event.symbol))
        bid, ask = book_view.best(book)
        return () if bid is None or ask is None else (tick(step, fold, book, bid, ask),)

    def tick(step: Step, fold: Any, book: Book, bid: Level, ask: Level) -> Row:
        event = step.event
        instrument = _instrument(fold, event)
        ps, qs = instrument.price_scale, instrument.qty_scale
        price, size, last = 10**ps, 10**qs, book.trade
        shown = (bid[0] / price, bid[1] / size, ask[0] / price, ask[1] / size)
        if last is None:
            values = (event.symbol, event.exchange, *shown, None, None, *bid, *ask, None, None)
        else:
            traded = (last.px / price, last.qty / size)
            values = (event.symbol, event.exchange, *shown, *traded, *bid, *ask, last.px, last.qty)
        at = event.event_time_ns or step.recorded_at_ns
        return Row(TICKS, (step.seq,), step.seq, (*values, partition, at, ps, qs))

    def head(step: Step, instrument: Instrument) -> tuple[int, int, int, int]:
        at = step.event.event_time_ns or step.recorded_at_ns
        return (partition, at, instrument.price_scale, instrument.qty_scale)

    def trades(step: Step, fold: Any) -> Iterable[Row]:
        event = step.event
        instrument = _instrument(fold, event)
        values = (
            *(event.symbol, event.exchange, event.side.name),
            *_shown(event, instrument),
            *(event.trade_id, event.px, event.qty),
            *head(step, instrument),
        )
        return (Row(TRADES, (step.seq,), step.seq, values),)

    def executions(step: Step, fold: Any) -> Iterable[Row]:
        event = step.event
        instrument = _instrument(fold, event)
        values = (
            *(
                event.symbol,
                event.exchange,
                event.side.name,
                event.strategy_id,
                event.account,
                _KINDS[type(event)],
            ),
            *_shown(event, instrument),
            *(event.order, event.execution_id, getattr(event, "ref_execution_id", "")),
            *(event.trade_date, event.fee_ccy, event.px, event.qty, event.fee),
            *head(step, instrument),
        )
        return (Row(EXECUTIONS, (step.seq,), step.seq, values),)

    if journal == "trading":
        return Builders(events=dict.fromkeys(_KINDS, executions), part=instruments)
    booked = dict.fromkeys((BookSnapshotApplied, BookDeltaApplied, BookOrderApplied), bests)
    return Builders(events={**booked, MarketQuoted: quotes, MarketTraded: trades}, part=levels_and_trades)


_KINDS: Final[dict[type, str]] = {OrderFilled: "FILL", FillBusted: "BUST", FillCorrected: "CORRECT"}


def _instrument(fold: Any, event: Any) -> Instrument:
    found = fold.instruments.get(event.symbol)
    assert found is not None, f"{event.symbol} is not defined"
    return found


def _shown(event: Any, instrument: Instrument) -> tuple[float, float]:
    """Price and quantity for charts."""
    return event.px / 10**instrument.price_scale, event.qty / 10**instrument.qty_scale
