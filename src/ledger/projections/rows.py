"""Rows of orders, fills, positions and what stands beside them: pure functions of (event or state, fold).

Shared by every sink that stores them as columns. `ORDERS`, `FILLS` ... name the columns; a row's key and values come
in that order. Numbers are exact Decimals in whole units, with the journal's raw integers beside prices and quantities.
"""

from __future__ import annotations

from typing import Any, Final

from ledger.domain import order_state, position_view
from ledger.domain.adjustments import routes
from ledger.domain.context import Instrument
from ledger.domain.enums import FillStanding, Liquidity, OrderStatus, OrderType, Side, SideFlag, TimeInForce
from ledger.domain.fill import FillKey, FillState
from ledger.domain.order_state import OrderState
from ledger.domain.position import PositionState
from ledger.domain.units import FEE_SCALE
from ledger.fold import TradingFold
from ledger.projections.contract import Row, Step
from ledger.projections.exact import average, exact, exact_or_none, fees_text, utc_time, utc_time_or_none

_MULTIPLIER_SCALE: Final = 8
_SIDES: Final = {each: each.name for each in Side}  # looking a name up here costs a fifth of asking the enum
_FLAGS: Final = {each: each.name for each in SideFlag}
_TYPES: Final = {each: each.name for each in OrderType}
_TIMES: Final = {each: each.name for each in TimeInForce}
_STATUSES: Final = {each: each.name for each in OrderStatus}
_STANDINGS: Final = {each: each.name for each in FillStanding}
_LIQUIDITIES: Final = {each: each.name for each in Liquidity}
_EMPTY_STANDINGS: Final = (FillStanding.ALIAS, FillStanding.ORPHAN_BUST, FillStanding.ORPHAN_CORRECT)


def order_rows(key: tuple[str, str], state: OrderState, fold: TradingFold) -> list[Row]:
    """Table `orders`: one row an order, whole, as it is now."""
    terms = state.terms
    instrument = _instrument(fold, terms.symbol)
    ps, qs = instrument.price_scale, instrument.qty_scale
    values = (
        utc_time(terms.ts_created),
        terms.client_order_id,
        terms.symbol,
        _SIDES[terms.side],
        _FLAGS[terms.side_flag],
        _TYPES[terms.order_type],
        exact(state.qty, qs),
        exact_or_none(state.px, ps),
        exact_or_none(state.stop_px, ps),
        _TIMES[state.time_in_force],
        _STATUSES[order_state.status(state)],
        order_state.is_open(state),
        terms.strategy_id,
        terms.account,
        utc_time(state.ts_updated),
        exact(state.cum, qs),
        exact(order_state.leaves(state), qs),
        average(order_state.avg_px(state), ps) if state.cum else None,
        exact(state.cum_cost, ps + qs),
        fees_text(state.fees),
        state.fill_count,
        terms.exchange,
        state.venue_order_id,
        state.client_order_id,
        state.qty,
        state.px,
        exact(state.cum, 0),
        ps,
        qs,
        terms.algo_id,
        terms.trader_id,
        terms.actor,
        state.unconfirmed,
        state.needs_recon,
        utc_time_or_none(state.expire_ts),
        terms.ts_created,
        state.ts_updated,
    )
    return [Row("orders", (terms.order_id,), state.version, values)]


def fill_rows(key: FillKey, state: FillState, fold: TradingFold) -> list[Row]:
    """Table `fills`: one row an execution that came; a busted one stays, with its standing."""
    if state.standing in _EMPTY_STANDINGS or not state.recorded_at_ns:
        return []
    exchange, account, symbol, trade_date, execution_id = key
    instrument = _instrument(fold, symbol)
    order = fold.orders.get((symbol, state.order)) if state.order else None
    values = (
        utc_time(state.recorded_at_ns),
        state.fill_id,
        None if order is None else order.terms.order_id,
        None if order is None else utc_time(order.terms.ts_created),
        state.strategy_id,
        _SIDES[state.side],
        exact(state.qty, instrument.qty_scale),
        exact(state.px, instrument.price_scale),
        exact(state.fee, FEE_SCALE),
        state.fee_ccy,
        _STANDINGS[state.standing],
        state.standing is FillStanding.EFFECTIVE,
        state.reason,
        state.qty,
        state.px,
        state.recorded_at_ns,
    )
    return [Row("fills", (exchange, account, symbol, trade_date, execution_id), state.version, values)]


def fill_report_rows(step: Step, _fold: TradingFold) -> list[Row]:
    """What only the report of a fill says: table `fill_reports`, which a sink may keep as columns of `fills`."""
    event = step.event
    key = (event.exchange, event.account, event.symbol, event.trade_date, event.execution_id)
    values = (
        utc_time(event.event_time_ns or step.recorded_at_ns),
        event.event_time_ns,
        _LIQUIDITIES[event.liquidity],
        event.venue_order_id,
        event.contra,
        step.seq,
        utc_time(step.recorded_at_ns),
    )
    return [Row("fill_reports", key, step.seq, values)]


