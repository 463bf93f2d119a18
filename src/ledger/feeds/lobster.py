"""LOBSTER pairs, a message file and its book file, to market facts: a book by single orders, of its best levels.

Row k of the book file is the book after message k. Row 0 is the opening snapshot, whose orders nobody named; each
later message is what happened to one order. The files see the best N levels only: a level that is pushed out of sight
is removed, since nothing more is heard of it; a level that moves into the last visible place when another empties is
taken from the book file. Both are facts of their own (BookDelta). Nothing else is taken from there, so that every
row can be compared. A visible execution is two facts, the order's and the print; a hidden one, or a cross, only the
print. Prices have 4 digits, sizes none; the dummy price 9999999999 stands for no level. Times are seconds after
midnight in New York as decimal text, split by its digits and never a float; the day comes from the file's name.
Source: LOBSTER, "Data structure".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Final, final

from msgspec import Struct

from ledger.domain.enums import BookSource, Side
from ledger.domain.facts import MarketData
from ledger.domain.units import Levels
from ledger.feeds.capture import CaptureError, lines
from ledger.feeds.lobster_view import PRICE_SCALE, Message, View, price
from ledger.feeds.terms import At, Recording, Terms, nanoseconds

EXCHANGE: Final = "NASDAQ"
DUMMY: Final = 9_999_999_999
FIRST_YEAR: Final = 2007
"""LOBSTER's first year, and that of the present daylight saving rule of the United States."""
_NAME = re.compile(r"(?P<symbol>[^_]+)_(?P<day>\d{4}-\d{2}-\d{2})_").match


@final
class Pair(Struct, frozen=True):
    """The two files, and what they are of."""

    messages: Path
    book: Path
    terms: Terms
    midnight_ns: int
    """Of the session's day in New York."""


@final
class Row(Struct, frozen=True):
    """One message, and the book after it."""

    number: int
    """From 0."""
    event_time_ns: int
    facts: tuple[MarketData, ...]
    bids: Levels
    """As the book file shows them, best first."""
    asks: Levels


def inspect(messages: Path, book: Path, symbol: str = "", day: str = "") -> Pair:
    """What the pair is of: from `symbol` and `day` (YYYY-MM-DD) or the message file's name. Raises CaptureError."""
    named = _NAME(messages.name)
    symbol = symbol or (named["symbol"] if named else "")
    day = day or (named["day"] if named else "")
    if not symbol or not day:
        raise CaptureError(
            f"{messages}: its name does not begin with SYMBOL_YYYY-MM-DD_", "add --symbol S --date YYYY-MM-DD"
        )
    midnight_ns = _midnight_ns(messages, day)
    first = next(lines(messages), b"")
    if not first.strip():
        raise CaptureError(f"{messages}: is empty", "name a message file of LOBSTER")
    epoch = midnight_ns + _message(messages, 0, first).after_midnight_ns
    terms = Terms(
        symbol, symbol, EXCHANGE, BookSource.COUNTED, PRICE_SCALE, 0, f"lobster/{symbol}", epoch, "USD"
    )
    return Pair(messages, book, terms, midnight_ns)


def recordings(pair: Pair) -> list[Recording]:
    """The pair, ready to be fed."""
    return [Recording(pair.messages, (pair.terms,), partial(_facts, pair), has_levels=False)]


def _facts(pair: Pair, terms: Sequence[Terms], at: At | None) -> Iterator[tuple[int, MarketData]]:
    for row in rows(pair, terms[0], at):
        for fact in row.facts:
            yield row.event_time_ns, fact


def rows(pair: Pair, terms: Terms, at: At | None = None) -> Iterator[Row]:
    """Every row with its facts, in order; raises CaptureError, also where one file is longer than the other."""
    view: View | None = None
    both = zip_longest(lines(pair.messages, at), lines(pair.book))
    for number, (said, shown) in enumerate(both):
        if not (said and said.strip() and shown and shown.strip()):
            if not (said or b"").strip() and not (shown or b"").strip():
                continue
            short = pair.book if (said or b"").strip() else pair.messages
            raise CaptureError(f"{short}: has no row {number}", "both files have a row for each message")
        message = _message(pair.messages, number, said)
        bids, asks, depth = _levels(pair.book, number, shown, terms)
        event_time_ns = pair.midnight_ns + message.after_midnight_ns
        if view is None:
            view = View(terms, depth)
        try:
            facts = view.take(message, event_time_ns, {Side.BUY: bids, Side.SELL: asks})
        except ValueError as error:
            raise CaptureError(f"{pair.messages} row {number}: {error}", "fetch the file again") from None
        yield Row(number, event_time_ns, facts, bids, asks)


def _message(path: Path, number: int, raw: bytes) -> Message:
    parts = raw.decode("ascii", "replace").strip().split(",")
    try:
        at, kind, order_ref, qty, px, direction = parts[:6]
        after_ns = nanoseconds(at)
        side = {1: Side.BUY, -1: Side.SELL}[int(direction)]
        return Message(after_ns, int(kind), str(int(order_ref)), int(qty), int(px), side)
    except (ValueError, KeyError):
        what = "is not time,type,order id,size,price,direction"
        raise CaptureError(f"{path} row {number}: {what}", "fetch the file again") from None


def _levels(path: Path, number: int, raw: bytes, terms: Terms) -> tuple[Levels, Levels, int]:
    """(bids, asks, how many levels of each side the file shows)."""
    try:
        values = [int(each) for each in raw.split(b",")]
    except ValueError:
        values = []
    if not values or len(values) % 4:
        what = "is not ask price,ask size,bid price,bid size for each level"
        raise CaptureError(f"{path} row {number}: {what}", "fetch the file again")
    qty_unit: int = 10**terms.qty_scale
    try:
        sides = [
            tuple(
                [
                    (price(values[at], terms.price_scale), values[at + 1] * qty_unit)
                    for at in range(first, len(values), 4)
                    if abs(values[at]) != DUMMY
                ]
            )
            for first in (2, 0)
        ]
    except ValueError as error:
        raise CaptureError(f"{path} row {number}: {error}", "define the symbol with price_scale 4") from None
    return sides[0], sides[1], len(values) // 4


def _midnight_ns(path: Path, day: str) -> int:
    """UTC time of midnight in New York, by the rule since 2007: daylight saving from March to November."""
    try:
        session = date.fromisoformat(day)
    except ValueError:
        raise CaptureError(f"{path}: {day!r} is no day", "--date YYYY-MM-DD") from None
    if session.year < FIRST_YEAR:
        raise CaptureError(f"{path}: {day} is before {FIRST_YEAR}, LOBSTER's first year", "look at --date")
    begins, ends = _sunday(date(session.year, 3, 8)), _sunday(date(session.year, 11, 1))
    hours = 4 if begins < session <= ends else 5
    midnight = datetime(session.year, session.month, session.day, tzinfo=UTC) + timedelta(hours=hours)
    return int(midnight.timestamp()) * 10**9


def _sunday(day: date) -> date:
    """The first Sunday from that day on."""
    return day + timedelta(days=6 - day.weekday())
