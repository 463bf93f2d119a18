"""Prices that an instrument cannot have: off the tick, outside its sanity band, or negative where they may not be."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.domain.book import mark
from ledger.domain.book_view import best
from ledger.testing.made_market import BTC, Feed, delta, quote, snapshot, trade

DELTA = ["BookDeltaApplied"]
BANDED = replace(BTC, px_min=9000, px_max=11000)


def test_a_level_outside_the_band_is_in_the_book_but_not_in_the_mark() -> None:
    feed = Feed(snapshot(100, [(10000, 5), (11001, 1)], [(11002, 5), (9_999_999_999, 1)]), instrument=BANDED)
    assert feed.anomalies == ["BOOK_BAD_PRICE"]
    assert feed.take(delta(101, 101, [(11001, 0), (9000, 1)], [(11000, 2)])) == DELTA
    assert mark(feed.live) == 21000
    assert best(feed.live) == ((10000, 5), (11000, 2))
    assert feed.take(delta(102, 102, [(8999, 1)], [(11001, 1)])) == [*DELTA, "BOOK_BAD_PRICE"]
    assert feed.live.bad_prices == {8999, 11001, 11002, 9_999_999_999}
    assert feed.take(delta(103, 103, [(8999, 0)])) == DELTA, "a level that goes is not judged"


@pytest.mark.parametrize(("tick", "px", "good"), [(1, 9000, 1), (1, 8999, 0), (2, 11000, 1), (2, 11002, 0)])
def test_the_bounds_of_the_band_are_prices_that_can_be(tick: int, px: int, good: int) -> None:
    feed = Feed(instrument=replace(BANDED, tick=tick))
    names = [name for fact in (snapshot(1, [(px, 1)]), delta(2, 2, [(px, 2)])) for name in feed.take(fact)]
    assert names.count("BOOK_BAD_PRICE") == (0 if good else 2)
    half = Feed(instrument=replace(BANDED, px_min=None, tick=tick))
    assert "BOOK_BAD_PRICE" not in half.take(snapshot(1, [(8998, 1)]))


def test_a_trade_outside_the_band_is_the_last_trade_but_makes_no_mark() -> None:
    feed = Feed(trade(10000), instrument=BANDED)
    assert feed.take(trade(11001)) == ["MarketTraded", "BOOK_BAD_PRICE"]
    assert feed.live.trade is not None
    assert feed.live.sound_trade is not None
    assert (feed.live.trade.px, feed.live.sound_trade.px) == (11001, 10000)
    assert feed.live.statistics.trades == 2
    assert feed.take(trade(11000)) == ["MarketTraded"]
    assert feed.take(trade(0)) == ["MarketTraded", "BOOK_BAD_PRICE"]
    midpoint = Feed(trade(10001), instrument=replace(BANDED, tick=2))
    assert midpoint.anomalies == [], "a print between two ticks is a price"
    assert Feed(trade(-3), instrument=replace(BTC, allow_negative_px=True)).anomalies == []


@pytest.mark.parametrize(
    ("bid", "ask", "good"),
    [(9000, 11000, True), (8999, 11000, False), (9000, 11001, False), (-1, 11000, False), (10, 20, False)],
)
def test_a_quote_outside_the_band_is_recorded(bid: int, ask: int, good: bool) -> None:
    feed = Feed(quote(bid, ask), instrument=BANDED)
    assert feed.anomalies == ([] if good else ["BOOK_BAD_PRICE"])
    assert feed.live.quote is not None


def test_a_quote_off_the_tick_is_recorded_and_a_side_that_is_not_there_is_not_judged() -> None:
    assert Feed(quote(10000, 10001), instrument=replace(BTC, tick=2)).anomalies == ["BOOK_BAD_PRICE"]
    assert Feed(quote(9999, 10000), instrument=replace(BTC, tick=2)).anomalies == ["BOOK_BAD_PRICE"]
    assert Feed(replace(quote(0, 10001), bid_qty=0)).anomalies == []
    assert Feed(replace(quote(10001, 0), ask_qty=0)).anomalies == []
    assert Feed(quote(0, 10001)).anomalies == ["BOOK_BAD_PRICE"]
