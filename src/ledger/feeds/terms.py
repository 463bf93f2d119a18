"""What a capture is of, how its text becomes integers, and the instrument that follows for a ledger that lacks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, final

from msgspec import Struct

from ledger.domain.context import Instrument
from ledger.domain.enums import BookSource
from ledger.domain.facts import MarketData

At = Callable[[int], None]
"""Told now and then how many bytes of the file, as it lies on disk, are read."""


@final
class Terms(Struct, frozen=True):
    """What a capture is of, and how its text becomes integers."""

    symbol: str
    stream_symbol: str
    """As the venue writes it."""
    exchange: str
    continuity: BookSource
    price_scale: int
    qty_scale: int
    source: str
    source_epoch: int
    """Local time of the file's first line, ns: each file is a run of its own."""
    quote_ccy: str
    exact: bool = False
    """The scales are the venue's own digits, which its checksums are made of; no others will do."""


@final
class Recording(Struct, frozen=True):
    """A capture that is ready to be fed or checked."""

    path: Path
    terms: tuple[Terms, ...]
    """Of each instrument in it."""
    facts: Callable[[Sequence[Terms], At | None], Iterator[tuple[int, MarketData]]]
    """(local time in ns, fact) at the scales of the terms given, in order; raises CaptureError."""
    has_levels: bool = True
    """It shows levels, so that a book which asks for a snapshot can be given one; False where it shows single orders."""


def scaled(text: str, scale: int) -> int:
    """The integer of a decimal text at `scale`; raises ValueError where digits would be lost or it is no number."""
    whole, _, digits = text.partition(".")
    if len(digits) != scale:
        if digits[scale:].strip("0"):
            raise ValueError(f"{text} has more than {scale} digits after the point")
        digits = digits[:scale].ljust(scale, "0")
    if not text.replace(".", "", 1).removeprefix("-").isdecimal():
        raise ValueError(f"{text!r} is not a decimal number")
    return int(whole + digits)


def nanoseconds(text: str) -> int:
    """Seconds as decimal text to whole nanoseconds, by its digits; what is finer is cut off. Raises ValueError."""
    whole, _, digits = text.partition(".")
    if not (whole + digits).isdecimal():
        raise ValueError(f"{text!r} is not a time in seconds")
    return int(whole + digits[:9].ljust(9, "0"))


def definition(terms: Terms) -> dict[str, Any]:
    """The instrument that a capture's terms imply, for a ledger that lacks it."""
    return {
        "symbol": terms.symbol,
        "exchange": terms.exchange,
        "price_scale": terms.price_scale,
        "qty_scale": terms.qty_scale,
        "tick": _unit(terms.price_scale),
        "lot": _unit(terms.qty_scale),
        "quote_ccy": terms.quote_ccy,
    }


def instrument(terms: Terms) -> Instrument:
    """The same instrument as the book's code wants it."""
    return Instrument(
        terms.symbol,
        terms.exchange,
        terms.price_scale,
        terms.qty_scale,
        1,
        1,
        100_000_000,
        terms.quote_ccy,
        False,
        False,
        "24/7",
    )


def _unit(scale: int) -> str:
    return f"0.{'1'.rjust(scale, '0')}" if scale else "1"
