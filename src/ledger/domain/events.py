"""Events: what the journal holds. Each is written once, in the past tense, and carries all that its readers need.

An event's number (seq) and recorded_at_ns follow from its frame and are not repeated. The tag names type and schema
version; fields are only ever added at the end with a default, anything else is a new tag with an upcaster. Tags: 1-39
control, 40-79 order, 80-99 position, 100-119 book and partitions.

Longer than the house's 400 lines, since it is one flat list of all events, read by looking one up.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.control_events import RiskEvent
from ledger.domain.enums import (
    BookFault,
    BookSource,
    CancelReason,
    CancelRejectReason,
    Liquidity,
    OrderAction,
    OrderType,
    Origin,
    Severity,
    Side,
    SideFlag,
    TimeInForce,
    TradingPhase,
)
from ledger.domain.operator_events import OperatorControlEvent, OperatorPositionEvent, OrderUnconfirmed
from ledger.domain.partition_events import ControlTaken, FactAssigned
from ledger.domain.request_events import OrderStatusRequested, SnapshotRequested
from ledger.domain.units import (
    CommandId,
    Decimal8,
    Fee,
    KnownCommandId,
    Levels,
    Money,
    Ns,
    OrderId,
    Px,
    Qty,
    Seq,
)

# ---- control ---------------------------------------------------------------------------------------------------


@final
class EngineStarted(Struct, frozen=True, array_like=True, gc=False, tag=1):
    """First event of every start; `settings_digest` names the settings that change outcomes."""

    epoch: int
    version: str
    settings: dict[str, int | str | bool]
    """The settings that change outcomes, so that replay reads no configuration."""


@final
class MarketTailLost(Struct, frozen=True, array_like=True, gc=False, tag=2):
    """Market seqs `from_seq`..`to_seq` were never made durable, or never given; no event has them."""

    from_seq: Seq
    to_seq: Seq


@final
class InstrumentDefined(Struct, frozen=True, array_like=True, gc=False, tag=3):
    """An instrument as it is from here on. Copied into the market journal before its first use there."""

    symbol: str
    exchange: str
    price_scale: int
    qty_scale: int
    tick: Px
    lot: Qty
    multiplier: Decimal8
    quote_ccy: str
    allow_negative_px: bool
    spot_base_fee: bool
    calendar: str
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""
    px_min: Px | None = None
    """The lowest and the highest price that is believed of the market; None sets no bound."""
    px_max: Px | None = None


@final
class StrategyDefined(Struct, frozen=True, array_like=True, gc=False, tag=4):
    """A strategy and its account."""

    strategy_id: str
    account: str
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class CommandRejected(Struct, frozen=True, array_like=True, gc=False, tag=5):
    """A command that was refused with a code of 10 or more; the same command_id gets the same answer again."""

    command_id: KnownCommandId
    code: int
    detail: str
    command: bytes
    """The command as one msgpack message, or as its JSON text where its numbers do not fit the instrument."""
    actor: str = ""
    received_at_ns: Ns = 0


@final
class AnomalyRecorded(Struct, frozen=True, array_like=True, gc=False, tag=6):
    """Something disagrees; in the same turn as the fact that showed it."""

    kind: str
    severity: Severity
    order_id: OrderId = 0
    symbol: str = ""
    ref_seq: Seq = 0
    """The event beside which it was recorded; 0 if the fact itself made none."""
    detail: str = ""
    source: str = ""
    """This and what follows: of the fact that made this event only: its number, so that it is known as taken, and when
    and through whom it came."""
    source_epoch: int = 0
    source_seq: int = 0
    event_time_ns: Ns = 0
    received_at_ns: Ns = 0
    actor: str = ""


@final
class FactSuspended(Struct, frozen=True, array_like=True, gc=False, tag=7):
    """A fact that does not fit (unknown symbol, more digits than the scale): kept whole, decided again later."""

    source: str
    source_epoch: int
    source_seq: int
    symbol: str
    reason: str
    raw: bytes
    """The fact as it came, JSON text or one msgpack message."""
    received_at_ns: Ns = 0
    actor: str = ""


@final
class FactResumed(Struct, frozen=True, array_like=True, gc=False, tag=8):
    """A suspended fact (by the seq of its FactSuspended) was decided again; what it became follows."""

    ref_seq: Seq


@final
class SourceGapOpened(Struct, frozen=True, array_like=True, gc=False, tag=9):
    """Numbers `from_seq`..`to_seq` of a source's run have not come."""

    source: str
    source_epoch: int
    from_seq: int
    to_seq: int


