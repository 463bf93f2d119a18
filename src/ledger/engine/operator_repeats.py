"""Which event each operator's command becomes; the event carries every field of its command under the same name."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from ledger.domain import operator_commands as c
from ledger.domain import operator_events as e

OPERATOR_COMMAND_OF: Final[dict[Any, type[Struct]]] = {
    e.PositionAdjusted: c.AdjustPosition,
    e.PositionTransferred: c.TransferPosition,
    e.SettlementPriceSet: c.SetSettlementPrice,
    e.TradingDayRolled: c.RollTradingDay,
    e.CalendarDefined: c.DefineCalendar,
    e.SessionOpened: c.OpenSession,
    e.SessionTouched: c.TouchSession,
    e.SessionClosed: c.CloseSession,
    e.CaseClosed: c.CloseCase,
    e.EntityReleased: c.ReleaseEntity,
    e.ExecConflictResolved: c.ResolveExecConflict,
    e.RecoveryConfirmed: c.ConfirmRecovery,
    e.PartitionResumed: c.ResumePartition,
}
"""Event type -> command type."""
