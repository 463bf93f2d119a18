"""The keyword arguments of the calls: the fields of the messages, with the types that a caller may give.

Prices, quantities and amounts are Decimal, decimal text or whole numbers; a float is refused, since it is none of the
numbers it looks like. Enumerations are their members or their names ("BUY").
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Required, TypedDict
from uuid import UUID

from ledger.domain.enums import (
    BookSource,
    CancelReason,
    CancelRejectReason,
    Liquidity,
    OrderType,
    Side,
    SideFlag,
    TimeInForce,
)

Number = Decimal | str | int
Levels = Iterable[tuple[Number, Number]]
"""(px, qty) pairs; qty 0 removes the level."""


class CommandFields(TypedDict, total=False):
    """What every command may name."""

    command_id: UUID | str | bytes
    """A UUIDv7; made by the client where it is not given."""
    on_behalf_of: str


class InstrumentFields(CommandFields, total=False):
    symbol: Required[str]
    exchange: Required[str]
    price_scale: int
    qty_scale: int
    tick: Number
    lot: Number
    multiplier: Number
    quote_ccy: str
    allow_negative_px: bool
    spot_base_fee: bool
    calendar: str
    px_min: Number | None
    px_max: Number | None


class StrategyFields(CommandFields, total=False):
    strategy_id: Required[str]
    account: Required[str]


class OrderFields(CommandFields, total=False):
    client_order_id: Required[str]
    strategy_id: Required[str]
    symbol: Required[str]
    exchange: Required[str]
    side: Required[Side | str]
    order_type: Required[OrderType | str]
    qty: Required[Number]
    px: Number | None
    stop_px: Number | None
    time_in_force: TimeInForce | str
    side_flag: SideFlag | str
    expire_ts: int
    display_qty: Number
    post_only: bool
    reduce_only: bool
    algo_id: str
    trader_id: str
    session_id: str


class CancelFields(CommandFields, total=False):
    symbol: Required[str]
    client_order_id: Required[str]
    """The id of this request."""
    orig_client_order_id: Required[str]
    session_id: str


class ReplaceFields(CancelFields, total=False):
    qty: Number | None
    px: Number | None
    stop_px: Number | None
    time_in_force: TimeInForce | str | None
    expire_ts: int | None


class FactFields(TypedDict, total=False):
    """What every fact names; the client gives itself as source and its next number where they are not given."""

    source: str
    source_epoch: int
    source_seq: int
    symbol: Required[str]
    exchange: Required[str]
    event_time_ns: int


class ReportFields(FactFields, total=False):
    client_order_id: Required[str]


class AcceptedFields(ReportFields, total=False):
    venue_order_id: str
    venue_cum: Number | None


class RejectedFields(ReportFields, total=False):
    reason_code: int
    text: str


class FillFields(ReportFields, total=False):
    execution_id: Required[str]
    trade_date: Required[str]
    side: Required[Side | str]
    qty: Required[Number]
    px: Required[Number]
    fee: Number
    fee_ccy: str
    liquidity: Liquidity | str
    venue_order_id: str
    account: str
    strategy_id: str
    venue_cum: Number | None
    venue_leaves: Number | None
    contra: str


class CanceledFields(ReportFields, total=False):
    solicited: bool
    request_id: str
    reason: CancelReason | str
    venue_cum: Number | None


class RequestRejectedFields(ReportFields, total=False):
    request_id: Required[str]
    reason_code: CancelRejectReason | str
    text: str


class ReplacedFields(ReportFields, total=False):
    request_id: str
    qty: Number | None
    px: Number | None
    stop_px: Number | None
    venue_order_id: str
    venue_cum: Number | None


class SnapshotFields(FactFields, total=False):
    last_update: Required[int]
    bids: Required[Levels]
    asks: Required[Levels]
    continuity: BookSource | str
    checksum: int | None


class DeltaFields(FactFields, total=False):
    first_update: Required[int]
    last_update: Required[int]
    bids: Required[Levels]
    asks: Required[Levels]
    prev_update: int
    continuity: BookSource | str
    checksum: int | None


class TradeFields(FactFields, total=False):
    px: Required[Number]
    qty: Required[Number]
    side: Required[Side | str]
    trade_id: str


class QuoteFields(FactFields, total=False):
    bid_px: Required[Number]
    bid_qty: Required[Number]
    ask_px: Required[Number]
    ask_qty: Required[Number]
    update: int