def fill_void_rows(step: Step, fold: TradingFold) -> list[Row]:
    """When a fill was voided by a bust; None again where a correction made it count. Table `fill_voids`."""
    event = step.event
    key: FillKey = (event.exchange, event.account, event.symbol, event.trade_date, event.root)
    state = fold.fills.get(key)
    if state is None or not state.recorded_at_ns:
        return []  # it waits for its fill
    voided = utc_time(step.recorded_at_ns) if state.standing is FillStanding.BUSTED else None
    return [Row("fill_voids", key, step.seq, (voided, step.seq, utc_time(state.recorded_at_ns)))]


def position_rows(key: tuple[str, str], state: PositionState, fold: TradingFold) -> list[Row]:
    """Table `positions`: money in the quote currency, contract multiplier included."""
    strategy_id, symbol = key
    instrument = _instrument(fold, symbol)
    ps, qs = instrument.price_scale, instrument.qty_scale
    money, multiplier = ps + qs + _MULTIPLIER_SCALE, instrument.multiplier
    values = (
        state.account,
        exact(state.qty, qs),
        average(position_view.avg_px(state), ps),
        exact(state.cost * multiplier, money),
        exact(state.realized * multiplier, money),
        exact(state.cash * multiplier, money),
        instrument.quote_ccy,
        fees_text(state.fees),
        exact(state.buy_qty, qs),
        exact(state.sell_qty, qs),
        state.fill_count,
        state.cycle,
        exact(state.last_px, ps),
        exact(multiplier, _MULTIPLIER_SCALE),
        utc_time(state.ts_last),
        state.ts_opened,
        state.ts_last,
    )
    return [Row("positions", (symbol, strategy_id), state.version, values)]


def order_key_rows(step: Step, fold: TradingFold) -> list[Row]:
    """Table `order_keys`: every id that an order ever had, by symbol, so that each is given once (S-9)."""
    event = step.event
    name = getattr(event, "request_id", "") or event.client_order_id
    order = fold.find_order(event.symbol, name)
    state = None if order is None else fold.orders.get(order)
    if state is None:
        return []
    values = (state.terms.order_id, utc_time(state.terms.ts_created))
    return [Row("order_keys", (event.symbol, name), step.seq, values)]


def anomaly_rows(step: Step, fold: TradingFold) -> list[Row]:
    """Table `anomalies`: what disagreed."""
    event = step.event
    values = (
        utc_time(step.recorded_at_ns),
        event.kind,
        event.severity.name,
        event.symbol,
        event.order_id or None,
        event.ref_seq or None,
        0,
        event.detail,
        "",
        step.recorded_at_ns,
    )
    return [Row("anomalies", (fold.partition, step.seq), step.seq, values)]


def rejection_rows(step: Step, fold: TradingFold) -> list[Row]:
    """Table `anomalies`: commands that were refused, under the kind COMMAND_REJECTED."""
    event = step.event
    values = (
        utc_time(step.recorded_at_ns),
        "COMMAND_REJECTED",
        "INFO",
        "",
        None,
        None,
        event.code,
        event.detail,
        event.actor,
        step.recorded_at_ns,
    )
    return [Row("anomalies", (fold.partition, step.seq), step.seq, values)]


def adjustment_rows(step: Step, fold: TradingFold) -> list[Row]:
    """Table `adjustments`: one row for each position that an adjustment or a transfer concerns."""
    event = step.event
    instrument = _instrument(fold, event.symbol)
    ps, qs = instrument.price_scale, instrument.qty_scale
    money, multiplier = ps + qs + _MULTIPLIER_SCALE, instrument.multiplier
    reason = event.reason if isinstance(event.reason, str) else event.reason.name
    rows: list[Row] = []
    for each in routes(event, step.recorded_at_ns):
        values = (
            utc_time(step.recorded_at_ns),
            each.account,
            exact(each.dqty, qs),
            exact(each.dcost * multiplier, money),
            exact(each.dcash * multiplier, money),
            exact_or_none(each.px, ps),
            reason,
            getattr(event, "approver", ""),
            event.actor,
            event.ref,
            step.recorded_at_ns,
        )
        rows.append(
            Row("adjustments", (fold.partition, step.seq, each.strategy_id, each.symbol), step.seq, values)
        )
    return rows


def daily_rows(step: Step, fold: TradingFold) -> list[Row]:
    """Table `daily_cuts`: what each position made on a trading day that is over."""
    event = step.event
    rows: list[Row] = []
    for cut in event.cuts:
        instrument = _instrument(fold, cut.symbol)
        ps, qs = instrument.price_scale, instrument.qty_scale
        money, multiplier = ps + qs + _MULTIPLIER_SCALE, instrument.multiplier
        fees = tuple((currency, int(amount)) for currency, amount in cut.fees.items())
        values = (
            event.calendar,
            cut.account,
            exact(int(cut.qty), qs),
            exact(int(cut.realized) * multiplier, money),
            exact(int(cut.unrealized) * multiplier, money),
            exact(int(cut.unrealized_change) * multiplier, money),
            fees_text(fees),
            exact_or_none(cut.mark_px, ps),
            cut.mark_from,
            event.market_seq,
            instrument.quote_ccy,
            utc_time(step.recorded_at_ns),
        )
        rows.append(Row("daily_cuts", (event.trade_date, cut.strategy_id, cut.symbol), step.seq, values))
    return rows


def _instrument(fold: TradingFold, symbol: str) -> Instrument:
    found: Any = fold.instruments.get(symbol)
    if found is None:
        raise ValueError(f"symbol {symbol} is not defined")
    return found