@final
class SourceGapClosed(Struct, frozen=True, array_like=True, gc=False, tag=10):
    """A missing number of a source's run came after all."""

    source: str
    source_epoch: int
    source_seq: int


@final
class EngineFault(Struct, frozen=True, array_like=True, gc=False, tag=11):
    """Our code raised on this input; nothing of the input was applied."""

    kind: str
    """Kind of the entity whose code raised: order, position, book, control."""
    key: str
    error: str
    raw: bytes
    """The input as msgpack."""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0


@final
class EntityQuarantined(Struct, frozen=True, array_like=True, gc=False, tag=12):
    """The entity is set aside until an operator releases it."""

    kind: str
    key: str
    ref_seq: Seq


# ---- order -----------------------------------------------------------------------------------------------------


@final
class OrderSubmitted(Struct, frozen=True, array_like=True, gc=False, tag=40):
    """A new order, durable before it goes to the venue; its order_id is this event's partition and seq."""

    client_order_id: str
    strategy_id: str
    account: str
    symbol: str
    exchange: str
    side: Side
    order_type: OrderType
    qty: Qty
    px: Px | None
    stop_px: Px | None
    time_in_force: TimeInForce
    command_id: CommandId
    actor: str
    received_at_ns: Ns
    side_flag: SideFlag = SideFlag.NONE
    expire_ts: Ns = 0
    display_qty: Qty = 0
    post_only: bool = False
    reduce_only: bool = False
    algo_id: str = ""
    trader_id: str = ""
    session_id: str = ""
    on_behalf_of: str = ""
    twice_mark: Px | None = None
    """Twice the reference price that the decision used, None if it used none."""
    mark_seq: Seq = 0
    """Where in the market journal it came from; 0 for a settlement price."""


@final
class CancelRequested(Struct, frozen=True, array_like=True, gc=False, tag=41):
    """We asked for a cancel; the order is as open as before."""

    symbol: str
    order: str
    """The order's first client_order_id, which names its actor."""
    strategy_id: str
    exchange: str
    client_order_id: str
    orig_client_order_id: str
    command_id: CommandId
    actor: str
    received_at_ns: Ns
    session_id: str = ""
    on_behalf_of: str = ""
    mass_seq: Seq = 0
    """Of the MassCancelRequested that it is a part of; 0 for a cancel of its own."""


@final
class ReplaceRequested(Struct, frozen=True, array_like=True, gc=False, tag=42):
    """We asked for a change; fills still count against the order as it was."""

    symbol: str
    order: str
    strategy_id: str
    exchange: str
    client_order_id: str
    orig_client_order_id: str
    qty: Qty | None
    px: Px | None
    stop_px: Px | None
    time_in_force: TimeInForce | None
    expire_ts: Ns | None
    command_id: CommandId
    actor: str
    received_at_ns: Ns
    session_id: str = ""
    on_behalf_of: str = ""
    twice_mark: Px | None = None
    """Twice the reference price that the decision used, None if it used none."""
    mark_seq: Seq = 0


class OrderReported(Struct, frozen=True, array_like=True, gc=False):
    """The head of every event that a report about a known order becomes."""

    symbol: str
    order: str
    """The order's first client_order_id, which names its actor; "" where the order is unknown."""
    strategy_id: str
    exchange: str
    source: str
    source_epoch: int
    source_seq: int
    event_time_ns: Ns
    received_at_ns: Ns
    actor: str


@final
class OrderAccepted(OrderReported, frozen=True, tag=43):
    venue_order_id: str = ""
    venue_cum: Qty | None = None
    leaves: Qty | None = None


@final
class OrderRejected(OrderReported, frozen=True, tag=44):
    reason_code: int = 0
    text: str = ""


@final
class OrderFilled(OrderReported, frozen=True, tag=45):
    """One record per execution, read by the order, the position and every projection."""

    order_id: OrderId
    """0 where the order is unknown."""
    client_order_id: str
    account: str
    side: Side
    execution_id: str
    trade_date: str
    qty: Qty
    px: Px
    fee: Fee
    fee_ccy: str
    liquidity: Liquidity
    venue_order_id: str = ""
    venue_cum: Qty | None = None
    venue_leaves: Qty | None = None
    contra: str = ""


