"""Venue facts: what already happened. A fact is never refused for its content; it is applied or set aside.

Every fact names who says so (`source`), which run of that sender (`source_epoch`) and its own number
(`source_seq`, from 1), so that a fact sent again changes nothing. As msgpack a fact is an array like a command.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.enums import (
    BookSource,
    CancelReason,
    CancelRejectReason,
    Liquidity,
    OrderAction,
    OrderType,
    Side,
    TimeInForce,
    TradingPhase,
)
from ledger.domain.units import Date, Fee, Levels, Ns, Px, Qty, Source, SourceNumber, Text


class OrderFact(Struct, frozen=True, array_like=True, gc=False):
    """The head of every report about an order."""

    source: Source
    source_epoch: SourceNumber
    source_seq: SourceNumber
    symbol: Text
    exchange: Text
    client_order_id: Text
    """The order's first or current id; "" where the venue gave none."""


@final
class ReportAccepted(OrderFact, frozen=True, tag=30):
    """The venue has the order (FIX 150=0)."""

    venue_order_id: Text = ""
    event_time_ns: Ns = 0
    venue_cum: Qty | None = None
    side: Side | None = None
    """This and what follows: where the order is unknown to us, so that it can be adopted."""
    order_type: OrderType | None = None
    qty: Qty | None = None
    px: Px | None = None
    time_in_force: TimeInForce | None = None
    account: Text = ""
    strategy_id: Text = ""
    """Who claims the order; `_EXTERNAL` gets it otherwise."""
    leaves: Qty | None = None
    """What the venue says can still trade (FIX 151)."""


@final
class ReportRejected(OrderFact, frozen=True, tag=31):
    """The venue refused the order (FIX 150=8)."""

    reason_code: int = 0
    text: Text = ""
    event_time_ns: Ns = 0


@final
class ReportFill(OrderFact, frozen=True, tag=32):
    """The order traded (FIX 150=F)."""

    execution_id: Text
    trade_date: Date
    side: Side
    qty: Qty
    px: Px
    fee: Fee = 0
    fee_ccy: Text = ""
    liquidity: Liquidity = Liquidity.UNKNOWN
    event_time_ns: Ns = 0
    venue_order_id: Text = ""
    account: Text = ""
    """Needed only where the order is unknown to us."""
    strategy_id: Text = ""
    """Who claims the fill where the order is unknown to us."""
    venue_cum: Qty | None = None
    venue_leaves: Qty | None = None
    contra: Text = ""


@final
class ReportTradeCancel(OrderFact, frozen=True, tag=33):
    """A fill never was (FIX 150=H)."""

    execution_id: Text
    ref_execution_id: Text
    ref_trade_date: Date
    reinstated: bool = True
    """Whether the quantity is open again at the venue (FIX J.1.a) or lost (NASDAQ)."""
    reason: Text = ""
    event_time_ns: Ns = 0
    account: Text = ""
    trade_date: Text = ""
    """Of this report's own execution_id; "" is the same as ref_trade_date."""


@final
class ReportTradeCorrect(OrderFact, frozen=True, tag=34):
    """A fill was otherwise (FIX 150=G)."""

    execution_id: Text
    ref_execution_id: Text
    ref_trade_date: Date
    qty: Qty
    px: Px
    fee: Fee = 0
    fee_ccy: Text = ""
    event_time_ns: Ns = 0
    account: Text = ""
    trade_date: Text = ""
    """Of this report's own execution_id; "" is the same as ref_trade_date."""


@final
class ReportCanceled(OrderFact, frozen=True, tag=35):
    """The order is canceled at the venue (FIX 150=4)."""

    solicited: bool = True
    request_id: Text = ""
    """client_order_id of the cancel request; "" for none."""
    reason: CancelReason = CancelReason.USER
    event_time_ns: Ns = 0
    venue_cum: Qty | None = None


@final
class ReportCancelRejected(OrderFact, frozen=True, tag=36):
    """The venue did not cancel (FIX 35=9, 434=1)."""

    request_id: Text
    reason_code: CancelRejectReason = CancelRejectReason.OTHER
    text: Text = ""
    event_time_ns: Ns = 0


@final
class ReportReplaced(OrderFact, frozen=True, tag=37):
    """The order is changed at the venue (FIX 150=5); absent fields are as requested, or as they were."""

    request_id: Text = ""
    """client_order_id of the replace request, the order's current id from now on."""
    qty: Qty | None = None
    px: Px | None = None
    stop_px: Px | None = None
    venue_order_id: Text = ""
    event_time_ns: Ns = 0
    venue_cum: Qty | None = None


@final
class ReportReplaceRejected(OrderFact, frozen=True, tag=38):
    """The venue did not change the order (FIX 35=9, 434=2)."""

    request_id: Text
    reason_code: CancelRejectReason = CancelRejectReason.OTHER
    text: Text = ""
    event_time_ns: Ns = 0


@final
class ReportPendingCancel(OrderFact, frozen=True, tag=39):
    """The venue has the cancel request in hand (FIX 150=6)."""

    request_id: Text
    event_time_ns: Ns = 0


@final
class ReportPendingReplace(OrderFact, frozen=True, tag=40):
    """The venue has the replace request in hand (FIX 150=E)."""

    request_id: Text
    event_time_ns: Ns = 0


@final
class ReportExpired(OrderFact, frozen=True, tag=41):
    """The order ended by its time in force (FIX 150=C)."""

    event_time_ns: Ns = 0
    venue_cum: Qty | None = None


