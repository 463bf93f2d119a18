"""Calendars as data: which session a moment belongs to, and what a calendar may not be."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendars import (
    ALWAYS,
    DAY_NS,
    Calendar,
    date_of,
    decide_calendar,
    session_at,
    session_of,
    start_of,
)
from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection
from ledger.domain.operator_commands import DefineCalendar
from ledger.domain.outcome import Repeated

ID = bytes(16)
HOUR = 3600 * 10**9
MONDAY, TUESDAY = 20_000 * DAY_NS, 20_001 * DAY_NS
TWO = (
    (date_of(MONDAY), MONDAY + 14 * HOUR, MONDAY + 21 * HOUR),
    (date_of(TUESDAY), TUESDAY + 14 * HOUR, TUESDAY + 18 * HOUR),
)
XNYS = Calendar("XNYS", TWO, "", 7)


@given(st.dates(date(1970, 1, 1), date(2262, 4, 10)), st.integers(0, DAY_NS - 1))
def test_a_moment_has_the_date_that_a_library_gives_it(day, within) -> None:
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9
    assert date_of(midnight + within) == day.isoformat()
    assert start_of(day.isoformat()) == midnight


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-13-01", "2026-1-01", "20261-1-1", "", "2026-11-2x", "２026-11-20"]
)
def test_what_is_no_date_has_no_midnight(text) -> None:
    assert start_of(text) is None


def test_a_moment_between_two_sessions_belongs_to_the_next() -> None:
    assert session_at(XNYS, MONDAY) == TWO[0]
    assert session_at(XNYS, TWO[0][2] - 1) == TWO[0]
    assert session_at(XNYS, TWO[0][2]) == TWO[1]
    assert session_at(XNYS, TWO[1][2]) is None


def test_a_day_without_a_session_is_no_trading_day() -> None:
    assert session_of(XNYS, TWO[1][0]) == TWO[1]
    assert session_of(XNYS, date_of(MONDAY + 5 * DAY_NS)) is None


def test_always_open_is_a_session_a_utc_day() -> None:
    assert session_at(None, MONDAY + 5) == (date_of(MONDAY), MONDAY, TUESDAY)
    assert session_of(None, date_of(TUESDAY)) == (date_of(TUESDAY), TUESDAY, TUESDAY + DAY_NS)


def decided(name: str, sessions, state: Calendar | None = None):
    return decide_calendar(state, DefineCalendar(ID, name, sessions), Context(now_ns=1))


def test_equal_sessions_are_defined_once() -> None:
    (event,) = decided("XNYS", TWO)
    assert (event.calendar, event.sessions) == ("XNYS", TWO)
    assert decided("XNYS", TWO, XNYS) == Repeated(0, 7)


@pytest.mark.parametrize(
    ("name", "sessions"),
    [
        (ALWAYS, TWO),
        ("X", ()),
        ("X", (TWO[1], TWO[0])),
        ("X", (TWO[0], TWO[0])),
        ("X", ((TWO[0][0], TWO[0][2], TWO[0][1]),)),
        ("X", (TWO[0], (TWO[1][0], TWO[0][2] - 1, TWO[1][2]))),
        ("X", (("2026-02-30", 1, 2),)),
    ],
)
def test_a_calendar_out_of_order_is_refused(name, sessions) -> None:
    outcome = decided(name, sessions)
    assert isinstance(outcome, Rejection)
    assert outcome.code is Code.MALFORMED
