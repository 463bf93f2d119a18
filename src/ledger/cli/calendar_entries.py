"""Calendars of a definition file: sessions written out, or taken from the exchange-calendars library for a span of days.

What is sent is always the sessions themselves: the journal holds them, and no library is asked at replay.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, cast
from warnings import catch_warnings, simplefilter

from ledger.domain.calendars import is_date
from ledger.errors import Rejected

KEYS: Final = ("calendar", "sessions", "source", "library", "from", "to")
_FROM_LIBRARY: Final = ("library", "from", "to")


def read_calendar(where: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The JSON fields of DefineCalendar; raises Rejected that names the entry and the cure."""
    for key in entry:
        if key not in KEYS:
            raise Rejected(f"{where}: unknown key {key}", f"known: {', '.join(KEYS)}")
    name = entry.get("calendar")
    if not isinstance(name, str) or not name:
        raise Rejected(f"{where}: calendar is missing")
    if "sessions" in entry:
        given = [key for key in _FROM_LIBRARY if key in entry]
        if given:
            raise Rejected(f"{where}: sessions and {given[0]} exclude each other", "keep one of them")
        return _written(where, name, entry)
    missing = [key for key in _FROM_LIBRARY if not isinstance(entry.get(key), str)]
    if missing:
        cure = "list sessions, or give library, from and to, such as library: XNYS, from: 2026-01-01"
        raise Rejected(f"{where}: {missing[0]} is missing", cure)
    return _from_library(where, name, *(entry[key] for key in _FROM_LIBRARY))


def _written(where: str, name: str, entry: dict[str, Any]) -> dict[str, Any]:
    sessions: list[list[Any]] = []
    listed = entry["sessions"]
    if not isinstance(listed, list):
        raise Rejected(f"{where}: sessions is no list", "each is [trade_date, opens, closes]")
    for number, each in enumerate(cast("list[Any]", listed), 1):
        at = f"{where}: sessions[{number}]"
        if not isinstance(each, list) or len(cast("list[Any]", each)) != 3:
            raise Rejected(f"{at} is not [trade_date, opens, closes]")
        date, opens, closes = cast("list[Any]", each)
        if not isinstance(date, str) or not is_date(date):
            raise Rejected(f"{at}: {date!r} is no date such as 2026-11-20")
        sessions.append([date, _moment(at, opens), _moment(at, closes)])
    return {"calendar": name, "sessions": sessions, "source": entry.get("source", "")}


def _moment(where: str, text: Any) -> int:
    """Nanoseconds since the epoch of a moment with its zone, to the microsecond."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Rejected(f"{where}: {text!r} is no moment such as 2026-11-20T14:30:00Z") from None
    if moment.tzinfo is None:
        raise Rejected(f"{where}: {text} names no time zone", "end it in Z, or +01:00")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000


def _from_library(where: str, name: str, library: str, first: str, last: str) -> dict[str, Any]:
    for key, date in (("from", first), ("to", last)):
        if not is_date(date):
            raise Rejected(f"{where}: {key} {date!r} is no date such as 2026-11-20")
    if first > last:
        raise Rejected(f"{where}: from {first} is after to {last}")
    try:
        import exchange_calendars
        from exchange_calendars.errors import CalendarError
    except ImportError:
        cure = 'pip install "ledger-engine[calendars]", or list the sessions'
        raise Rejected(f"{where}: library needs the package exchange-calendars", cure) from None
    try:
        with catch_warnings():
            simplefilter("ignore")  # what the library does with newer versions of its own libraries
            known: Any = exchange_calendars.get_calendar(library, start=first, end=last)
            schedule: Any = known.schedule.loc[first:last]
    except (CalendarError, ValueError) as error:
        why = " ".join(str(error).split())
        raise Rejected(f"{where}: library {library} has no such calendar or days: {why}") from None
    sessions = [
        [f"{day:%Y-%m-%d}", int(opens.value), int(closes.value)]
        for day, opens, closes in zip(schedule.index, schedule["open"], schedule["close"], strict=True)
    ]
    source = f"exchange-calendars {exchange_calendars.__version__} {library}"
    return {"calendar": name, "sessions": sessions, "source": source}
