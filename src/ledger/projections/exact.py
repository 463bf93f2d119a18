"""Scaled integers as exact Decimals, and nanoseconds as UTC times: what databases want instead of the journal's units."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

import msgspec

from ledger.domain.units import FEE_SCALE

_WIDE: Final = Context(prec=200, rounding=ROUND_HALF_EVEN)
"""Wider than any product of two 64-bit integers, so that nothing is rounded by accident."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED: Final = 16_384
AVERAGE_DIGITS: Final = 8
"""More digits than the price that an average is rounded to, half to even; the exact cost stands beside it."""


@functools.lru_cache(maxsize=_REMEMBERED)  # the same prices and sizes come again and again
def exact(value: int, scale: int) -> Decimal:
    """`value * 10**-scale`, exactly."""
    return Decimal(value).scaleb(-scale, _WIDE)


def exact_or_none(value: int | None, scale: int) -> Decimal | None:
    """The same; None stays None."""
    return None if value is None else exact(value, scale)


def average(ratio: tuple[int, int] | None, scale: int) -> Decimal | None:
    """numerator / denominator in units of 10^-scale, rounded to `scale + AVERAGE_DIGITS` digits; None: there is none."""
    if ratio is None:
        return None
    whole, rest = divmod(*ratio)
    if not rest:  # all fills at one price, most often
        return _without_zeros(whole, scale)
    exact_ratio = _WIDE.divide(Decimal(ratio[0]), Decimal(ratio[1])).scaleb(-scale, _WIDE)
    return exact_ratio.quantize(Decimal(1).scaleb(-(scale + AVERAGE_DIGITS)), context=_WIDE).normalize(_WIDE)


@functools.lru_cache(maxsize=_REMEMBERED)
def _without_zeros(value: int, scale: int) -> Decimal:
    return exact(value, scale).normalize(_WIDE)


@functools.lru_cache(maxsize=_REMEMBERED)  # a frame's events share their time, and orders keep theirs
def utc_time(ns: int) -> datetime:
    """Nanoseconds since the epoch as a time with zone, cut to microseconds; the `*_ns` column has the rest."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def utc_time_or_none(ns: int) -> datetime | None:
    """The same; 0 is unknown."""
    return utc_time(ns) if ns else None


@functools.lru_cache(maxsize=_REMEMBERED)
def fees_text(fees: tuple[tuple[str, int], ...]) -> str:
    """Fees by currency as JSON text with exact decimals, "{}" for none."""
    if not fees:
        return "{}"
    shown = {currency: f"{exact(amount, FEE_SCALE).normalize(_WIDE):f}" for currency, amount in sorted(fees)}
    return msgspec.json.encode(shown).decode()
