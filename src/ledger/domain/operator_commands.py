"""Commands of the back office and of operators: positions without fills, days, calendars, sessions, cases.

They pass the same doors as orders and are as idempotent. What changes money or opens a gate again names a reason.
"""

from __future__ import annotations

from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.domain.enums import AdjustReason, ConflictResolution
from ledger.domain.units import (
    CommandId,
    Date,
    Exchange,
    ExecutionId,
    Fee,
    Money,
    Px,
    Qty,
    Seq,
    StrategyId,
    Symbol,
    Text,
)

Reason = Annotated[str, Meta(min_length=1, max_length=256)]
"""Why, in a person's words."""
CalendarId = Annotated[str, Meta(min_length=1, max_length=50)]
SessionId = Annotated[str, Meta(min_length=1, max_length=64)]
UserId = Annotated[str, Meta(min_length=1, max_length=64)]
PartitionNumber = Annotated[int, Meta(ge=0, le=65535)]
CalendarSession = tuple[Date, int, int]
"""(trade_date, open, close): both in nanoseconds since the epoch, the close not part of the session."""


@final
class AdjustPosition(Struct, frozen=True, array_like=True, gc=False, tag=80):
    """Change a position without a fill; `dcost + dcash` becomes realised profit."""

    command_id: CommandId
    strategy_id: StrategyId
    symbol: Symbol
    reason: AdjustReason
    approver: Text
    """A second person: neither who sends the command nor for whom it is sent."""
    dqty: Qty = 0
    dcost: Money = 0
    """Price times quantity, before the contract multiplier."""
    dcash: Money = 0
    ref: Text = ""
    """What it rests on: a notice, a statement, a ticket."""
    on_behalf_of: Text = ""


@final
class TransferPosition(Struct, frozen=True, array_like=True, gc=False, tag=81):
    """Move part of what one strategy holds to another, at a price: as if they had traded with each other."""

    command_id: CommandId
    from_strategy: StrategyId
    to_strategy: StrategyId
    symbol: Symbol
    qty: Qty
    """How much, long or short as `from_strategy` holds it; not more than it holds."""
    px: Px
    reason: Reason
    ref: Text = ""
    on_behalf_of: Text = ""


@final
class SetSettlementPrice(Struct, frozen=True, array_like=True, gc=False, tag=82):
    """The official closing price of a symbol for a trading day; may be sent again while the day is not rolled."""

    command_id: CommandId
    symbol: Symbol
    trade_date: Date
    px: Px
    on_behalf_of: Text = ""


@final
class RollTradingDay(Struct, frozen=True, array_like=True, gc=False, tag=83):
    """End a trading day of a calendar: cut profit and fees per position, expire its DAY orders."""

    command_id: CommandId
    trade_date: Date
    calendar: CalendarId = "24/7"
    on_behalf_of: Text = ""


@final
class DefineCalendar(Struct, frozen=True, array_like=True, gc=False, tag=84):
    """Make a calendar known, or replace its sessions; `24/7` is built in."""

    command_id: CommandId
    calendar: CalendarId
    sessions: tuple[CalendarSession, ...]
    """In order of time, not overlapping, each trade_date once."""
    source: Text = ""
    """Where the sessions come from, such as the name and version of a calendar library."""
    on_behalf_of: Text = ""


@final
class OpenSession(Struct, frozen=True, array_like=True, gc=False, tag=85):
    """Begin a session, which orders may name from then on."""

    command_id: CommandId
    session_id: SessionId
    user_id: UserId
    on_behalf_of: Text = ""


@final
class TouchSession(Struct, frozen=True, array_like=True, gc=False, tag=86):
    """A heartbeat: the session lives. Journaled at most once in 30 seconds."""

    command_id: CommandId
    session_id: SessionId
    on_behalf_of: Text = ""


@final
class CloseSession(Struct, frozen=True, array_like=True, gc=False, tag=87):
    """End a session; its orders stay as they are."""

    command_id: CommandId
    session_id: SessionId
    reason: Text = ""
    on_behalf_of: Text = ""


@final
class CloseCase(Struct, frozen=True, array_like=True, gc=False, tag=88):
    """An operator has dealt with a critical anomaly."""

    command_id: CommandId
    seq: Seq
    """Of its AnomalyRecorded."""
    reason: Reason
    journal: Text = "trading"
    """trading or market."""
    on_behalf_of: Text = ""
    partition: int = 0
    """Whose journal it is: the number in the case's place, 1 of trading/1:123."""


@final
class ReleaseEntity(Struct, frozen=True, array_like=True, gc=False, tag=89):
    """Take an entity out of quarantine: what it held is applied, what was suspended for it is decided again."""

    command_id: CommandId
    kind: Text
    """order, position, book or control."""
    key: Text
    """As `show anomalies` names it, such as AAPL/c1."""
    reason: Reason
    on_behalf_of: Text = ""


@final
class ResolveExecConflict(Struct, frozen=True, array_like=True, gc=False, tag=90):
    """Say which of two executions with one id is right, and close the case."""

    command_id: CommandId
    case_seq: Seq
    """Of the EXEC_ID_CONFLICT."""
    symbol: Symbol
    exchange: Exchange
    account: Text
    trade_date: Date
    execution_id: ExecutionId
    resolution: ConflictResolution
    reason: Reason
    qty: Qty = 0
    """With CORRECT: the right terms of the execution."""
    px: Px = 0
    fee: Fee = 0
    fee_ccy: Text = ""
    on_behalf_of: Text = ""


@final
class ConfirmRecovery(Struct, frozen=True, array_like=True, gc=False, tag=91):
    """An operator has compared the recovered state with the venues: new orders may come again."""

    command_id: CommandId
    reason: Reason
    on_behalf_of: Text = ""


@final
class ResumePartition(Struct, frozen=True, array_like=True, gc=False, tag=92):
    """An operator has looked at why a partition stopped, or stopped taking new orders: it may go on."""

    command_id: CommandId
    partition: PartitionNumber
    reason: Reason
    on_behalf_of: Text = ""


OperatorCommand = (
    AdjustPosition
    | TransferPosition
    | SetSettlementPrice
    | RollTradingDay
    | DefineCalendar
    | OpenSession
    | TouchSession
    | CloseSession
    | CloseCase
    | ReleaseEntity
    | ResolveExecConflict
    | ConfirmRecovery
    | ResumePartition
)
OPERATOR_COMMANDS: Final = OperatorCommand.__args__
"""Every command of this file, in tag order."""
