"""Scaled integers to decimal text and back, exactly."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation


class DecimalError(ValueError):
    """Text that is no decimal number of the given scale."""


def parse_decimal(text: str, scale: int) -> int:
    """The integer of a decimal text at a scale; raises DecimalError."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise DecimalError("is not a decimal number") from None
    if not value.is_finite():
        raise DecimalError("is not a decimal number")
    scaled = value.scaleb(scale)
    if scaled != scaled.to_integral_value():
        raise DecimalError(f"has more than {scale} digits after the point")
    return int(scaled)


def format_decimal(value: int, scale: int) -> str:
    """Decimal text without trailing zeros."""
    text = f"{Decimal(value).scaleb(-scale):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
