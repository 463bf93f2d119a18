"""The service that lets due times come: it watches what is journaled, waits, and hands each firing in as an input.

What is due is always derived from the fold: at start from all open orders and sessions, then from each frame's events.
The lists here are only hints; a hint whose order has moved on costs one look-up. Time since a start counts from it, so
that a ledger which was down does not conclude from silence that nobody could break. End-of-day expiries are not
hinted order by order: at each close all open orders of the calendar are looked at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

import trio
from msgspec import Struct

from ledger.domain.calendars import session_at
from ledger.domain.control_events import MassCancelRequested
from ledger.domain.enums import TimeInForce, TimerKind
from ledger.domain.events import InstrumentDefined, OrderAdopted, OrderReplaced, OrderSubmitted
from ledger.domain.operator_events import CalendarDefined, SessionOpened, TimerFired, TradingDayRolled
from ledger.domain.order_state import OrderState
from ledger.domain.sessions import Session
from ledger.domain.timers import (
    AT_ONCE,
    DAYLIKE,
    TimeRules,
    day_begins_ns,
    decide_order,
    decide_session,
    is_awaited,
    order_due,
    session_due,
    session_warning_ns,
)
from ledger.fold import warning_key

if TYPE_CHECKING:
    from ledger.engine.operator_turns import OperatorTurns
    from ledger.engine.partition import Partition
    from ledger.fold import OrderKey

CHUNK: Final = 256
"""Firings handed in together: a mass expiry lets other inputs between its chunks."""
LOOK_EVERY_S: Final = 1.0
"""The longest wait: a wall clock that was set is noticed within it."""
RETRY_NS: Final = 10**8
"""After how long a firing that found no room is tried again."""
_SESSIONS: Final = (TimerKind.SESSION_LOST, TimerKind.SESSION_EXPIRED, TimerKind.SESSION_ENDS)
_END_OF_DAY: Final = (TimerKind.TIME_IN_FORCE, TimerKind.GTC_AGE)


@final
class TimerDue(Struct, frozen=True, array_like=True, gc=False):
    """The input that a due time is; its turn looks whether it still holds."""

    kind: TimerKind
    symbol: str
    """Of an order; "" for a session."""
    key: str
    """The order's first client_order_id, or the session_id."""
    due_ns: int


@final
class TimerTurns:
    """What a due time makes of its order or session."""

    def __init__(self, partition: Partition, rules: TimeRules, operator: OperatorTurns) -> None:
        self._partition = partition
        self.rules = rules
        self._operator = operator

    def turn(self, due: TimerDue) -> None:
        """The turn of one firing; nothing if the state has moved on."""
        partition = self._partition
        if partition.read_only:
            return
        context, journal = partition.context, partition.open_trading
        context.now_ns, context.next_seq = journal.now(), journal.next_seq
        events = self._session(due) if due.kind in _SESSIONS else self._order(due)
        if not events:
            return
        seq = context.next_seq
        partition.commit_trading(list(events))
        if type(events[-1]) is MassCancelRequested:
            partition.control.begun(seq + len(events) - 1)

    def order_due_ns(self, state: OrderState, kind: TimerKind) -> int | None:
        """When this timer is due for the order as it is now."""
        end = None
        if kind is TimerKind.TIME_IN_FORCE and state.time_in_force in DAYLIKE:
            end = self._day_end_ns(state)
        return order_due(state, kind, end, self.rules)

    def _day_end_ns(self, state: OrderState) -> int | None:
        fold = self._partition.trading
        instrument = fold.instruments.get(state.terms.symbol)
        if instrument is None:
            return None
        operations = fold.operations
        known, calendar = operations.calendar_of(instrument.calendar)
        session = session_at(calendar, day_begins_ns(state)) if known else None
        if session is None:
            return None
        rolled = operations.rolled.get(instrument.calendar)
        close = session[2] + self.rules.tif_grace_ns
        if rolled is not None and session[0] <= rolled.trade_date:
            return min(close, rolled.rolled_at_ns)
        return close

    def _order(self, due: TimerDue) -> Sequence[Any]:
        partition = self._partition
        partition.current = ("order", f"{due.symbol}/{due.key}")
        if partition.is_quarantined():
            return []  # what is wrong with it is an operator's to see; released, it is looked at again at the next close
        state = partition.trading.orders.get((due.symbol, due.key))
        if state is None or (due.kind, due.symbol, due.key) in partition.trading.operations.fired:
            return []
        now_due = self.order_due_ns(state, due.kind)
        if now_due is None or now_due > due.due_ns:
            return []
        return decide_order(state, due.kind, due.due_ns, partition.context)

    def _session(self, due: TimerDue) -> Sequence[Any]:
        if self._partition.trading.partition:
            return []  # sessions are partition 0's; the others follow it
        self._partition.current = ("control", f"session/{due.key}")
        state = self._partition.trading.operations.sessions.get(due.key)
        if state is None:
            return []
        found = self.session_due(state)
        if found is None or found[1] > due.due_ns:
            return []
        kind, at = found
        at = at if kind is TimerKind.SESSION_ENDS else due.due_ns
        return decide_session(state, kind, at, self.rules, self._partition.context)

    def session_due(self, state: Session) -> tuple[TimerKind, int] | None:
        """The next due time of a session as it is now."""
        heard = self._operator.heard.get(state.session_id, state.touched_ns)
        warning = session_warning_ns(state, self.rules)
        fired = self._partition.trading.operations.fired
        warned = warning is not None and warning_key(state.session_id, warning) in fired
        return session_due(state, heard, self.rules, warned=warned)


