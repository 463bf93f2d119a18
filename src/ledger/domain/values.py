"""Scaled integers and decimal text, exactly, both ways; the only place where Decimal appears.

A price of 10.05 with scale 4 is the integer 100500. Text is `-?digits[.digits]`: no exponent, sign `+`, blank or
separator. Nothing is ever rounded: a digit that the scale does not hold is an error.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ledger.domain.units import INT64_MAX, Money

_INT64_MIN: Final = -INT64_MAX - 1
_DIGITS_MAX: Final = 64
"""Longer text is too large whatever it says; stops a hostile megabyte of digits."""


class DecimalError(ValueError):
    """Text that is not an exact number of the wanted scale; the message says why."""


class NotANumber(DecimalError):
    """The text is not a plain decimal number."""


class TooManyDigits(DecimalError):
    """The number has more digits after the point than the scale holds."""


class TooLarge(DecimalError):
    """The scaled number passes 64 bits."""


def parse_decimal(text: str, scale: int) -> int:
    """The integer `text * 10**scale`; "10.05" with scale 4 is 100500. Zeros beyond the scale are no digits.

    Raises NotANumber, TooManyDigits or TooLarge; never rounds.
    """
    negative = text.startswith("-")
    whole, point, fraction = (text[1:] if negative else text).partition(".")
    digits = whole + fraction
    if not (digits.isdigit() and digits.isascii() and whole and (fraction or not point)):
        raise NotANumber(f"{text[:_DIGITS_MAX]!r} is not a decimal number such as 10.05")
    if len(fraction) > scale:
        fraction = fraction.rstrip("0")
        if len(fraction) > scale:
            raise TooManyDigits(f"{text[:_DIGITS_MAX]} has more than {scale} digits after the point")
        digits = whole + fraction
    if len(digits) > _DIGITS_MAX:
        raise TooLarge(f"{text[:_DIGITS_MAX]}... does not fit in 64 bits")
    value = int(digits) * 10 ** (scale - len(fraction))
    if negative:
        value = -value
    if not _INT64_MIN <= value <= INT64_MAX:
        raise TooLarge(f"{text} with {scale} digits after the point does not fit in 64 bits")
    return value


def format_decimal(value: int, scale: int) -> str:
    """The canonical text of `value * 10**-scale`: no trailing zeros, no point without digits, no -0."""
    if scale == 0:
        return str(value)
    digits = str(abs(value)).rjust(scale + 1, "0")
    fraction = digits[-scale:].rstrip("0")
    text = f"{digits[:-scale]}.{fraction}" if fraction else digits[:-scale]
    return f"-{text}" if value < 0 else text


def to_decimal(value: int, scale: int) -> Decimal:
    """The exact Decimal of a scaled integer, for people and clients."""
    return Decimal(format_decimal(value, scale))


def from_decimal(value: Decimal, scale: int) -> int:
    """The scaled integer of a Decimal; raises like `parse_decimal`."""
    if not value.is_finite():
        raise NotANumber(f"{value} is not a number")
    if not value:
        return 0
    if value.adjusted() > _DIGITS_MAX:
        raise TooLarge(f"{value} does not fit in 64 bits")
    if value.adjusted() < -_DIGITS_MAX:
        raise TooManyDigits(f"{value} has more than {scale} digits after the point")
    return parse_decimal(f"{value:f}", scale)


def to_money(value: int) -> Money:
    """The stored form of an unbounded integer: itself where 64 bits hold it, else decimal text."""
    return value if _INT64_MIN <= value <= INT64_MAX else str(value)