@final
class FillBusted(OrderReported, frozen=True, tag=46):
    """The fill with the root execution id `root` of `trade_date` counts no longer (or, unknown, will not)."""

    account: str
    execution_id: str
    ref_execution_id: str
    trade_date: str
    root: str
    """The first execution_id of the fill, through any corrections; = ref_execution_id where it is unknown."""
    reinstated: bool
    known: bool
    """False: the fill has not come yet; remembered until it does."""
    qty: Qty = 0
    px: Px = 0
    fee: Fee = 0
    fee_ccy: str = ""
    side: Side = Side.BUY
    reason: str = ""
    report_date: str = ""
    """trade_date of this bust's own execution_id; "" is the same as trade_date."""


@final
class FillCorrected(OrderReported, frozen=True, tag=47):
    """The fill counts with these terms instead of those it had."""

    account: str
    execution_id: str
    ref_execution_id: str
    trade_date: str
    root: str
    known: bool
    side: Side
    qty: Qty
    px: Px
    fee: Fee
    fee_ccy: str
    old_qty: Qty = 0
    old_px: Px = 0
    old_fee: Fee = 0
    old_fee_ccy: str = ""
    report_date: str = ""
    """trade_date of this correction's own execution_id; "" is the same as trade_date."""


@final
class OrderCanceled(OrderReported, frozen=True, tag=48):
    solicited: bool = True
    request_id: str = ""
    reason: CancelReason = CancelReason.USER
    venue_cum: Qty | None = None


@final
class CancelRejected(OrderReported, frozen=True, tag=49):
    request_id: str
    reason_code: CancelRejectReason = CancelRejectReason.OTHER
    text: str = ""


@final
class OrderReplaced(OrderReported, frozen=True, tag=50):
    """The order's terms from here on; `client_order_id` is its current id."""

    client_order_id: str
    request_id: str
    qty: Qty
    px: Px | None
    stop_px: Px | None
    time_in_force: TimeInForce
    expire_ts: Ns = 0
    venue_order_id: str = ""
    venue_cum: Qty | None = None


@final
class ReplaceRejected(OrderReported, frozen=True, tag=51):
    request_id: str
    reason_code: CancelRejectReason = CancelRejectReason.OTHER
    text: str = ""


@final
class CancelPending(OrderReported, frozen=True, tag=52):
    request_id: str


@final
class ReplacePending(OrderReported, frozen=True, tag=53):
    request_id: str


@final
class OrderExpired(OrderReported, frozen=True, tag=54):
    origin: Origin = Origin.VENUE
    venue_cum: Qty | None = None


@final
class OrderDoneForDay(OrderReported, frozen=True, tag=55):
    pass


@final
class OrderRestated(OrderReported, frozen=True, tag=56):
    """The venue's terms for the order; also a reduction (then `qty` is lower)."""

    qty: Qty | None = None
    px: Px | None = None
    reduced: bool = False


@final
class OrderSuspended(OrderReported, frozen=True, tag=57):
    pass


@final
class OrderResumed(OrderReported, frozen=True, tag=58):
    pass


@final
class OrderTriggered(OrderReported, frozen=True, tag=59):
    pass


@final
class OrderAdopted(OrderReported, frozen=True, tag=60):
    """An order that the venue has and we did not know; its order_id is this event's partition and seq."""

    client_order_id: str
    account: str
    side: Side
    order_type: OrderType
    qty: Qty
    px: Px | None
    time_in_force: TimeInForce
    venue_order_id: str = ""


@final
class OrderStatusAnswered(OrderReported, frozen=True, tag=63):
    """The venue was asked about the order and shows it as we have it: nothing is outstanding any more."""


# ---- position --------------------------------------------------------------------------------------------------


@final
class PositionRestated(Struct, frozen=True, array_like=True, gc=False, tag=80):
    """A position as it is after a bust or a correction, refolded from its effective fills."""

    strategy_id: str
    symbol: str
    qty: Money
    cost: Money
    realized: Money
    cash: Money
    fees: dict[str, Money]
    buy_qty: Money
    sell_qty: Money
    fill_count: int
    cycle: int
    ts_opened: Ns
    ref_seq: Seq = 0
    """The FillBusted or FillCorrected beside it."""


# ---- book ------------------------------------------------------------------------------------------------------


