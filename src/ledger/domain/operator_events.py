"""Events of the back office, of time and of operators. Tags 13, 14 and 20-29 are control, 61 order, 81-83 position."""

from __future__ import annotations

from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.domain.enums import AdjustReason, ConflictResolution, SessionEnd, TimerKind
from ledger.domain.units import Fee, KnownCommandId, Money, Ns, OrderId, Px, Qty, Seq, SpanNs

AnyQty = Annotated[int | str, Meta(extra={"unit": "qty"})]
"""A quantity that no command limits: decimal text where it passes 64 bits."""
AnyFee = Annotated[int | str, Meta(extra={"unit": "fee"})]
"""A sum of fees, likewise."""

# ---- control ---------------------------------------------------------------------------------------------------


@final
class ClockSampled(Struct, frozen=True, array_like=True, gc=False, tag=13):
    """The machine's clock was set by more than clock.max_step: new orders wait for the next RecoveryConfirmed."""

    step_ns: SpanNs
    """Forward is positive."""
    clock_ns: Ns
    """What the clock said then; recorded_at_ns does not follow it back."""


@final
class CalendarDefined(Struct, frozen=True, array_like=True, gc=False, tag=20):
    """The sessions of a calendar, all of them; replay needs no calendar library."""

    calendar: str
    sessions: tuple[tuple[str, int, int], ...]
    """(trade_date, open_ns, close_ns)."""
    source: str
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class SessionOpened(Struct, frozen=True, array_like=True, gc=False, tag=21):
    """A session of a person or a program."""

    session_id: str
    user_id: str
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class SessionTouched(Struct, frozen=True, array_like=True, gc=False, tag=22):
    """The session was alive; conflated, so it says no more than that."""

    session_id: str
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class SessionClosed(Struct, frozen=True, array_like=True, gc=False, tag=23):
    """A session ended: closed by its user, expired, or lost."""

    session_id: str
    how: SessionEnd
    reason: str = ""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class TimerFired(Struct, frozen=True, array_like=True, gc=False, tag=24):
    """A due time has come: the input of which the events after it are the outcome. Replay reads no clock."""

    kind: TimerKind
    key: str
    """The order's first client_order_id, or the session_id."""
    due_ns: Ns
    symbol: str = ""


@final
class DailyCut(Struct, frozen=True, array_like=True, gc=False):
    """A position's day: what it made and paid since the cut before."""

    strategy_id: str
    symbol: str
    account: str
    qty: AnyQty
    """Held at the cut."""
    realized: Money
    """Of the day, before the multiplier, fees apart."""
    unrealized: Money
    """At the mark, at the cut: not a difference."""
    unrealized_change: Money
    """Against the cut before."""
    fees: dict[str, AnyFee]
    """Of the day, by currency."""
    mark_px: Px | None = None
    """None: nothing is held, or no price is known; then unrealized is 0."""
    mark_from: str = ""
    """SETTLEMENT, BOOK (the mid, rounded half to even to a price unit), TRADE, EARLIER_SETTLEMENT, or "" for none."""
    total_realized: Money = 0
    """Of all days, so that the next cut needs only this one."""
    total_fees: dict[str, AnyFee] = {}


@final
class TradingDayRolled(Struct, frozen=True, array_like=True, gc=False, tag=25):
    """A trading day of a calendar is over; each of its open DAY orders expires in a turn of its own after this."""

    calendar: str
    trade_date: str
    cuts: tuple[DailyCut, ...]
    """Every position of the calendar that is open or changed since its last cut, by strategy and symbol."""
    market_seq: Seq = 0
    """Place in the market journal of the marks that were used."""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class CaseClosed(Struct, frozen=True, array_like=True, gc=False, tag=26):
    """An operator closed a case; one of the market journal is closed in both journals."""

    journal: str
    seq: Seq
    reason: str
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""
    partition: int = 0


@final
class EntityReleased(Struct, frozen=True, array_like=True, gc=False, tag=27):
    """An entity is out of quarantine; the executions that it held are applied here, in the order of their seqs."""

    kind: str
    key: str
    reason: str
    ref_seq: Seq = 0
    """Of its EntityQuarantined."""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class ExecConflictResolved(Struct, frozen=True, array_like=True, gc=False, tag=28):
    """An operator decided between two executions of one id; with CORRECT the FillCorrected follows."""

    case_seq: Seq
    symbol: str
    exchange: str
    account: str
    trade_date: str
    execution_id: str
    resolution: ConflictResolution
    reason: str
    qty: Qty = 0
    px: Px = 0
    fee: Fee = 0
    fee_ccy: str = ""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class RecoveryConfirmed(Struct, frozen=True, array_like=True, gc=False, tag=29):
    """An operator confirmed the state that a start of this epoch recovered."""

    epoch: int
    reason: str
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class PartitionResumed(Struct, frozen=True, array_like=True, gc=False, tag=14):
    """An operator let the partition go on after a fail-stop or a full disk, by this start."""

    partition: int
    epoch: int
    reason: str
    stopped: str = ""
    """What had stopped it, in the engine's words; "" where it was the last start that ended."""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


# ---- order -----------------------------------------------------------------------------------------------------


@final
class OrderUnconfirmed(Struct, frozen=True, array_like=True, gc=False, tag=61):
    """The venue has not said within ack_timeout whether it has the order; it counts fully and is never rejected."""

    symbol: str
    order: str
    strategy_id: str
    exchange: str
    order_id: OrderId


# ---- position --------------------------------------------------------------------------------------------------


@final
class PositionAdjusted(Struct, frozen=True, array_like=True, gc=False, tag=81):
    """A position changed without a fill; realised changes by dcost + dcash."""

    strategy_id: str
    symbol: str
    account: str
    reason: AdjustReason
    approver: str
    dqty: Qty
    dcost: Money
    dcash: Money
    ref: str = ""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class PositionTransferred(Struct, frozen=True, array_like=True, gc=False, tag=82):
    """One record, two routes: `from_strategy` gives `dqty` at px and `to_strategy` takes it; together they sum to zero."""

    from_strategy: str
    to_strategy: str
    symbol: str
    qty: Qty
    px: Px
    dqty: Qty
    """Signed: what `to_strategy` gets."""
    from_account: str
    to_account: str
    reason: str = ""
    ref: str = ""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class SettlementPriceSet(Struct, frozen=True, array_like=True, gc=False, tag=83):
    """The official closing price of a symbol."""

    symbol: str
    trade_date: str
    px: Px
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


OperatorControlEvent = (
    ClockSampled
    | PartitionResumed
    | CalendarDefined
    | SessionOpened
    | SessionTouched
    | SessionClosed
    | TimerFired
    | TradingDayRolled
    | CaseClosed
    | EntityReleased
    | ExecConflictResolved
    | RecoveryConfirmed
)
OperatorPositionEvent = PositionAdjusted | PositionTransferred | SettlementPriceSet
OPERATOR_EVENTS: Final = (
    *OperatorControlEvent.__args__,
    OrderUnconfirmed,
    *OperatorPositionEvent.__args__,
)
"""Every event of this file, in tag order."""
