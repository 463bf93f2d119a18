"""One row for each quote, market trade and own execution: pure functions of the event and the fold that applied it.

A depth feed quotes by its book: each snapshot and delta that leaves the book two-sided is a tick of its best prices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ledger.domain import book_view
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
from ledger.projections.building import Builders
from ledger.projections.contract import Row, Step
from ledger.projections.questdb.tables import EXECUTIONS, TICKS, TRADES


def builders(journal: str, partition: int) -> Builders:
    """Ticks and trades of the market journal, executions of the trading journal."""

    def head(step: Step, instrument: Instrument) -> tuple[int, int, int, int]:
        at = step.event.event_time_ns or step.recorded_at_ns
        return (partition, at, instrument.price_scale, instrument.qty_scale)

    def ticks(step: Step, fold: Any) -> Iterable[Row]:
        event = step.event
        instrument, book = _instrument(fold, event), fold.books.get((event.exchange, event.symbol))
        if type(event) is MarketQuoted:
            bid, ask = (event.bid_px, event.bid_qty), (event.ask_px, event.ask_qty)
        else:
            best_bid, best_ask = book_view.best(book)
            if best_bid is None or best_ask is None:
                return
            bid, ask = best_bid, best_ask
        last = (None, None) if book.trade is None else (book.trade.px, book.trade.qty)
        raw = (*bid, *ask, *last)
        shown = tuple(
            None
            if value is None
            else value / 10 ** (instrument.qty_scale if at % 2 else instrument.price_scale)
            for at, value in enumerate(raw)
        )
        yield Row(
            TICKS,
            (step.seq,),
            step.seq,
            (event.symbol, event.exchange, *shown, *raw, *head(step, instrument)),
        )

    def trades(step: Step, fold: Any) -> Iterable[Row]:
        event = step.event
        instrument = _instrument(fold, event)
        values = (
            *(event.symbol, event.exchange, event.side.name),
            *_shown(event, instrument),
            *(event.trade_id, event.px, event.qty),
            *head(step, instrument),
        )
        yield Row(TRADES, (step.seq,), step.seq, values)

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
        yield Row(EXECUTIONS, (step.seq,), step.seq, values)

    if journal == "trading":
        return Builders(events=dict.fromkeys(_KINDS, executions))
    quoting = (MarketQuoted, BookSnapshotApplied, BookDeltaApplied, BookOrderApplied)
    return Builders(events={**dict.fromkeys(quoting, ticks), MarketTraded: trades})


_KINDS: Final[dict[type, str]] = {OrderFilled: "FILL", FillBusted: "BUST", FillCorrected: "CORRECT"}


def _instrument(fold: Any, event: Any) -> Instrument:
    found = fold.instruments.get(event.symbol)
    assert found is not None, f"{event.symbol} is not defined"
    return found


def _shown(event: Any, instrument: Instrument) -> tuple[float, float]:
    """Price and quantity for charts."""
    return event.px / 10**instrument.price_scale, event.qty / 10**instrument.qty_scale