class Marketed(Struct, frozen=True, array_like=True, gc=False):
    """The head of every event about a symbol at a venue.

    Each also ends with `received_at_ns` and `actor`: when its message came, and through whom. They stand in the first
    event of a frame, and where they change; 0 and "" say: as the event of this kind before it in its frame
    (`arrivals.py` fills them in).
    """

    symbol: str
    exchange: str
    source: str
    source_epoch: int
    source_seq: int
    event_time_ns: Ns


@final
class BookSnapshotApplied(Marketed, frozen=True, tag=100):
    """The book is what the venue's snapshot says, then the deltas that were waiting for it."""

    last_update: int
    bids: Levels
    asks: Levels
    continuity: BookSource = BookSource.SPOT
    checksum: int | None = None
    fault: BookFault = BookFault.NONE
    """Set: not applied, the book is STALE from here on."""
    bad_prices: tuple[Px, ...] = ()
    """Prices that the instrument cannot have (off the tick, outside its band): in the book, but never part of a mark."""
    received_at_ns: Ns = 0
    actor: str = ""


@final
class BookDeltaApplied(Marketed, frozen=True, tag=101):
    """A delta as it came; what it does (apply, buffer, turn STALE) follows from the book's state."""

    first_update: int
    last_update: int
    bids: Levels
    asks: Levels
    prev_update: int = 0
    continuity: BookSource = BookSource.SPOT
    checksum: int | None = None
    fault: BookFault = BookFault.NONE
    """Set: not applied, the book is STALE from here on."""
    bad_prices: tuple[Px, ...] = ()
    """Prices that the instrument cannot have (off the tick, outside its band): in the book, but never part of a mark."""
    received_at_ns: Ns = 0
    actor: str = ""


@final
class MarketTraded(Marketed, frozen=True, tag=102):
    px: Px
    qty: Qty
    side: Side
    trade_id: str = ""
    bad_price: bool = False
    """Outside the instrument's band: never a mark."""
    received_at_ns: Ns = 0
    actor: str = ""


@final
class MarketQuoted(Marketed, frozen=True, tag=103):
    bid_px: Px
    bid_qty: Qty
    ask_px: Px
    ask_qty: Qty
    update: int = 0
    received_at_ns: Ns = 0
    actor: str = ""


@final
class PhaseChanged(Marketed, frozen=True, tag=104):
    phase: TradingPhase
    received_at_ns: Ns = 0
    actor: str = ""


@final
class BookOrderApplied(Marketed, frozen=True, tag=105):
    """What happened to one order that rests in the venue's book; it changes the level that the order is part of."""

    update: int
    action: OrderAction
    order_ref: str
    side: Side
    px: Px
    qty: Qty
    continuity: BookSource = BookSource.COUNTED
    fault: BookFault = BookFault.NONE
    """Set: not applied, the book is STALE from here on."""
    bad_prices: tuple[Px, ...] = ()
    """Its price, if the instrument cannot have it."""
    received_at_ns: Ns = 0
    actor: str = ""


ControlEvent = (
    EngineStarted
    | MarketTailLost
    | InstrumentDefined
    | StrategyDefined
    | CommandRejected
    | AnomalyRecorded
    | FactSuspended
    | FactResumed
    | SourceGapOpened
    | SourceGapClosed
    | EngineFault
    | EntityQuarantined
    | OperatorControlEvent
    | RiskEvent
)
OrderEvent = (
    OrderSubmitted
    | CancelRequested
    | ReplaceRequested
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | FillBusted
    | FillCorrected
    | OrderCanceled
    | CancelRejected
    | OrderReplaced
    | ReplaceRejected
    | CancelPending
    | ReplacePending
    | OrderExpired
    | OrderDoneForDay
    | OrderRestated
    | OrderSuspended
    | OrderResumed
    | OrderTriggered
    | OrderAdopted
    | OrderUnconfirmed
    | OrderStatusRequested
    | OrderStatusAnswered
)
PositionEvent = PositionRestated | OperatorPositionEvent
BookEvent = (
    BookSnapshotApplied
    | BookDeltaApplied
    | MarketTraded
    | MarketQuoted
    | PhaseChanged
    | BookOrderApplied
    | SnapshotRequested
)
Event = ControlEvent | OrderEvent | PositionEvent | BookEvent | ControlTaken | FactAssigned
EVENTS: Final = (
    *ControlEvent.__args__,
    *OrderEvent.__args__,
    *PositionEvent.__args__,
    *(kind for kind in BookEvent.__args__ if kind is not SnapshotRequested),
    ControlTaken,
    SnapshotRequested,
    FactAssigned,
)
"""Every event there is, in tag order."""