@final
class ReportDoneForDay(OrderFact, frozen=True, tag=42):
    """No more of the order today (FIX 150=3)."""

    event_time_ns: Ns = 0


@final
class ReportRestated(OrderFact, frozen=True, tag=43):
    """The venue restated the order (FIX 150=D): back from done-for-day, or with another qty or px."""

    qty: Qty | None = None
    px: Px | None = None
    event_time_ns: Ns = 0


@final
class ReportReduced(OrderFact, frozen=True, tag=44):
    """Part of the open quantity is canceled (OUCH Canceled); the order may live on."""

    qty: Qty
    """The new total quantity."""
    event_time_ns: Ns = 0


@final
class ReportSuspended(OrderFact, frozen=True, tag=45):
    """The order rests but cannot trade (FIX 150=9)."""

    event_time_ns: Ns = 0


@final
class ReportResumed(OrderFact, frozen=True, tag=46):
    """A suspended order can trade again."""

    event_time_ns: Ns = 0


@final
class ReportTriggered(OrderFact, frozen=True, tag=47):
    """A stop became live (FIX 150=L)."""

    event_time_ns: Ns = 0


@final
class ReportStatus(OrderFact, frozen=True, tag=48):
    """The order as the venue shows it now (an order-status answer): compared, never applied."""

    is_open: bool
    """Whether it can still trade at the venue."""
    cum: Qty
    qty: Qty | None = None
    px: Px | None = None
    venue_order_id: Text = ""
    event_time_ns: Ns = 0
    side: Side | None = None
    """This and what follows: where the order is unknown to us and open there, so that it can be adopted."""
    order_type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    account: Text = ""
    strategy_id: Text = ""


@final
class ReportPosition(Struct, frozen=True, array_like=True, gc=False, tag=49):
    """What an account holds of a symbol, as a venue, a custodian or a drop copy has it (FIX 35=AP): compared with the sum
    over the account's strategies, never applied. To be told when nothing is under way: fills that are still to come
    make a difference too."""

    source: Source
    source_epoch: SourceNumber
    source_seq: SourceNumber
    symbol: Text
    exchange: Text
    account: Text
    qty: Qty
    """Signed: short is negative."""
    event_time_ns: Ns = 0


class MarketFact(Struct, frozen=True, array_like=True, gc=False):
    """The head of every market data message."""

    source: Source
    source_epoch: SourceNumber
    source_seq: SourceNumber
    symbol: Text
    exchange: Text


@final
class BookSnapshot(MarketFact, frozen=True, tag=60):
    """The whole book as far as the venue shows it."""

    last_update: int
    """The venue's update number that the snapshot includes; 0 where it has none."""
    bids: Levels
    asks: Levels
    event_time_ns: Ns = 0
    continuity: BookSource = BookSource.SPOT
    checksum: int | None = None


@final
class BookDelta(MarketFact, frozen=True, tag=61):
    """Changed levels, absolute sizes; `first_update`..`last_update` are the venue's U and u."""

    first_update: int
    last_update: int
    bids: Levels
    asks: Levels
    event_time_ns: Ns = 0
    prev_update: int = 0
    """The venue's pu, for futures."""
    continuity: BookSource = BookSource.SPOT
    checksum: int | None = None


@final
class MarketTrade(MarketFact, frozen=True, tag=62):
    """A print at the venue, anybody's."""

    px: Px
    qty: Qty
    side: Side
    """Of the aggressor."""
    trade_id: Text = ""
    event_time_ns: Ns = 0


@final
class Quote(MarketFact, frozen=True, tag=63):
    """The venue's best bid and ask."""

    bid_px: Px
    bid_qty: Qty
    ask_px: Px
    ask_qty: Qty
    update: int = 0
    """The venue's update number, where it gives one."""
    event_time_ns: Ns = 0


@final
class MarketPhase(MarketFact, frozen=True, tag=64):
    """The symbol's trading phase at the venue."""

    phase: TradingPhase
    event_time_ns: Ns = 0


@final
class BookOrder(MarketFact, frozen=True, tag=65):
    """What happened to one order that rests in the venue's book, anybody's; for feeds that show single orders."""

    update: int
    """The venue's number of the message, for COUNTED."""
    action: OrderAction
    order_ref: Text
    """The venue's name of the order."""
    side: Side
    px: Px
    """Where it rests; once the order is known, its own price counts."""
    qty: Qty
    """Added, or taken away."""
    event_time_ns: Ns = 0
    continuity: BookSource = BookSource.COUNTED


OrderReport = (
    ReportAccepted
    | ReportRejected
    | ReportFill
    | ReportTradeCancel
    | ReportTradeCorrect
    | ReportCanceled
    | ReportCancelRejected
    | ReportReplaced
    | ReportReplaceRejected
    | ReportPendingCancel
    | ReportPendingReplace
    | ReportExpired
    | ReportDoneForDay
    | ReportRestated
    | ReportReduced
    | ReportSuspended
    | ReportResumed
    | ReportTriggered
    | ReportStatus
)
MarketData = BookSnapshot | BookDelta | MarketTrade | Quote | MarketPhase | BookOrder
Report = OrderReport | ReportPosition
Fact = Report | MarketData
ORDER_REPORTS: Final = OrderReport.__args__
REPORTS: Final = Report.__args__
"""What the door `reports` takes."""
MARKET_DATA: Final = MarketData.__args__
