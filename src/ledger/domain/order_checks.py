"""Whether the terms of a new or changed order are sound for its instrument; each check gives the first fault.

The checks stand in the order of their codes, so that of several faults the lowest code is answered. Details show
decimal text in the instrument's scales.
"""

from __future__ import annotations

from typing import Final

from ledger.domain.codes import Code
from ledger.domain.commands import SubmitOrder
from ledger.domain.context import Instrument, Rejection
from ledger.domain.enums import OrderType, Side, SideFlag, TimeInForce
from ledger.domain.units import QTY_MAX
from ledger.domain.values import format_decimal

_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_GTD: Final = TimeInForce.GTD
_NO_FLAG: Final = SideFlag.NONE

# Tuples, not sets: the hash of an enumeration's member costs more than the few comparisons.
_SUPPORTED: Final = (OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.STOP_LIMIT)
_PRICED: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_STOPPED: Final = (OrderType.STOP, OrderType.STOP_LIMIT)
_RESTING: Final = (TimeInForce.GTC, TimeInForce.GTD)
_IMMEDIATE: Final = (TimeInForce.IOC, TimeInForce.FOK)


def fault_of_support(order: SubmitOrder) -> Rejection | None:
    """What the engine does not do yet is refused whole."""
    if order.order_type not in _SUPPORTED:
        name = order.order_type.name
        return Rejection(
            Code.UNSUPPORTED, f"order_type {name} is not supported: use MARKET, LIMIT, STOP or STOP_LIMIT"
        )
    return None


def fault_of_order(order: SubmitOrder, instrument: Instrument, now_ns: int) -> Rejection | None:
    """The first fault of a new order's terms, codes 15 to 28; none of an order that `is_plain`."""
    if order.side_flag is not _NO_FLAG and order.side is not Side.SELL:
        return Rejection(Code.BAD_SIDE, f"side_flag {order.side_flag.name} is for SELL only")
    if order.post_only and order.order_type not in _PRICED:
        return Rejection(
            Code.BAD_ORDER_TYPE, f"post_only needs a limit, order_type {order.order_type.name} has none"
        )
    return (
        fault_of_tif(order.order_type, order.time_in_force, order.post_only, order.expire_ts)
        or fault_of_qty("qty", order.qty, instrument)
        or (fault_of_qty("display_qty", order.display_qty, instrument) if order.display_qty else None)
        or fault_of_prices(order.order_type, order.px, order.stop_px, instrument)
        or fault_of_expiry(order.time_in_force, order.expire_ts, now_ns)
        or _fault_of_display(order, instrument)
    )


def is_plain(order: SubmitOrder, instrument: Instrument) -> bool:
    """Whether it is a sound limit order without extras: nearly all are, and one look costs less than seven."""
    px = order.px
    return (
        order.order_type is _LIMIT
        and px is not None
        and px > 0
        and px % instrument.tick == 0
        and 0 < order.qty <= QTY_MAX
        and order.qty % instrument.lot == 0
        and order.stop_px is None
        and not (order.expire_ts or order.display_qty or order.post_only)
        and order.side_flag is _NO_FLAG
        and order.time_in_force is not _GTD
    )


def fault_of_tif(
    order_type: OrderType, tif: TimeInForce, post_only: bool, expire_ts: int
) -> Rejection | None:
    """Code 17: a time in force that the order type, post_only or expire_ts contradicts."""
    if order_type is _MARKET and tif in _RESTING:
        return Rejection(
            Code.BAD_TIF, f"time_in_force {tif.name} is not for MARKET orders, which do not rest"
        )
    if post_only and tif in _IMMEDIATE:
        return Rejection(Code.BAD_TIF, f"time_in_force {tif.name} contradicts post_only")
    if expire_ts and tif is not _GTD:
        return Rejection(Code.BAD_TIF, f"expire_ts is for time_in_force GTD, not {tif.name}")
    return None


def fault_of_qty(field: str, qty: int, instrument: Instrument) -> Rejection | None:
    """Codes 18 to 20: positive, a multiple of lot, at most 2^62."""
    if 0 < qty <= QTY_MAX and qty % instrument.lot == 0:
        return None
    text = format_decimal(qty, instrument.qty_scale)
    if qty <= 0:
        return Rejection(Code.QTY_NOT_POSITIVE, f"{field} {text} is not positive")
    if qty % instrument.lot:
        lot = format_decimal(instrument.lot, instrument.qty_scale)
        return Rejection(
            Code.QTY_NOT_LOT_MULTIPLE, f"{field} {text} is not a multiple of lot {lot} of {instrument.symbol}"
        )
    return Rejection(
        Code.QTY_TOO_LARGE, f"{field} {text} is more than {format_decimal(QTY_MAX, instrument.qty_scale)}"
    )


def fault_of_prices(
    order_type: OrderType, px: int | None, stop_px: int | None, instrument: Instrument
) -> Rejection | None:
    """Codes 21 to 24: the prices that the order type has, no other, on the tick, positive where they must be."""
    if order_type is _LIMIT and px is not None and stop_px is None and px > 0 and px % instrument.tick == 0:
        return None
    return _fault_of_presence(order_type, px, stop_px) or _fault_of_values(px, stop_px, instrument)


def _fault_of_presence(order_type: OrderType, px: int | None, stop_px: int | None) -> Rejection | None:
    name = order_type.name
    for field, value, wanted in (("px", px, _PRICED), ("stop_px", stop_px, _STOPPED)):
        if value is None and order_type in wanted:
            return Rejection(Code.PX_REQUIRED, f"{field} is required for order_type {name}")
    for field, value, wanted in (("px", px, _PRICED), ("stop_px", stop_px, _STOPPED)):
        if value is not None and order_type not in wanted:
            return Rejection(Code.PX_NOT_ALLOWED, f"{field} is not for order_type {name}")
    return None


def _fault_of_values(px: int | None, stop_px: int | None, instrument: Instrument) -> Rejection | None:
    given = [(field, value) for field, value in (("px", px), ("stop_px", stop_px)) if value is not None]
    for field, value in given:
        if value % instrument.tick:
            text = format_decimal(value, instrument.price_scale)
            tick = format_decimal(instrument.tick, instrument.price_scale)
            return Rejection(
                Code.PX_NOT_TICK_MULTIPLE,
                f"{field} {text} is not a multiple of tick {tick} of {instrument.symbol}",
            )
    for field, value in given:
        if value <= 0 and not instrument.allow_negative_px:
            text = format_decimal(value, instrument.price_scale)
            return Rejection(Code.PX_NOT_POSITIVE, f"{field} {text} of {instrument.symbol} is not positive")
    return None


def fault_of_expiry(tif: TimeInForce, expire_ts: int, now_ns: int) -> Rejection | None:
    """Codes 26 and 27, for GTD."""
    if tif is not _GTD:
        return None
    if expire_ts == 0:
        return Rejection(Code.EXPIRE_TS_REQUIRED, "expire_ts is required for time_in_force GTD")
    if expire_ts <= now_ns:
        return Rejection(Code.EXPIRE_TS_IN_PAST, f"expire_ts {expire_ts} is not after now, {now_ns}")
    return None


def _fault_of_display(order: SubmitOrder, instrument: Instrument) -> Rejection | None:
    if order.display_qty <= order.qty:
        return None
    shown = format_decimal(order.display_qty, instrument.qty_scale)
    qty = format_decimal(order.qty, instrument.qty_scale)
    return Rejection(Code.DISPLAY_QTY_EXCEEDS_QTY, f"display_qty {shown} is more than qty {qty}")