@final
class Timers:
    """The due times of one partition. Belongs to the trio thread; only `run` waits."""

    def __init__(
        self,
        turns: TimerTurns,
        partition: Partition,
        operator: OperatorTurns,
        clock: Callable[[], int],
        hand_in: Callable[[list[TimerDue], Callable[[list[TimerDue]], None]], None],
        chunk: int = CHUNK,
    ) -> None:
        """`hand_in(firings, not_taken)` submits inputs and calls `not_taken` with those that found no room.

        `chunk` is how many are handed in together; so many must fit into the queue.
        """
        self._chunk = chunk
        self._turns = turns
        self._partition = partition
        self._operator = operator
        self._clock = clock
        self._hand_in = hand_in
        self._hints: dict[int, list[tuple[TimerKind, str, str]]] = {}
        self._order: list[int] = []
        """Heap of the keys of `_hints`."""
        self._closes: dict[str, int] = {}
        """The next close, with grace, that each calendar is looked at for."""
        self._started_ns = clock()
        self._earlier = trio.Event()
        self._watched: Final[dict[type, Callable[[Any, int], None]]] = {
            OrderSubmitted: self._submitted,
            OrderAdopted: self._adopted,
            OrderReplaced: self._replaced,
            SessionOpened: self._session_opened,
            TimerFired: self._timer_fired,
            TradingDayRolled: self._rolled,
            CalendarDefined: self._calendar_changed,
            InstrumentDefined: self._instrument_defined,
        }

    # ---- hints ---------------------------------------------------------------------------------------------

    def derive(self) -> None:
        """At a start: the due times of everything that the fold has open."""
        rules, now = self._turns.rules, self._started_ns
        fold = self._partition.trading
        for key, state in fold.orders.states.items():
            if not is_awaited(state):
                continue
            for kind in (TimerKind.ACK, TimerKind.IOC, TimerKind.TIME_IN_FORCE):
                if kind is TimerKind.TIME_IN_FORCE and state.time_in_force in DAYLIKE:
                    continue
                due = self._turns.order_due_ns(state, kind)
                if due is not None:
                    wait = rules.tif_grace_ns if kind is TimerKind.TIME_IN_FORCE else rules.ack_timeout_ns
                    self._hint(max(due, now + wait), kind, *key)
        for name in sorted({instrument.calendar for instrument in fold.instruments}):
            self._watch_calendar(name, now)
            self._look_at_calendar(now + rules.tif_grace_ns, name)  # closes that passed while nobody ran
        for session_id, session in fold.operations.sessions.states.items():
            if session.end is None:
                self._operator.heard.setdefault(session_id, now)
                self._hint_session(session_id)

    def saw(self, events: Sequence[Any], now_ns: int) -> None:
        """A frame's events: note what they make due."""
        watched: Any = self._watched
        for event in events:
            note = watched.get(type(event))
            if note is not None:
                note(event, now_ns)

    def _hint(self, due_ns: int, kind: TimerKind, symbol: str, key: str) -> None:
        at = self._hints.get(due_ns)
        if at is not None:
            at.append((kind, symbol, key))
            return
        self._hints[due_ns] = [(kind, symbol, key)]
        heapq.heappush(self._order, due_ns)
        if self._order[0] == due_ns:
            self._earlier.set()

    def _submitted(self, event: OrderSubmitted, now: int) -> None:
        rules = self._turns.rules
        self._hint(now + rules.ack_timeout_ns, TimerKind.ACK, event.symbol, event.client_order_id)
        tif = event.time_in_force
        if tif in AT_ONCE:
            self._hint(now + rules.ioc_timeout_ns, TimerKind.IOC, event.symbol, event.client_order_id)
        elif tif is TimeInForce.GTD:
            due = event.expire_ts + rules.tif_grace_ns
            self._hint(due, TimerKind.TIME_IN_FORCE, event.symbol, event.client_order_id)

    def _adopted(self, event: OrderAdopted, _now: int) -> None:
        self._restless(event.symbol, event.client_order_id)

    def _replaced(self, event: OrderReplaced, _now: int) -> None:
        self._restless(event.symbol, event.order)

    def _restless(self, symbol: str, key: str) -> None:
        """An order whose times may have changed: GTD and an adopted IOC have due times of their own."""
        state = self._partition.trading.orders.get((symbol, key))
        if state is None or state.time_in_force in DAYLIKE:
            return
        for kind in (TimerKind.TIME_IN_FORCE, TimerKind.IOC):
            due = self._turns.order_due_ns(state, kind)
            if due is not None:
                self._hint(due, kind, symbol, key)

    def _session_opened(self, event: SessionOpened, _now: int) -> None:
        self._hint_session(event.session_id)

    def _timer_fired(self, event: TimerFired, _now: int) -> None:
        if event.kind is TimerKind.SESSION_ENDS:  # it was only a warning
            self._hint_session(event.key)

    def _hint_session(self, session_id: str) -> None:
        state = self._partition.trading.operations.sessions.get(session_id)
        if state is None:
            return
        due = self._turns.session_due(state)
        if due is not None:
            self._hint(due[1], due[0], "", session_id)

    def _rolled(self, event: TradingDayRolled, now: int) -> None:
        self._look_at_calendar(now, event.calendar)

    def _calendar_changed(self, event: CalendarDefined, now: int) -> None:
        self._closes.pop(event.calendar, None)
        self._watch_calendar(event.calendar, now)

    def _instrument_defined(self, event: InstrumentDefined, now: int) -> None:
        self._watch_calendar(event.calendar, now)

    def _watch_calendar(self, name: str, now: int) -> None:
        """Look at the calendar's orders when the session that a moment belongs to has closed."""
        grace = self._turns.rules.tif_grace_ns
        if self._closes.get(name, 0) > now:
            return
        known, calendar = self._partition.trading.operations.calendar_of(name)
        # Within the grace after a close its expiries are still to come.
        session = session_at(calendar, now - grace) if known else None
        if session is not None:
            self._closes[name] = session[2] + grace
            self._look_at_calendar(max(session[2], self._started_ns) + grace, name)

    def _look_at_calendar(self, due_ns: int, name: str) -> None:
        self._hint(due_ns, TimerKind.TIME_IN_FORCE, "", name)
        self._hint(due_ns, TimerKind.GTC_AGE, "", name)

    # ---- firing --------------------------------------------------------------------------------------------

    def fire(self) -> int:
        """Hand in everything that is due now; how many."""
        now = self._clock()
        firings: list[TimerDue] = []
        while self._order and self._order[0] <= now:
            due_ns = heapq.heappop(self._order)
            for kind, symbol, key in self._hints.pop(due_ns):
                firings += self._firings(kind, symbol, key, due_ns, now)
        for start in range(0, len(firings), self._chunk):
            self._hand_in(firings[start : start + self._chunk], self._again)
        return len(firings)

    def _again(self, firings: list[TimerDue]) -> None:
        later = self._clock() + RETRY_NS
        for due in firings:
            self._hint(later, due.kind, due.symbol, due.key)

    def _firings(self, kind: TimerKind, symbol: str, key: str, due_ns: int, now: int) -> list[TimerDue]:
        if kind in _SESSIONS:
            return self._session_firings(key, due_ns)
        if not symbol:
            return self._calendar_firings(kind, key, due_ns, now)
        state = self._partition.trading.orders.get((symbol, key))
        due = self._turns.order_due_ns(state, kind) if state is not None else None
        return [TimerDue(kind, symbol, key, due_ns)] if due is not None and due <= due_ns else []

    def _session_firings(self, session_id: str, due_ns: int) -> list[TimerDue]:
        state = self._partition.trading.operations.sessions.get(session_id)
        if state is None:
            return []
        found = self._turns.session_due(state)
        if found is None:
            self._operator.heard.pop(session_id, None)
            return []
        if found[1] > due_ns:  # heard of since: look again when that is over
            self._hint(found[1], found[0], "", session_id)
            return []
        return [TimerDue(found[0], "", session_id, due_ns)]

    def _calendar_firings(self, kind: TimerKind, name: str, due_ns: int, now: int) -> list[TimerDue]:
        if kind is TimerKind.TIME_IN_FORCE:
            self._watch_calendar(name, now)
        fold = self._partition.trading
        symbols = {each.symbol for each in fold.instruments if each.calendar == name}
        wanted = DAYLIKE if kind is TimerKind.TIME_IN_FORCE else (TimeInForce.GTC,)
        return [
            TimerDue(kind, *key, due_ns)
            for key, state in fold.orders.states.items()
            if key[0] in symbols
            and state.time_in_force in wanted
            and is_awaited(state)
            and self._is_due(key, state, kind, due_ns)
        ]

    def _is_due(self, key: OrderKey, state: OrderState, kind: TimerKind, due_ns: int) -> bool:
        due = self._turns.order_due_ns(state, kind)
        if due is None or due > due_ns:
            return False
        return (kind, *key) not in self._partition.trading.operations.fired

    async def run(self) -> None:
        """Fire what becomes due until cancelled."""
        while True:
            self._earlier = trio.Event()
            with trio.move_on_after(self._wait_s()):
                await self._earlier.wait()
            self.fire()
            await trio.lowlevel.checkpoint()

    def _wait_s(self) -> float:
        if not self._order:
            return LOOK_EVERY_S
        return min(max(self._order[0] - self._clock(), 0) / 1e9, LOOK_EVERY_S)
