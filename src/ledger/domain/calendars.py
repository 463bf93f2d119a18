"""Trading calendars: which session a moment belongs to, and when it closes. Sessions are journaled data.

`24/7` is built in: one session a UTC day, from midnight to midnight. Every other calendar is what its newest
CalendarDefined says, so that replay needs no calendar library. A moment between two sessions belongs to the next one.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Final, final

from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection
from ledger.domain.identifiers import fault_of_name
from ledger.domain.operator_commands import CalendarSession, DefineCalendar
from ledger.domain.operator_events import CalendarDefined
from ledger.domain.outcome import Repeated

ALWAYS: Final = "24/7"
DAY_NS: Final = 86_400 * 10**9
SESSIONS_MAX: Final = 50_000
"""About 200 years; keeps the event well inside a frame."""
_EPOCH_DAYS: Final = 719_468
"""Days from 0000-03-01 to 1970-01-01."""


@final
class Calendar(Struct, frozen=True, array_like=True, gc=False):
    """The sessions of a calendar, in order of time."""

    calendar: str
    sessions: tuple[CalendarSession, ...]
    source: str
    version: int


def date_of(ns: int) -> str:
    """The UTC date of a moment, YYYY-MM-DD (Howard Hinnant's days algorithm: no clock, no time zone)."""
    days = ns // DAY_NS + _EPOCH_DAYS
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + 400 * era + (month <= 2)
    return f"{year:04d}-{month:02d}-{day:02d}"


def start_of(date: str) -> int | None:
    """Midnight UTC of a date in nanoseconds; None if it is no date."""
    year_text, month_text, day_text = date[:4], date[5:7], date[8:]
    if not (date.isascii() and f"{year_text}{month_text}{day_text}".isdigit() and len(date) == 10):
        return None
    year, month, day = int(year_text), int(month_text), int(day_text)
    shifted_year = year - (month <= 2)
    era, year_of_era = divmod(shifted_year, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    ns = (era * 146_097 + day_of_era - _EPOCH_DAYS) * DAY_NS
    return ns if date_of(ns) == date else None


@lru_cache(maxsize=4096)
def is_date(text: str) -> bool:
    """Whether the text is a date of the calendar, YYYY-MM-DD; remembered, since every fill of a day asks."""
    return start_of(text) is not None


def session_at(calendar: Calendar | None, ns: int) -> CalendarSession | None:
    """The session that a moment belongs to: the open one, else the next. None after the last. None is `24/7`."""
    if calendar is None:
        start = ns - ns % DAY_NS
        return (date_of(start), start, start + DAY_NS)
    index = bisect_right(calendar.sessions, ns, key=_close)
    return calendar.sessions[index] if index < len(calendar.sessions) else None


def session_of(calendar: Calendar | None, trade_date: str) -> CalendarSession | None:
    """The session of a trading day; None if it is no trading day."""
    if calendar is None:
        start = start_of(trade_date)
        return None if start is None else (trade_date, start, start + DAY_NS)
    index = bisect_right(calendar.sessions, trade_date, key=_date) - 1
    if index >= 0 and calendar.sessions[index][0] == trade_date:
        return calendar.sessions[index]
    return None


def _close(session: CalendarSession) -> int:
    return session[2]


def _date(session: CalendarSession) -> str:
    return session[0]


def decide_calendar(
    state: Calendar | None, command: DefineCalendar, context: Context
) -> list[CalendarDefined] | Rejection | Repeated:
    """CalendarDefined; Repeated if the calendar is exactly so already."""
    fault = fault_of_name("calendar", command.calendar, 50)
    if not fault and command.calendar == ALWAYS:
        fault = f"calendar {ALWAYS} is built in: choose another name"
    fault = fault or _fault_of_sessions(command.sessions)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if state is not None and state.sessions == command.sessions and state.source == command.source:
        return Repeated(0, state.version)
    return [
        CalendarDefined(
            command.calendar,
            command.sessions,
            command.source,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def _fault_of_sessions(sessions: tuple[CalendarSession, ...]) -> str:
    if not 1 <= len(sessions) <= SESSIONS_MAX:
        return f"{len(sessions)} sessions: a calendar has 1 to {SESSIONS_MAX}"
    before: CalendarSession = ("", 0, 0)
    for session in sessions:
        date, opens, closes = session
        if start_of(date) is None:
            return f"trade_date {date!r} is no date such as 2026-11-20"
        if not opens < closes < 2**63:
            return f"session {date} must open before it closes"
        if date <= before[0] or opens < before[2]:
            return f"session {date} must come after {before[0]}, without overlapping it"
        before = session
    return ""
