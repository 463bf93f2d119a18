"""Lines of Binance's combined streams to market facts, exactly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st

import given_capture as given
from ledger.domain.enums import BookSource, Side
from ledger.domain.facts import BookDelta, BookSnapshot, MarketTrade, Quote
from ledger.feeds import CaptureError
from ledger.feeds.binance import facts, inspect, inspect_all
from ledger.feeds.terms import scaled

HEAD = ("binance/BTCUSDT", given.BEGAN_NS)


def read(path: Path, symbol: str = "") -> list:
    return [fact for _, fact in facts(path, inspect(path, symbol))]


def test_every_kind_of_spot_message_becomes_its_fact(tmp_path: Path) -> None:
    messages = (
        given.depth(1, 5, [("99.10000000", "1.00000001")], [("101.00000000", "0.00000000")]),
        given.snapshot(6, [("99.00000000", "2.00000000")]),
        given.ticker(6, ("99.00000000", "2.00000000"), ("99.00000001", "3.00000000")),
        given.trade("99.00000000", "0.50000000", 42),
        given.trade("98.00000000", "0.50000000", 43, buyer_is_maker=True),
    )
    path = given.write(tmp_path / "a", messages)
    at = [given.BEGAN_NS + number * given.STEP_NS for number in range(5)]
    coin = 10**8
    assert read(path) == [
        BookDelta(
            *HEAD,
            1,
            "BTCUSDT",
            "BINANCE",
            1,
            5,
            ((9_910_000_000, coin + 1),),
            ((101 * coin, 0),),
            1_723_161_255_208_000_000,
        ),
        BookSnapshot(*HEAD, 2, "BTCUSDT", "BINANCE", 6, ((99 * coin, 2 * coin),), (), at[1]),
        Quote(*HEAD, 3, "BTCUSDT", "BINANCE", 99 * coin, 2 * coin, 99 * coin + 1, 3 * coin, 6, at[2]),
        MarketTrade(
            *HEAD, 4, "BTCUSDT", "BINANCE", 99 * coin, coin // 2, Side.BUY, "42", 1_723_161_255_300_000_000
        ),
        MarketTrade(
            *HEAD, 5, "BTCUSDT", "BINANCE", 98 * coin, coin // 2, Side.SELL, "43", 1_723_161_255_300_000_000
        ),
    ]
    assert [local for local, _ in facts(path, inspect(path))] == at


def test_the_same_file_gives_the_same_facts_again(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a.gz")
    assert read(path) == read(path)


def test_a_stream_that_has_no_place_here_takes_no_number(tmp_path: Path) -> None:
    other = {"stream": "btcusdt@aggTrade", "data": {"e": "aggTrade"}}
    path = given.write(tmp_path / "a", (given.SOUND[0], other, given.SOUND[1]))
    assert [fact.source_seq for fact in read(path)] == [1, 2]


def test_futures_take_their_digits_from_the_text_and_a_name_of_their_own(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a", (given.depth(5, 9, [("58710.20", "0.014")], pu=4),))
    terms = inspect(path)
    assert (terms.symbol, terms.price_scale, terms.qty_scale) == ("BTCUSDT-PERP", 2, 3)
    [delta] = read(path)
    assert (delta.prev_update, delta.continuity) == (4, BookSource.FUTURES)
    assert delta.bids == ((5_871_020, 14),)


def test_a_name_given_wins_over_the_stream(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a")
    assert {fact.symbol for fact in read(path, "XBT")} == {"XBT"}
    assert inspect(path, "XBT").source == "binance/XBT"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (given.trade("1.123456789", "1"), "more than 8 digits"),
        (given.trade("1e5", "1"), "is not a decimal number"),
        (given.trade("", "1"), "is not a decimal number"),
        (given.trade("NaN", "1"), "is not a decimal number"),
        (given.trade(10.05, "1"), "Expected `str`, got `float`"),
        ({"stream": "ethusdt@trade", "data": {}}, "a message of ethusdt"),
        ({"stream": "btcusdt@trade", "data": {"p": "1"}}, "missing required field"),
    ],
)
def test_a_message_that_cannot_be_read_exactly_is_refused_by_its_line(tmp_path: Path, message, said) -> None:
    path = given.write(tmp_path / "a")
    terms = inspect(path)
    given.write(path, (*given.SOUND, message))
    with pytest.raises(CaptureError, match=f"a line 8: .*{said}"):
        list(facts(path, terms))


def test_a_capture_of_two_symbols_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    two = given.write(tmp_path / "two", (given.SOUND[0], {"stream": "ethusdt@trade", "data": {}}))
    with pytest.raises(CaptureError, match="holds 2 symbols"):
        inspect(two)
    none = tmp_path / "none"
    none.write_text("hello\n")
    with pytest.raises(CaptureError, match="line 1: does not begin with a time"):
        inspect(none)
    none.write_text("")
    with pytest.raises(CaptureError, match="names no stream"):
        inspect(none)


@settings(deadline=None, max_examples=300)
@given_values(st.integers(-(10**17), 10**17), st.integers(0, 12), st.integers(0, 3))
def test_scaling_is_what_decimal_says(value: int, scale: int, zeros: int) -> None:
    shown = f"{Decimal(value).scaleb(-scale):f}"
    padded = shown + "0" * zeros if "." in shown else shown
    assert scaled(padded, scale) == value


@settings(deadline=None, max_examples=300)
@given_values(st.integers(0, 10**12), st.integers(1, 8))
def test_digits_beyond_the_scale_are_never_rounded_away(value: int, scale: int) -> None:
    shown = f"{Decimal(value).scaleb(-scale):f}"
    if value % 10:
        with pytest.raises(ValueError, match="digits after the point"):
            scaled(shown, scale - 1)
    else:
        assert scaled(shown, scale - 1) == value // 10


def test_one_name_for_spot_and_its_perpetual_is_refused(tmp_path: Path) -> None:
    spot = given.write(tmp_path / "spot")
    perpetual = given.write(tmp_path / "perpetual", (given.depth(5, 9, [("58710.20", "0.014")], pu=4),))
    assert [terms.symbol for terms in inspect_all([spot, perpetual])] == ["BTCUSDT", "BTCUSDT-PERP"]
    with pytest.raises(CaptureError, match="perpetual is of another instrument"):
        inspect_all([spot, perpetual], "XBT")


def test_captures_of_one_instrument_share_the_finest_digits(tmp_path: Path) -> None:
    coarse = given.write(tmp_path / "a", (given.depth(5, 9, [("58710.2", "0.0140")], pu=4),))
    fine = given.write(tmp_path / "b", (given.depth(10, 11, [("58710.20", "0.014")], pu=9),))
    assert {(each.price_scale, each.qty_scale) for each in inspect_all([coarse, fine])} == {(2, 4)}
