"""Which price is a mark: each step of the policy, and what withholds it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.domain.enums import TradingPhase
from ledger.domain.events import EngineStarted
from ledger.domain.mark_policy import SPREAD_MAX, Caps, caps_of, mid_of, reference_of, valuation_of
from ledger.domain.trading_day import EARLIER_SETTLEMENT, Settlement, mark_of
from ledger.testing.made_market import Feed, delta, phase, snapshot, trade

BOOK = snapshot(100, [(10000, 5)], [(10100, 5)], event_time_ns=1000)
SETTLED = Settlement("BTCUSDT", "2026-11-24", 7000, 3)
CAPS = Caps(100, 500)
"""100 basis points, 500 ns."""


def price_of(feed: Feed, settlement: Settlement | None = None) -> tuple[int, str] | None:
    found = valuation_of(feed.book, settlement, CAPS)
    return None if found is None else (found.twice_px, found.came_from)


def test_the_mid_of_a_sound_book_comes_first() -> None:
    feed = Feed(BOOK, trade(9000, event_time_ns=1000))
    assert price_of(feed, SETTLED) == (20100, "BOOK")


@pytest.mark.parametrize(
    "withheld",
    [
        pytest.param([delta(103, 103, event_time_ns=1001)], id="stale"),
        pytest.param([delta(101, 101, [(10101, 1)], event_time_ns=1001)], id="crossed"),
        pytest.param([delta(101, 101, [], [(10100, 0)], event_time_ns=1001)], id="one-sided"),
        pytest.param([delta(101, 101, [], [(10100, 0), (10102, 1)], event_time_ns=1001)], id="too wide"),
        pytest.param([phase(TradingPhase.AUCTION)], id="auction"),
        pytest.param([phase(TradingPhase.HALTED)], id="halted"),
        pytest.param([phase(TradingPhase.CLOSED)], id="closed"),
        pytest.param([phase(TradingPhase.PRE_OPEN)], id="before the open"),
    ],
)
def test_without_a_mid_a_young_trade_then_the_settlement_then_nothing(withheld: list) -> None:
    feed = Feed(BOOK, *withheld)
    assert (price_of(feed), price_of(feed, SETTLED)) == (None, (14000, "SETTLEMENT"))
    feed.take(trade(9000, event_time_ns=2000))
    assert price_of(feed, SETTLED) == (18000, "TRADE")


def test_a_trade_older_than_the_cap_before_the_book_s_last_event_is_no_price() -> None:
    feed = Feed(trade(9000, event_time_ns=1000), phase(TradingPhase.AUCTION), delta(1, 1, event_time_ns=1500))
    assert price_of(feed, SETTLED) == (18000, "TRADE")
    feed.take(delta(2, 2, event_time_ns=1501))
    assert price_of(feed, SETTLED) == (14000, "SETTLEMENT")


@pytest.mark.parametrize(("cap", "mid"), [(99, None), (100, 20100), (0, 20100)])
def test_a_spread_of_just_the_cap_still_gives_a_mid(cap: int, mid: int | None) -> None:
    """101 of 10,050 are 100.5 basis points, 100 are 99.5."""
    feed = Feed(BOOK)
    assert mid_of(feed.live, cap) == mid
    feed.take(delta(101, 101, [(9999, 5), (10000, 0)]))
    assert mid_of(feed.live, 100) is None


def test_a_trade_outside_the_band_leaves_the_mark_to_the_one_before() -> None:
    banded = replace(Feed().instrument, px_max=9600)
    feed = Feed(trade(9500, event_time_ns=1400), trade(9601, event_time_ns=1450), instrument=banded)
    reference = reference_of(feed.book, SETTLED, CAPS, 1500)
    assert reference is not None
    assert reference.twice_px == 19000
    assert price_of(feed, SETTLED) == (19000, "TRADE")
    alone = Feed(trade(9601, event_time_ns=1450), instrument=banded)
    assert price_of(alone, SETTLED) == (14000, "SETTLEMENT")


def test_the_spread_is_measured_between_the_prices_that_make_the_mid() -> None:
    feed = Feed(snapshot(100, [(10000, 5), (-5, 1)], [(10050, 5)]), instrument=Feed().instrument)
    assert feed.anomalies == ["BOOK_BAD_PRICE"]
    assert mid_of(feed.live, 100) == 20050
    narrow = Feed(snapshot(100, [(-1, 5)], [(1, 5)]))
    assert mid_of(narrow.live, 20_000) is None, "a price that cannot be is no side of a mid"


def test_a_mid_of_zero_is_wider_than_any_cap_unless_it_is_locked() -> None:
    spread = type(Feed().instrument)("BTCUSDT", "BINANCE", 2, 8, 1, 1, 1, "USDT", True, False, "24/7")
    assert mid_of(Feed(snapshot(1, [(-5, 1)], [(5, 1)]), instrument=spread).live, 20_000) is None
    assert mid_of(Feed(snapshot(1, [(0, 1)], [(0, 1)]), instrument=spread).live, 1) == 0


def test_a_decision_needs_a_young_mid_too() -> None:
    feed = Feed(BOOK)  # recorded at 1000
    fresh = reference_of(feed.book, SETTLED, CAPS, 1500)
    assert fresh is not None
    assert (fresh.twice_px, fresh.seq, fresh.what) == (20100, 1, "mark")
    late = reference_of(feed.book, SETTLED, CAPS, 1501)
    assert late is not None
    assert (late.twice_px, late.seq) == (14000, 0)
    assert reference_of(None, None, CAPS, 0) is None


def test_a_wide_book_leaves_the_decision_to_the_last_trade() -> None:
    feed = Feed(snapshot(100, [(9000, 5)], [(10100, 5)]), trade(9500, event_time_ns=1400))
    reference = reference_of(feed.book, SETTLED, CAPS, 1500)
    assert reference is not None
    assert (reference.twice_px, reference.what) == (19000, "last trade")


def test_when_continuous_trading_begins_the_book_is_a_mark_again_from_then_on() -> None:
    feed = Feed(BOOK, phase(TradingPhase.AUCTION), delta(101, 101, [(10001, 1)]))
    assert (feed.live.last_mark, mid_of(feed.live, 0)) == ((20100, 1000), None)
    feed.take(phase(TradingPhase.CONTINUOUS))
    assert (feed.live.last_mark, mid_of(feed.live, 0)) == ((20101, 4000), 20101)


def test_a_book_crossed_in_an_auction_counts_as_crossed_from_the_opening_on() -> None:
    feed = Feed(BOOK, phase(TradingPhase.AUCTION), delta(101, 101, [(10200, 1)]), crossed_max_ns=2500)
    assert feed.live.crossed_since == 0
    feed.take(phase(TradingPhase.CONTINUOUS))
    assert feed.live.crossed_since == 4000
    assert feed.take(delta(102, 102, [(10201, 1)])) == ["BookDeltaApplied"]


def test_the_caps_are_those_that_the_start_journaled() -> None:
    started = EngineStarted(1, "x", {SPREAD_MAX: 250})
    assert caps_of(started, 5) == Caps(250, 5_000_000)
    assert caps_of(EngineStarted(1, "x", {}), 5) == caps_of(None, 5) == Caps(0, 5_000_000)


@pytest.mark.parametrize(
    ("settlement", "found", "wanted"),
    [
        (Settlement("X", "2026-11-25", 7, 1), (21, "BOOK"), (7, "SETTLEMENT")),
        (SETTLED, (21, "BOOK"), (10, "BOOK")),
        (SETTLED, (23, "TRADE"), (12, "TRADE")),
        (SETTLED, (14000, "SETTLEMENT"), (7000, EARLIER_SETTLEMENT)),
        (None, None, (None, "")),
    ],
)
def test_a_day_s_end_prefers_the_settlement_of_the_day(settlement, found, wanted) -> None:
    assert mark_of("2026-11-25", settlement, found) == wanted
