"""Decimal text and scaled integers are the same number, exactly, or an error says why not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.units import INT64_MAX
from ledger.domain.values import (
    DecimalError,
    NotANumber,
    TooLarge,
    TooManyDigits,
    format_decimal,
    from_decimal,
    parse_decimal,
    to_decimal,
    to_money,
)

INT64 = st.integers(-(2**63), INT64_MAX)


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [
        ("10.05", 4, 100500),
        ("-0.0001", 4, -1),
        ("100", 0, 100),
        ("100.000", 0, 100),
        ("0.10", 1, 1),
        ("007", 2, 700),
        ("-0", 4, 0),
        ("9223372036854775807", 0, INT64_MAX),
        ("-9223372036854775808", 0, -(2**63)),
    ],
)
def test_text_is_read_exactly(text: str, scale: int, value: int) -> None:
    assert parse_decimal(text, scale) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        ".5",
        "5.",
        "+1",
        "1e3",
        " 1",
        "1 ",
        "1_000",
        "1,5",
        "--1",
        "1.2.3",
        "²",
        "١",
        "NaN",
        "0x1",
        "1.-5",
    ],
)
def test_what_is_not_a_plain_decimal_number_is_no_number(text: str) -> None:
    with pytest.raises(NotANumber, match="is not a decimal number"):
        parse_decimal(text, 4)


def test_a_digit_beyond_the_scale_is_an_error_never_rounded() -> None:
    with pytest.raises(TooManyDigits, match=r"10\.00001 has more than 4 digits after the point"):
        parse_decimal("10.00001", 4)


@pytest.mark.parametrize(
    ("text", "scale"),
    [("9223372036854775808", 0), ("-9223372036854775809", 0), ("1000000000", 12), ("9" * 10_000, 0)],
)
def test_what_passes_64_bits_is_too_large(text: str, scale: int) -> None:
    with pytest.raises(TooLarge):
        parse_decimal(text, scale)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (100500, 4, "10.05"),
        (-1, 4, "-0.0001"),
        (0, 8, "0"),
        (100, 0, "100"),
        (-2500, 2, "-25"),
        (10, 3, "0.01"),
    ],
)
def test_text_is_canonical(value: int, scale: int, text: str) -> None:
    assert format_decimal(value, scale) == text


@settings(deadline=None, max_examples=300)
@given(INT64, st.integers(0, 12))
def test_every_integer_survives_its_text_and_its_decimal(value: int, scale: int) -> None:
    text = format_decimal(value, scale)
    assert parse_decimal(text, scale) == value
    assert "." not in text or not text.endswith("0")
    assert Decimal(text).scaleb(scale) == value
    assert from_decimal(to_decimal(value, scale), scale) == value


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=30), st.integers(0, 12))
def test_any_text_is_a_number_or_a_typed_error(text: str, scale: int) -> None:
    try:
        value = parse_decimal(text, scale)
    except DecimalError:
        return
    assert Decimal(text).scaleb(scale) == value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("NaN", NotANumber),
        ("Infinity", NotANumber),
        ("1E+100", TooLarge),
        ("1E-100", TooManyDigits),
        ("0.123", TooManyDigits),
    ],
)
def test_a_decimal_that_does_not_fit_is_a_typed_error(value: str, error: type[DecimalError]) -> None:
    with pytest.raises(error):
        from_decimal(Decimal(value), 2)


def test_a_decimal_with_an_exponent_is_read_exactly() -> None:
    assert from_decimal(Decimal("1.5E+3"), 2) == 150_000
    assert from_decimal(Decimal("0E-100"), 2) == 0


def test_money_is_an_integer_while_64_bits_hold_it_and_text_beyond() -> None:
    assert to_money(INT64_MAX) == INT64_MAX
    assert to_money(-(2**63)) == -(2**63)
    assert to_money(INT64_MAX + 1) == "9223372036854775808"
    assert to_money(-(2**63) - 1) == "-9223372036854775809"
