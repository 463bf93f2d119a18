"""A book that is told of single orders: the rows of the specification's table for such feeds."""

from __future__ import annotations

import pytest

from ledger.domain.book import mark
from ledger.domain.book_view import best, levels
from ledger.domain.enums import BookFault, BookSource, BookStatus, OrderAction, Side, TradingPhase
from ledger.domain.facts import BookOrder, BookSnapshot
from ledger.testing.made_market import HEAD, Feed, phase

ADDED, REDUCED, EXECUTED, DELETED = OrderAction
EVENT = ["BookOrderApplied"]
ASKED = "SnapshotRequested"
BIDS, ASKS = [(10000, 5)], [(10002, 5)]


def said(update: int, action: OrderAction, ref: str, side: Side, px: int, qty: int, **more) -> BookOrder:
    return BookOrder(*HEAD, update, action, ref, side, px, qty, **more)


def opened(**settings) -> Feed:
    whole = BookSnapshot(*HEAD, 100, tuple(BIDS), tuple(ASKS), continuity=BookSource.COUNTED)
    return Feed(whole, **settings)


def test_orders_that_are_added_reduced_executed_and_deleted_make_the_levels() -> None:
    feed = opened()
    assert feed.take(said(101, ADDED, "a", Side.BUY, 10001, 7)) == EVENT
    assert feed.take(said(102, ADDED, "b", Side.BUY, 10001, 2)) == EVENT
    assert feed.take(said(103, REDUCED, "a", Side.BUY, 10001, 3)) == EVENT
    assert feed.take(said(104, EXECUTED, "a", Side.BUY, 10001, 1)) == EVENT
    assert best(feed.live)[0] == (10001, 5)
    assert feed.take(said(105, DELETED, "a", Side.BUY, 10001, 3)) == EVENT
    assert best(feed.live)[0] == (10001, 2)
    assert feed.take(said(106, EXECUTED, "b", Side.BUY, 10001, 2)) == EVENT
    assert levels(feed.live, 3) == (tuple(BIDS), tuple(ASKS))
    assert feed.anomalies == []


def test_an_old_or_repeated_message_about_an_order_is_nothing() -> None:
    feed = opened()
    assert feed.take(said(100, ADDED, "a", Side.BUY, 9999, 7)) == ["-"]
    feed.take(said(101, ADDED, "a", Side.BUY, 9999, 7))
    assert feed.take(said(101, ADDED, "a", Side.BUY, 9999, 7)) == ["-"]
    assert len(feed.journal) == 2


def test_a_hole_in_the_numbers_makes_the_book_stale_until_a_snapshot_that_contains_it() -> None:
    feed = opened()
    assert feed.take(said(102, ADDED, "a", Side.BUY, 9999, 7)) == [*EVENT, "BOOK_GAP", ASKED]
    assert (feed.live.status, mark(feed.live)) == (BookStatus.STALE, None)
    assert feed.take(said(103, ADDED, "b", Side.BUY, 9999, 7)) == EVENT
    assert feed.take(said(103, ADDED, "b", Side.BUY, 9999, 7)) == ["-"]
    feed.take(BookSnapshot(*HEAD, 103, tuple(BIDS), tuple(ASKS), continuity=BookSource.COUNTED))
    assert feed.live.status is BookStatus.LIVE


@pytest.mark.parametrize(
    ("action", "ref", "qty", "kind", "fault"),
    [
        (REDUCED, "a", 8, "BOOK_ORDER_UNDERFLOW", BookFault.ORDER_UNDERFLOW),
        (EXECUTED, "a", 8, "BOOK_ORDER_UNDERFLOW", BookFault.ORDER_UNDERFLOW),
        (ADDED, "a", 1, "BOOK_UNKNOWN_ORDER", BookFault.UNKNOWN_ORDER),
    ],
)
def test_what_cannot_happen_to_an_order_is_set_aside_and_the_book_is_stale(
    action: OrderAction, ref: str, qty: int, kind: str, fault: BookFault
) -> None:
    feed = opened()
    feed.take(said(101, ADDED, "a", Side.BUY, 10001, 7))
    assert feed.take(said(102, action, ref, Side.BUY, 10001, qty)) == [*EVENT, kind, ASKED]
    assert feed.journal[-3].fault is fault
    assert feed.live.status is BookStatus.STALE
    assert best(feed.live)[0] == (10001, 7)


def test_an_order_that_crosses_is_recorded_once_and_never_outside_continuous_trading() -> None:
    feed = opened()
    assert feed.take(said(101, ADDED, "a", Side.BUY, 10002, 7)) == EVENT
    assert feed.take(said(102, ADDED, "b", Side.BUY, 10003, 7)) == [*EVENT, "BOOK_CROSSED"]
    assert feed.take(said(103, ADDED, "c", Side.BUY, 10004, 7)) == EVENT
    feed = opened()
    assert feed.take(said(101, ADDED, "a", Side.SELL, 10000, 7)) == EVENT
    assert feed.take(said(102, ADDED, "b", Side.SELL, 9999, 7)) == [*EVENT, "BOOK_CROSSED"]
    feed = opened()
    feed.take(phase(TradingPhase.AUCTION))
    assert feed.take(said(101, ADDED, "a", Side.SELL, 9999, 7)) == EVENT


def test_a_book_crossed_for_too_long_by_orders_is_stale_unless_one_is_taken_away() -> None:
    feed = opened(crossed_max_ns=1999)
    feed.take(said(101, ADDED, "a", Side.BUY, 10003, 7))
    assert feed.take(said(102, ADDED, "b", Side.BUY, 9999, 7)) == [*EVENT, "BOOK_CROSSED", ASKED]
    assert feed.live.status is BookStatus.STALE
    feed = opened(crossed_max_ns=1999)
    feed.take(said(101, ADDED, "a", Side.BUY, 10003, 7))
    assert feed.take(said(102, DELETED, "a", Side.BUY, 10003, 7)) == EVENT
    assert (feed.live.status, mark(feed.live)) == (BookStatus.LIVE, 20002)


def test_an_order_at_a_price_that_cannot_be_is_applied_recorded_and_gives_no_mark() -> None:
    feed = opened()
    assert feed.take(said(101, ADDED, "a", Side.BUY, 0, 7)) == [*EVENT, "BOOK_BAD_PRICE"]
    assert feed.take(said(102, ADDED, "b", Side.BUY, 1, 7)) == EVENT
    assert mark(feed.live) == 20002


def test_a_message_about_an_order_before_any_snapshot_is_journaled_and_held() -> None:
    feed = Feed()
    assert feed.take(said(101, ADDED, "a", Side.BUY, 9999, 7)) == EVENT
    assert feed.live.status is BookStatus.EMPTY
