"""What the back office, time and operators add to the state of a partition; part of the trading fold.

Kept apart from orders and fills because nothing here is on the path of an order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import actors
from ledger.domain import sessions
from ledger.domain.adjustments import Adjustment, routes
from ledger.domain.calendars import ALWAYS, Calendar
from ledger.domain.enums import TimerKind
from ledger.domain.events import FillBusted, FillCorrected, OrderFilled
from ledger.domain.operator_events import (
    CalendarDefined,
    ClockSampled,
    EntityReleased,
    ExecConflictResolved,
    PartitionResumed,
    PositionAdjusted,
    PositionTransferred,
    RecoveryConfirmed,
    SessionClosed,
    SessionOpened,
    SessionTouched,
    SettlementPriceSet,
    TimerFired,
    TradingDayRolled,
)
from ledger.domain.sessions import Session
from ledger.domain.trading_day import LastCut, RolledDay, Settlement

Apply = Callable[[int, int, Any], None]
HeldExecution = tuple[int, OrderFilled | FillBusted | FillCorrected]
"""(seq, event) that an order set aside has not taken yet."""
AdjustmentKey = tuple[str, str, int]
"""(strategy_id, symbol, seq)."""
_LEAVES_NO_TRACE: Final = (TimerKind.IOC, TimerKind.GTC_AGE)
"""Timers whose firing changes no other state, so that it must be remembered itself."""
CLOCK: Final = "clock"


def warning_key(session_id: str, due_ns: int) -> tuple[TimerKind, str, str]:
    """Of the warning of a session's end in `fired`: its time tells one opening of the session from another."""
    return TimerKind.SESSION_ENDS, str(due_ns), session_id


@final
class OperationsFold:
    """Calendars, days, settlement, sessions, adjustments, what quarantined orders hold, confirmations."""

    def __init__(self, entities: actors.Entities) -> None:
        store = entities.store
        self.calendars: actors.Store[str, Calendar] = store("calendar")
        self.sessions: actors.Store[str, Session] = store("session")
        self.settlements: actors.Store[str, Settlement] = store("settlement")
        self.rolled: actors.Store[str, RolledDay] = store("rolled-day")
        self.cuts: actors.Store[tuple[str, str], LastCut] = store("daily-cut")
        """By (strategy_id, symbol)."""
        self.adjustments: actors.Store[AdjustmentKey, Adjustment] = store("adjustment")
        self.held: actors.Store[str, tuple[HeldExecution, ...]] = store("held")
        """Executions of orders set aside, by symbol/client_order_id; empty once released."""
        self.fired: actors.Store[tuple[TimerKind, str, str], int] = store("timer-fired")
        """(kind, symbol, key) of the timers that leave no other trace, with the seq; for a session's, `warning_key`."""
        self.confirmed: actors.Store[str, tuple[int, int]] = store("recovery-confirmed")
        """Under "": (epoch, seq) of the newest RecoveryConfirmed; under CLOCK: (step_ns, seq) of the newest ClockSampled."""
        self.resumed: actors.Store[str, tuple[int, int]] = store("partition-resumed")
        """Under "": (epoch, seq) of the newest PartitionResumed."""
        self.stores: Final[tuple[actors.Store[Any, Any], ...]] = (
            self.calendars,
            self.sessions,
            self.settlements,
            self.rolled,
            self.cuts,
            self.adjustments,
            self.held,
            self.fired,
            self.confirmed,
            self.resumed,
        )

    def calendar_of(self, name: str) -> tuple[bool, Calendar | None]:
        """(whether it is known, its sessions): 24/7 is known and has none of its own."""
        if name == ALWAYS:
            return True, None
        found = self.calendars.get(name)
        return found is not None, found

    def hold(self, key: str, seq: int, event: OrderFilled | FillBusted | FillCorrected) -> None:
        """An execution of an order set aside: its order takes it at release."""
        self.held.put(key, (*(self.held.get(key) or ()), (seq, event)))

    def adjusted(
        self, seq: int, now: int, event: PositionAdjusted | PositionTransferred
    ) -> tuple[Adjustment, ...]:
        """Keep the event's routes; the caller moves the positions."""
        found = routes(event, now)
        for each in found:
            self.adjustments.put((each.strategy_id, each.symbol, seq), each)
        return found

    def released(self, event: EntityReleased) -> tuple[HeldExecution, ...]:
        """What the entity held, oldest first; it holds nothing any more."""
        held = self.held.get(event.key) or ()
        if held:
            self.held.put(event.key, ())
        return held

    def table(self) -> dict[type, Apply]:
        """The events that change nothing but what is kept here."""
        return {
            CalendarDefined: self._calendar_defined,
            SessionOpened: self._session_changed,
            SessionTouched: self._session_changed,
            SessionClosed: self._session_changed,
            TimerFired: self._timer_fired,
            TradingDayRolled: self._day_rolled,
            SettlementPriceSet: self._settled,
            RecoveryConfirmed: self._recovery_confirmed,
            ClockSampled: self._clock_sampled,
            PartitionResumed: self._partition_resumed,
            ExecConflictResolved: _nothing,
        }

    def _calendar_defined(self, seq: int, _now: int, event: CalendarDefined) -> None:
        self.calendars.put(event.calendar, Calendar(event.calendar, event.sessions, event.source, seq))

    def _session_changed(
        self, seq: int, now: int, event: SessionOpened | SessionTouched | SessionClosed
    ) -> None:
        key = event.session_id
        self.sessions.put(key, sessions.evolve(self.sessions.get(key), event, seq, now))

    def _timer_fired(self, seq: int, _now: int, event: TimerFired) -> None:
        if event.kind in _LEAVES_NO_TRACE:
            self.fired.put((event.kind, event.symbol, event.key), seq)
        elif event.kind is TimerKind.SESSION_ENDS:
            self.fired.put(warning_key(event.key, event.due_ns), seq)

    def _day_rolled(self, seq: int, now: int, event: TradingDayRolled) -> None:
        self.rolled.put(event.calendar, RolledDay(event.calendar, event.trade_date, now, seq))
        for cut in event.cuts:
            self.cuts.put((cut.strategy_id, cut.symbol), LastCut(event.trade_date, cut, seq))

    def _settled(self, seq: int, _now: int, event: SettlementPriceSet) -> None:
        self.settlements.put(event.symbol, Settlement(event.symbol, event.trade_date, event.px, seq))

    def _recovery_confirmed(self, seq: int, _now: int, event: RecoveryConfirmed) -> None:
        self.confirmed.put("", (event.epoch, seq))

    def _clock_sampled(self, seq: int, _now: int, event: ClockSampled) -> None:
        self.confirmed.put(CLOCK, (event.step_ns, seq))

    def _partition_resumed(self, seq: int, _now: int, event: PartitionResumed) -> None:
        self.resumed.put("", (event.epoch, seq))


def _nothing(_seq: int, _now: int, _event: Any) -> None:
    """The event is its own record; what follows from it stands beside it."""
