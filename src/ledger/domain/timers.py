"""Due times: what follows when nothing comes. The venue stays the authority; we only conclude what is safe to.

A due time is derived from an order's or a session's state. When it comes, its firing is an input like any other:
TimerFired and what it decides are journaled, so replay reads no clock. A state that has moved on makes it nothing.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.anomalies import Anomaly
from ledger.domain.calendars import DAY_NS
from ledger.domain.context import Context
from ledger.domain.control_events import MassCancelRequested
from ledger.domain.enums import Closed, Origin, Phase, SessionEnd, TimeInForce, TimerKind
from ledger.domain.events import Event, OrderExpired
from ledger.domain.operator_events import OrderUnconfirmed, SessionClosed, TimerFired
from ledger.domain.order_inquiry import ask
from ledger.domain.order_state import OrderState, is_open, leaves, phase
from ledger.domain.outcome import anomaly
from ledger.domain.scope import Scope
from ledger.domain.sessions import Session

ENGINE: Final = "engine"
"""Source of what the engine concludes by itself."""
DAYLIKE: Final = frozenset((TimeInForce.DAY, TimeInForce.OPG, TimeInForce.CLS))
"""Times in force that end with the trading day."""
AT_ONCE: Final = frozenset((TimeInForce.IOC, TimeInForce.FOK))
_S: Final = 10**9


@final
class TimeRules(Struct, frozen=True, gc=False):
    """The settings of due times; journaled in EngineStarted."""

    ack_timeout_ns: int = 5 * _S
    tif_grace_ns: int = 60 * _S
    ioc_timeout_ns: int = 5 * _S
    gtc_max_days: int = 90
    session_ttl_ns: int = 28_800 * _S
    session_absolute: bool = False
    session_timeout_ns: int = 30 * _S
    session_warning_ns: int = 300 * _S
    """How long before the end of an absolute session it is warned of; 0: never."""
    cancel_on_disconnect: bool = False
    """Whether a lost session's open orders are cancelled."""


def order_due(state: OrderState, kind: TimerKind, day_end_ns: int | None, rules: TimeRules) -> int | None:
    """When the timer of this kind is due for the order as it is now; None if it has none.

    `day_end_ns` is when the order's trading day ends: the close plus the grace, or the roll if that was before.
    """
    if state.closed is not Closed.OPEN:
        return None
    created = state.terms.ts_created
    tif = state.time_in_force
    if kind is TimerKind.ACK:
        waits = not state.acked and not state.unconfirmed
        return created + rules.ack_timeout_ns if waits else None
    if not leaves(state):
        return None
    if kind is TimerKind.TIME_IN_FORCE:
        if tif in DAYLIKE:
            return day_end_ns
        return state.expire_ts + rules.tif_grace_ns if tif is TimeInForce.GTD else None
    if kind is TimerKind.IOC:
        return created + rules.ioc_timeout_ns if tif in AT_ONCE else None
    return created + rules.gtc_max_days * DAY_NS if tif is TimeInForce.GTC else None


def day_begins_ns(state: OrderState) -> int:
    """The moment that says to which trading day a DAY order belongs; one made DAY by a replace, by its last change."""
    terms = state.terms
    return terms.ts_created if terms.time_in_force in DAYLIKE else state.ts_updated


def decide_order(state: OrderState, kind: TimerKind, due_ns: int, context: Context) -> list[Event]:
    """What a due timer makes of an order that it still concerns: TimerFired and its outcome."""
    terms = state.terms
    order_id, symbol, name = terms.order_id, terms.symbol, terms.client_order_id
    fired = TimerFired(kind, name, due_ns, symbol)
    if kind is TimerKind.ACK:
        return [fired, OrderUnconfirmed(symbol, name, terms.strategy_id, terms.exchange, order_id)]
    if kind is TimerKind.TIME_IN_FORCE:
        what = f"{state.time_in_force.name} order {name} was open past its end; the venue had not said so"
        head = (symbol, name, terms.strategy_id, terms.exchange, ENGINE, 0, 0, due_ns, 0, ENGINE)
        expired = OrderExpired(*head, Origin.LOCAL)
        note = anomaly(context, Anomaly.TIF_LOCAL_EXPIRY, what, order_id=order_id, symbol=symbol, beside=1)
        return [fired, expired, note]
    if kind is TimerKind.IOC:
        what = f"{state.time_in_force.name} order {name} has no outcome: the venue is asked for its status"
        note = anomaly(context, Anomaly.IOC_STUCK, what, order_id=order_id, symbol=symbol, beside=0)
        events: list[Event] = [fired, note]
        ask(state, events, context)
        return events
    what = f"GTC order {name} is older than order.gtc_max_days; it stays as it is"
    return [fired, anomaly(context, Anomaly.GTC_OLD, what, order_id=order_id, symbol=symbol, beside=0)]


def is_awaited(state: OrderState) -> bool:
    """Whether any due time may concern the order."""
    return is_open(state) and phase(state) in (Phase.PEND, Phase.LIVE)


def session_warning_ns(state: Session, rules: TimeRules) -> int | None:
    """When the end of the session is to be warned of; None where it can be renewed, or is over before."""
    if not rules.session_absolute or not 0 < rules.session_warning_ns < rules.session_ttl_ns:
        return None
    return state.opened_ns + rules.session_ttl_ns - rules.session_warning_ns


def session_due(
    state: Session, seen_ns: int, rules: TimeRules, *, warned: bool = False
) -> tuple[TimerKind, int] | None:
    """The next due time of a session last heard of at `seen_ns`, of whose end it was `warned`; None once it has ended."""
    if state.end is not None:
        return None
    warning = None if warned else session_warning_ns(state, rules)
    lost = seen_ns + rules.session_timeout_ns
    expires = (state.opened_ns if rules.session_absolute else seen_ns) + rules.session_ttl_ns
    if warning is not None and warning < min(lost, expires):
        return TimerKind.SESSION_ENDS, warning
    if expires <= lost:
        return TimerKind.SESSION_EXPIRED, expires
    return TimerKind.SESSION_LOST, lost


def decide_session(
    state: Session, kind: TimerKind, due_ns: int, rules: TimeRules, context: Context
) -> list[Event]:
    """What a due timer makes of a session; a MassCancelRequested, if its orders are to be cancelled, stands last."""
    if kind is TimerKind.SESSION_ENDS:
        what = (
            f"session {state.session_id} of {state.user_id} ends {rules.session_warning_ns // _S} s from now, however"
            " busy it is: open another; its orders stay"
        )
        return [
            TimerFired(kind, state.session_id, due_ns),
            anomaly(context, Anomaly.SESSION_ENDS, what, beside=0),
        ]
    how = SessionEnd.LOST if kind is TimerKind.SESSION_LOST else SessionEnd.EXPIRED
    why = (
        "neither message nor heartbeat for session.timeout_ms"
        if how is SessionEnd.LOST
        else "session.ttl_s is over"
    )
    events: list[Event] = [
        TimerFired(kind, state.session_id, due_ns),
        SessionClosed(state.session_id, how, why, actor=ENGINE),
    ]
    if how is SessionEnd.LOST and rules.cancel_on_disconnect:
        what = "the session is lost and session.cancel_on_disconnect is set"
        events.append(MassCancelRequested(Scope.SESSION, state.session_id, what, actor=ENGINE))
    return events
