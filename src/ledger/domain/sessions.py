"""Sessions of people and programs: opened, kept alive by what they send, closed, expired or lost.

An order may name a session, which must then be open; a cancel is never refused for its session. Time enters only by
journaled timers, so replay reads no clock.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection
from ledger.domain.enums import SessionEnd
from ledger.domain.identifiers import fault_of_name
from ledger.domain.operator_commands import CloseSession, OpenSession, TouchSession
from ledger.domain.operator_events import SessionClosed, SessionOpened, SessionTouched
from ledger.domain.outcome import Repeated

TOUCH_EVERY_NS: Final = 30 * 10**9
"""A session is touched in the journal at most this often."""
SESSION_ID_MAX: Final = 64


@final
class Session(Struct, frozen=True, array_like=True, gc=False):
    """A session as the journal knows it."""

    session_id: str
    user_id: str
    opened_ns: int
    touched_ns: int
    """recorded_at_ns of the newest journaled sign of life."""
    end: SessionEnd | None
    """None while it is open."""
    ended_ns: int
    version: int


SessionEvent = SessionOpened | SessionTouched | SessionClosed


def evolve(state: Session | None, event: SessionEvent, seq: int, recorded_at_ns: int) -> Session:
    """The session after `event`; a closed one may be opened anew."""
    at = recorded_at_ns
    if type(event) is SessionOpened:
        return Session(event.session_id, event.user_id, at, at, None, 0, seq)
    assert state is not None
    if type(event) is SessionTouched:
        return Session(state.session_id, state.user_id, state.opened_ns, at, state.end, state.ended_ns, seq)
    assert type(event) is SessionClosed
    return Session(state.session_id, state.user_id, state.opened_ns, state.touched_ns, event.how, at, seq)


def is_open(state: Session | None) -> bool:
    """Whether orders may name it."""
    return state is not None and state.end is None


def not_open(session_id: str, state: Session | None) -> Rejection:
    """SESSION_CLOSED, with what to do."""
    if state is None or state.end is None:
        return Rejection(Code.SESSION_CLOSED, f"session {session_id} is not open: send OpenSession first")
    return Rejection(
        Code.SESSION_CLOSED, f"session {session_id} has ended ({state.end.name}): send OpenSession again"
    )


def decide_open(
    state: Session | None, command: OpenSession, context: Context
) -> list[SessionOpened] | Rejection | Repeated:
    """SessionOpened; Repeated if the user has it open already."""
    fault = fault_of_name("session_id", command.session_id, SESSION_ID_MAX) or fault_of_name(
        "user_id", command.user_id, SESSION_ID_MAX
    )
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if state is not None and state.end is None:
        if state.user_id == command.user_id:
            return Repeated(0, state.version)
        detail = f"session {command.session_id} is open for {state.user_id}: take another session_id"
        return Rejection(Code.NOT_AUTHORISED, detail)
    return [
        SessionOpened(
            command.session_id,
            command.user_id,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def decide_touch(
    state: Session | None, command: TouchSession, context: Context
) -> list[SessionTouched] | Rejection | Repeated:
    """SessionTouched; Repeated where the journal has a sign of life of the last 30 seconds."""
    if state is None or state.end is not None:
        return not_open(command.session_id, state)
    if context.now_ns - state.touched_ns < TOUCH_EVERY_NS:
        return Repeated(0, state.version)
    return [
        SessionTouched(
            command.session_id,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def decide_close(
    state: Session | None, command: CloseSession, context: Context
) -> list[SessionClosed] | Rejection | Repeated:
    """SessionClosed; Repeated if it has ended already."""
    if state is None:
        return not_open(command.session_id, state)
    if state.end is not None:
        return Repeated(0, state.version)
    return [
        SessionClosed(
            command.session_id,
            SessionEnd.CLOSED,
            command.reason,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]
