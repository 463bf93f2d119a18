"""What the runners of each kind of vector share: the journal's codec, and how a difference is said."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ledger.codec import decode_events, encode_events
from ledger.domain.events import Event

Case = dict[str, Any]
Named = Iterator[tuple[str, Case]]


class Difference(Exception):
    """A case gave something else than it says; the text tells where, what was wanted and what came."""


def expect(where: str, wanted: object, got: object) -> None:
    """Raises Difference unless both are equal."""
    if wanted != got:
        raise Difference(f"{where}: wanted {wanted}, got {got}")


def journaled(event: Event) -> Event:
    """The event as the journal gives it back."""
    return decode_events(encode_events([event]))[0]


def scaled(text: object, scale: int) -> int:
    """Decimal text as an integer of 10^-scale; Difference if it has more digits."""
    value = Fraction(str(text)) * 10**scale
    if value.denominator != 1:
        raise Difference(f"{text} has more than {scale} digits")
    return value.numerator


def named(cases: object) -> Named:
    """The cases of a group with their names, whether it is a list or a dict by name."""
    if isinstance(cases, dict):
        yield from cases.items()
    elif isinstance(cases, list):
        for index, case in enumerate(cases):
            yield case.get("name", f"#{index}"), case
    else:
        raise Difference(f"a list or an object of cases was expected, not {type(cases).__name__}")
