"""Rows for people and programs: what an entity's state says, as decimal text, with everything derived filled in.

The query door, `show` on a ledger that does not run, and publications all take their rows from here.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from ledger.domain import book_view, order_state, position_view
from ledger.domain.anomalies import Anomaly
from ledger.domain.book import Book
from ledger.domain.context import Instrument
from ledger.domain.enums import FillStanding
from ledger.domain.events import AnomalyRecorded
from ledger.domain.fill import FillKey, FillState
from ledger.domain.mark_policy import Valuation
from ledger.domain.order_state import OrderState
from ledger.domain.position import PositionState
from ledger.domain.source import SourceState
from ledger.domain.units import FEE_SCALE
from ledger.domain.values import format_decimal
from ledger.wire import show_order_id, show_place

Row = dict[str, Any]
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def _ratio(numerator: int, denominator: int, scale: int) -> str:
    """numerator / denominator at a scale, rounded half to even to four more digits, for display only."""
    exact = _WIDE.divide(Decimal(numerator), Decimal(denominator)).scaleb(-scale, _WIDE)
    rounded = exact.quantize(Decimal(1).scaleb(-(scale + 4)), context=_WIDE)
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _optional(value: int | None, scale: int) -> str | None:
    return None if value is None else format_decimal(value, scale)


def _fees(fees: tuple[tuple[str, int], ...]) -> dict[str, str]:
    return {currency: format_decimal(amount, FEE_SCALE) for currency, amount in fees}


def order_row(state: OrderState, instrument: Instrument) -> Row:
    """An order: its terms, its progress and its status in the own view (FIX names)."""
    terms, ps, qs = state.terms, instrument.price_scale, instrument.qty_scale
    average = order_state.avg_px(state)
    return {
        "order_id": show_order_id(terms.order_id),
        "symbol": terms.symbol,
        "client_order_id": terms.client_order_id,
        "current_client_order_id": state.client_order_id,
        "strategy_id": terms.strategy_id,
        "account": terms.account,
        "exchange": terms.exchange,
        "venue_order_id": state.venue_order_id,
        "side": terms.side.name,
        "order_type": terms.order_type.name,
        "time_in_force": state.time_in_force.name,
        "qty": format_decimal(state.qty, qs),
        "px": _optional(state.px, ps),
        "stop_px": _optional(state.stop_px, ps),
        "status": order_state.status(state).name,
        "open": order_state.is_open(state),
        "cum_qty": format_decimal(state.cum, qs),
        "leaves_qty": format_decimal(order_state.leaves(state), qs),
        "overfill_qty": format_decimal(order_state.overfill(state), qs),
        "avg_px": None if average is None else _ratio(*average, ps),
        "fees": _fees(state.fees),
        "fills": state.fill_count,
        "pending": [f"{request.kind.name}:{request.client_order_id}" for request in state.requests],
        "unconfirmed": state.unconfirmed,
        "needs_recon": state.needs_recon,
        "actor": terms.actor,
        "created_at_ns": terms.ts_created,
        "updated_at_ns": state.ts_updated,
        "version": state.version,
    }


def fill_row(key: FillKey, state: FillState, instrument: Instrument) -> Row:
    """An execution as it counts now."""
    exchange, account, symbol, trade_date, execution_id = key
    return {
        "fill_id": show_order_id(state.fill_id),
        "symbol": symbol,
        "client_order_id": state.order,
        "strategy_id": state.strategy_id,
        "account": account,
        "exchange": exchange,
        "execution_id": execution_id,
        "trade_date": trade_date,
        "side": state.side.name,
        "qty": format_decimal(state.qty, instrument.qty_scale),
        "px": format_decimal(state.px, instrument.price_scale),
        "fee": format_decimal(state.fee, FEE_SCALE),
        "fee_ccy": state.fee_ccy,
        "standing": state.standing.name,
        "counts": state.standing is FillStanding.EFFECTIVE,
        "version": state.version,
    }


def position_row(state: PositionState, instrument: Instrument, valuation: Valuation | None = None) -> Row:
    """A position; money in the quote currency, multiplier included; unrealised profit where there is a mark."""
    scale = instrument.price_scale + instrument.qty_scale + 8
    multiplier = instrument.multiplier
    average = position_view.avg_px(state)
    row: Row = {
        "strategy_id": state.strategy_id,
        "symbol": state.symbol,
        "account": state.account,
        "qty": format_decimal(state.qty, instrument.qty_scale),
        "avg_px": None if average is None else _ratio(*average, instrument.price_scale),
        "cost": format_decimal(state.cost * multiplier, scale),
        "realized": format_decimal(state.realized * multiplier, scale),
        "cash": format_decimal(state.cash * multiplier, scale),
        "fees": _fees(state.fees),
        "buy_qty": format_decimal(state.buy_qty, instrument.qty_scale),
        "sell_qty": format_decimal(state.sell_qty, instrument.qty_scale),
        "fills": state.fill_count,
        "cycle": state.cycle,
        "last_px": format_decimal(state.last_px, instrument.price_scale),
        "opened_at_ns": state.ts_opened,
        "updated_at_ns": state.ts_last,
        "version": state.version,
    }
    if valuation is not None:
        # Half of twice the value: one more binary digit is five tenths, so one more decimal digit is exact.
        twice = position_view.twice_upnl(state, valuation.twice_px) * multiplier
        row["mark"] = format_decimal(valuation.twice_px * 5, instrument.price_scale + 1)
        row["mark_from"] = valuation.came_from
        row["unrealized"] = format_decimal(twice * 5, scale + 1)
    return row


def book_row(book: Book, instrument: Instrument, depth: int, twice: int | None) -> Row:
    """A book: its best `depth` levels of each side, last trade and quote; `twice` its mid, None where it is no mark."""
    ps, qs = instrument.price_scale, instrument.qty_scale

    def pair(level: tuple[int, int] | None) -> list[str] | None:
        return None if level is None else [format_decimal(level[0], ps), format_decimal(level[1], qs)]

    bids, asks = book_view.levels(book, depth)
    best_bid, best_ask = book_view.best(book)
    trade, quote = book.trade, book.quote
    return {
        "symbol": book.symbol,
        "exchange": book.exchange,
        "status": book.status.name,
        "phase": book.phase.name,
        "last_update": book.last_update,
        "best_bid": pair(best_bid),
        "best_ask": pair(best_ask),
        "mark": None if twice is None else format_decimal(twice * 5, ps + 1),
        "bids": [pair(level) for level in bids],
        "asks": [pair(level) for level in asks],
        "bid_levels": len(book.bids),
        "ask_levels": len(book.asks),
        "kept_deltas": len(book.buffer),
        **({"resting_orders": len(book.resting.orders)} if book.resting is not None else {}),
        "last_trade": None
        if trade is None
        else {
            "px": format_decimal(trade.px, ps),
            "qty": format_decimal(trade.qty, qs),
            "side": trade.side.name,
            "trade_id": trade.trade_id,
            "event_time_ns": trade.event_time_ns,
        },
        "last_quote": None
        if quote is None
        else {
            "bid": pair((quote.bid_px, quote.bid_qty)),
            "ask": pair((quote.ask_px, quote.ask_qty)),
            "update": quote.update,
        },
        "times_stale": book.statistics.stale,
        "snapshot_requested": bool(book.requested),
        "event_time_ns": book.ts_event,
        "version": book.version,
    }


def snapshot_request_row(book: Book, partition: int) -> Row:
    """A book that waits for a snapshot, and the place of its request."""
    return {
        "place": show_place("market", partition, book.requested),
        "symbol": book.symbol,
        "exchange": book.exchange,
        "last_update": book.last_update,
    }


def instrument_row(instrument: Instrument) -> Row:
    """An instrument, with the scales that turn text into integers."""
    return {
        "symbol": instrument.symbol,
        "exchange": instrument.exchange,
        "price_scale": instrument.price_scale,
        "qty_scale": instrument.qty_scale,
        "tick": format_decimal(instrument.tick, instrument.price_scale),
        "lot": format_decimal(instrument.lot, instrument.qty_scale),
        "multiplier": format_decimal(instrument.multiplier, 8),
        "quote_ccy": instrument.quote_ccy,
        "allow_negative_px": instrument.allow_negative_px,
        "spot_base_fee": instrument.spot_base_fee,
        "calendar": instrument.calendar,
        "px_min": None
        if instrument.px_min is None
        else format_decimal(instrument.px_min, instrument.price_scale),
        "px_max": None
        if instrument.px_max is None
        else format_decimal(instrument.px_max, instrument.price_scale),
        "version": instrument.version,
    }


def anomaly_row(journal: str, partition: int, seq: int, event: AnomalyRecorded, is_open: bool) -> Row:
    """A recorded anomaly; `open` while it is a case that waits for an operator."""
    return {
        "place": show_place(journal, partition, seq),
        "kind": Anomaly(event.kind).value if event.kind in Anomaly.__members__ else event.kind,
        "severity": event.severity.name,
        "open": is_open,
        "symbol": event.symbol,
        "order_id": show_order_id(event.order_id),
        "beside": show_place(journal, partition, event.ref_seq) if event.ref_seq else "",
        "detail": event.detail,
    }


def source_row(journal: str, source: str, state: SourceState) -> Row:
    """How far a sender of facts has come, as the journal has it."""
    return {
        "journal": journal,
        "source": source,
        "source_epoch": state[0],
        "source_seq": state[1],
        "gaps": [list(gap) for gap in state[2]],
    }
