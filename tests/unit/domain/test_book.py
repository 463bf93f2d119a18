"""The symbol book against every row of its table in the domain specification, and against the book vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.book import lose_tail, mark
from ledger.domain.book_decide import Checksum
from ledger.domain.book_view import Mark, best, digest_items, is_locked, last_mark, levels
from ledger.domain.context import Instrument
from ledger.domain.enums import BookFault, BookSource, BookStatus, TradingPhase
from ledger.domain.request_events import SnapshotRequested
from ledger.testing.made_market import BTC, HEAD, Feed, delta, phase, quote, snapshot, trade

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "domain_vectors.json").read_text())
SPOT, FUTURES, COUNTED, UNNUMBERED = BookSource
DELTA, SNAPSHOT = ["BookDeltaApplied"], ["BookSnapshotApplied"]
ASKED = "SnapshotRequested"
GAP = [*DELTA, "BOOK_GAP", ASKED]
BIDS, ASKS = [(10000, 5), (9999, 7)], [(10002, 5), (10003, 7)]


def opened(**settings) -> Feed:
    return Feed(snapshot(100, BIDS, ASKS), **settings)


@pytest.mark.parametrize(
    ("continuity", "numbers", "expected"),
    [
        (SPOT, [(101, 101, 0)], [DELTA]),
        (SPOT, [(98, 103, 0)], [DELTA]),
        (SPOT, [(95, 100, 0)], [["-"]]),
        (SPOT, [(102, 103, 0)], [GAP]),
        (SPOT, [(101, 103, 0), (104, 104, 0)], [DELTA, DELTA]),
        (SPOT, [(101, 103, 0), (103, 104, 0)], [DELTA, GAP]),
        (SPOT, [(101, 103, 0), (101, 103, 0)], [DELTA, ["-"]]),
        (FUTURES, [(98, 103, 97)], [DELTA]),
        (FUTURES, [(95, 100, 94)], [DELTA]),
        (FUTURES, [(95, 99, 94)], [["-"]]),
        (FUTURES, [(101, 103, 100)], [GAP]),
        (FUTURES, [(98, 103, 97), (110, 112, 103)], [DELTA, DELTA]),
        (FUTURES, [(98, 103, 97), (104, 112, 102)], [DELTA, GAP]),
        (FUTURES, [(98, 103, 97), (98, 103, 97)], [DELTA, ["-"]]),
        (COUNTED, [(101, 101, 0), (102, 102, 0)], [DELTA, DELTA]),
        (COUNTED, [(101, 101, 0), (103, 103, 0)], [DELTA, GAP]),
        (COUNTED, [(100, 100, 0)], [["-"]]),
        (UNNUMBERED, [(0, 0, 0), (0, 0, 0)], [DELTA, DELTA]),
    ],
)
def test_each_feed_has_its_own_rule_of_what_continues_a_book(continuity, numbers, expected) -> None:
    """Rows: delta contiguous, old, gap; first delta after a snapshot."""
    feed = Feed(snapshot(100, BIDS, ASKS, continuity=continuity))
    outcomes = []
    for first, last, prev in numbers:
        fact = delta(first, last, [(9990, 1)])
        if continuity is FUTURES:
            fact = delta(first, last, [(9990, 1)], prev_update=prev)
        elif continuity is not SPOT:
            fact = delta(first, last, [(9990, 1)], continuity=continuity)
        outcomes.append(feed.take(fact))
    assert outcomes == expected
    assert feed.live.status is (BookStatus.STALE if GAP in expected else BookStatus.LIVE)


def test_a_gap_is_recorded_once_and_later_deltas_are_kept() -> None:
    feed = opened()
    assert feed.take(delta(102, 102, [(10001, 9)])) == GAP
    assert feed.take(delta(103, 103, [(9000, 9)])) == DELTA
    assert feed.take(delta(103, 103, [(9000, 9)])) == ["-"]
    assert best(feed.live) == ((10000, 5), (10002, 5))
    assert list(feed.live.buffer) == [102, 103]
    assert mark(feed.live) is None
    assert last_mark(feed.live) == Mark(20002, 1000, stale=True)


def test_an_anomaly_stands_beside_its_event_and_names_the_book() -> None:
    feed = opened()
    feed.take(delta(102, 102))
    event, anomaly, asked = feed.journal[1:]
    assert asked == SnapshotRequested("BTCUSDT", "BINANCE", "feed", 100, 2)
    assert (event.last_update, anomaly.ref_seq, anomaly.symbol) == (102, 2, "BTCUSDT")
    assert anomaly.severity is SEVERITY[Anomaly.BOOK_GAP]
    assert anomaly.detail == "BINANCE/BTCUSDT: update 102..102 after 100 leaves a hole"


def test_a_snapshot_bridges_the_deltas_that_came_before_it() -> None:
    feed = Feed(delta(95, 99, [(10000, 1)]), delta(100, 103, [(10000, 2)]), delta(104, 104, [(9999, 0)]))
    assert feed.live.status is BookStatus.EMPTY
    assert levels(feed.live, 5) == ((), ())
    assert feed.take(snapshot(101, BIDS, ASKS)) == SNAPSHOT
    assert feed.live.status is BookStatus.LIVE
    assert levels(feed.live, 5)[0] == ((10000, 2),)
    assert feed.live.buffer == {}
    assert feed.take(delta(105, 105)) == DELTA
    assert feed.anomalies == []


def test_a_snapshot_that_does_not_reach_the_kept_deltas_leaves_the_book_stale() -> None:
    feed = Feed(delta(200, 203), delta(204, 205))
    assert feed.take(snapshot(150, BIDS, ASKS)) == [*SNAPSHOT, "BOOK_GAP", ASKED]
    assert feed.live.status is BookStatus.STALE
    assert feed.take(snapshot(160, BIDS, ASKS)) == [*SNAPSHOT, ASKED]
    assert feed.live.status is BookStatus.STALE
    assert feed.take(snapshot(202, BIDS, ASKS)) == SNAPSHOT
    assert (feed.live.status, feed.live.last_update) == (BookStatus.LIVE, 205)


def test_a_hole_among_the_kept_deltas_keeps_what_lies_beyond_it() -> None:
    feed = Feed(delta(100, 101, [(10000, 1)]), delta(103, 103, [(10000, 3)]))
    assert feed.take(snapshot(100, BIDS, ASKS)) == [*SNAPSHOT, "BOOK_GAP", ASKED]
    assert (feed.live.last_update, list(feed.live.buffer)) == (101, [103])
    feed.take(snapshot(102, BIDS, ASKS))
    assert (feed.live.status, best(feed.live)[0]) == (BookStatus.LIVE, (10000, 3))


def test_futures_deltas_are_bridged_by_their_own_rule() -> None:
    feed = Feed(*(delta(u - 4, u, prev_update=u - 7, bids=[(9000, u)]) for u in (100, 107, 114)))
    feed.take(snapshot(100, BIDS, ASKS, continuity=FUTURES))
    assert (feed.live.status, feed.live.last_update) == (BookStatus.LIVE, 114)
    assert feed.live.statistics.deltas == 3


def test_the_buffer_is_bounded_and_then_needs_a_newer_snapshot() -> None:
    feed = Feed(*(delta(u, u) for u in range(101, 106)), buffer_max=3)
    assert list(feed.live.buffer) == [103, 104, 105]
    feed.take(snapshot(101, BIDS, ASKS))
    assert feed.live.status is BookStatus.STALE
    feed.take(snapshot(102, BIDS, ASKS))
    assert feed.live.status is BookStatus.LIVE


def test_removing_a_level_that_is_not_there_is_normal() -> None:
    feed = opened()
    assert feed.take(delta(101, 101, [(9000, 0), (10000, 0)], [(99999, 0)])) == DELTA
    assert levels(feed.live, 5) == (((9999, 7),), tuple(ASKS))


def test_a_negative_size_sets_the_delta_aside_and_the_book_stale() -> None:
    feed = opened()
    assert feed.take(delta(101, 101, [(10001, 3), (9999, -1)])) == [*DELTA, "BOOK_NEGATIVE_SIZE", ASKED]
    assert feed.live.status is BookStatus.STALE
    assert levels(feed.live, 5) == (tuple(BIDS), tuple(ASKS))
    assert feed.take(delta(101, 101, [(10001, 3), (9999, -1)])) == ["-"]
    assert feed.take(delta(102, 102)) == DELTA
    feed.take(snapshot(100, BIDS, ASKS))
    assert feed.live.status is BookStatus.STALE
    feed.take(snapshot(101, BIDS, ASKS))
    assert (feed.live.status, feed.live.last_update) == (BookStatus.LIVE, 102)


def test_a_snapshot_with_a_negative_size_is_set_aside() -> None:
    feed = opened()
    assert feed.take(snapshot(200, [(1, -1)])) == [*SNAPSHOT, "BOOK_NEGATIVE_SIZE", ASKED]
    assert (feed.live.status, feed.live.last_update) == (BookStatus.STALE, 100)
    assert levels(feed.live, 5) == (tuple(BIDS), tuple(ASKS))


def test_a_book_may_be_crossed_inside_one_message() -> None:
    feed = opened()
    assert feed.take(delta(101, 101, [(10002, 1)], [(10002, 0)])) == DELTA
    assert best(feed.live) == ((10002, 1), (10003, 7))


def test_a_crossed_book_is_recorded_once_and_goes_on_without_a_mark() -> None:
    feed = opened()
    assert feed.take(delta(101, 101, [(10003, 1)])) == [*DELTA, "BOOK_CROSSED"]
    assert (feed.live.status, mark(feed.live)) == (BookStatus.LIVE, None)
    assert feed.live.crossed_since == 2000
    assert last_mark(feed.live) == Mark(20002, 1000, stale=True)
    assert feed.take(delta(102, 102, [(10004, 1)])) == DELTA
    assert feed.live.crossed_since == 2000
    assert feed.take(delta(103, 103, [(10003, 0), (10004, 0)])) == DELTA
    assert (feed.live.crossed_since, mark(feed.live)) == (0, 20002)
    assert feed.take(delta(104, 104, [], [(9999, 1)])) == [*DELTA, "BOOK_CROSSED"]


def test_a_book_crossed_for_too_long_is_stale_until_a_snapshot() -> None:
    feed = opened(crossed_max_ns=1999)
    assert feed.take(delta(101, 101, [(10003, 1)])) == [*DELTA, "BOOK_CROSSED"]
    assert feed.take(delta(102, 102, [(10004, 1)])) == [*DELTA, "BOOK_CROSSED", ASKED]
    assert feed.journal[-3].fault is BookFault.CROSSED
    assert (feed.live.status, feed.live.last_update, mark(feed.live)) == (BookStatus.STALE, 101, None)
    assert feed.take(delta(103, 103, [(10004, 2)])) == DELTA
    assert feed.take(snapshot(102, BIDS, ASKS)) == [*SNAPSHOT, "BOOK_CROSSED"]
    assert (feed.live.status, feed.live.last_update) == (BookStatus.LIVE, 103)


def test_the_message_that_ends_a_long_crossing_is_applied() -> None:
    feed = opened(crossed_max_ns=1999)
    feed.take(delta(101, 101, [(10003, 1)]))
    assert feed.take(delta(102, 102, [(10003, 0)])) == DELTA
    assert (feed.live.status, mark(feed.live)) == (BookStatus.LIVE, 20002)
    feed.take(phase(TradingPhase.AUCTION))
    feed.take(delta(103, 103, [(10003, 1)]))
    assert feed.take(delta(104, 104, [(10003, 2)])) == DELTA
    assert feed.live.status is BookStatus.LIVE


def test_levels_of_one_message_can_cross_each_other() -> None:
    feed = Feed(snapshot(100))
    assert feed.take(delta(101, 101, [(11, 1)], [(10, 1)])) == [*DELTA, "BOOK_CROSSED"]


def test_a_snapshot_or_what_it_bridges_can_be_crossed() -> None:
    assert Feed().take(snapshot(1, [(11, 1)], [(10, 1)])) == [*SNAPSHOT, "BOOK_CROSSED"]
    feed = Feed(delta(101, 101, [(10003, 1)]))
    assert feed.take(snapshot(100, BIDS, ASKS)) == [*SNAPSHOT, "BOOK_CROSSED"]
    feed = Feed(delta(101, 101, [(10003, 0)]))
    assert feed.take(snapshot(100, [(10003, 1)], ASKS)) == SNAPSHOT


def test_a_snapshot_of_a_book_that_is_still_crossed_is_not_recorded_again() -> None:
    feed = opened()
    feed.take(delta(101, 101, [(10003, 1)]))
    assert feed.take(snapshot(200, [(10004, 1)], ASKS)) == SNAPSHOT
    assert feed.take(snapshot(201, BIDS, ASKS)) == SNAPSHOT
    assert feed.take(snapshot(202, [(10004, 1)], ASKS)) == [*SNAPSHOT, "BOOK_CROSSED"]


@pytest.mark.parametrize("which", [TradingPhase.AUCTION, TradingPhase.PRE_OPEN, TradingPhase.HALTED])
def test_crossing_is_normal_outside_continuous_trading_and_judged_when_it_begins(which) -> None:
    feed = opened()
    assert feed.take(phase(which)) == ["PhaseChanged"]
    assert feed.take(phase(which)) == ["-"]
    assert feed.take(delta(101, 101, [(10005, 1)])) == DELTA
    assert feed.take(phase(TradingPhase.CONTINUOUS)) == ["PhaseChanged", "BOOK_CROSSED"]
    assert feed.take(delta(102, 102, [(10006, 1)])) == DELTA


def test_a_locked_book_is_legal_and_its_price_is_the_mark() -> None:
    feed = opened()
    assert feed.take(delta(101, 101, [(10002, 1)])) == DELTA
    assert (mark(feed.live), is_locked(feed.live)) == (20004, True)


def test_a_price_off_the_tick_is_in_the_book_but_not_in_the_mark() -> None:
    feed = opened(instrument=Instrument("BTCUSDT", "BINANCE", 2, 8, 2, 1, 1, "USDT", False, False, "24/7"))
    assert feed.anomalies == ["BOOK_BAD_PRICE"]
    assert feed.take(delta(101, 101, [(10001, 1)])) == [*DELTA, "BOOK_BAD_PRICE"]
    assert best(feed.live)[0] == (10001, 1)
    assert mark(feed.live) == 20002
    assert feed.take(delta(102, 102, [(10001, 0), (9999, 0)])) == DELTA
    assert feed.live.bad_prices == {10003}


def test_a_price_of_zero_or_below_is_bad_unless_the_instrument_allows_it() -> None:
    assert opened().take(delta(101, 101, [(-5, 1)])) == [*DELTA, "BOOK_BAD_PRICE"]
    spread = Instrument("BTCUSDT", "BINANCE", 2, 8, 1, 1, 1, "USDT", True, False, "24/7")
    assert Feed(snapshot(1, [(-5, 1)], [(0, 1)]), instrument=spread).anomalies == []


def test_a_checksum_that_differs_makes_the_book_stale() -> None:
    def best_sizes(bids, asks, instrument):
        return bids[0][1] * 100 + asks[0][1]

    feed = opened(checksums={"BINANCE": Checksum(2, best_sizes)})
    assert feed.take(delta(101, 101, [(10001, 8)], [(10002, 0)], checksum=807)) == DELTA
    assert feed.take(delta(102, 102, [(10001, 9)], checksum=1)) == [*DELTA, "BOOK_CHECKSUM", ASKED]
    assert feed.live.status is BookStatus.STALE
    assert best(feed.live)[0] == (10001, 8)
    assert feed.take(snapshot(101, BIDS, ASKS, checksum=1)) == [*SNAPSHOT, "BOOK_CHECKSUM", ASKED]
    assert feed.live.status is BookStatus.STALE
    assert feed.take(snapshot(101, BIDS, ASKS, checksum=505)) == SNAPSHOT
    assert (feed.live.status, best(feed.live)[0]) == (BookStatus.LIVE, (10001, 9))


def test_a_checksum_of_a_venue_without_a_rule_is_not_judged() -> None:
    assert opened().take(delta(101, 101, checksum=1)) == DELTA


def test_time_that_goes_back_is_counted_and_applied_in_sequence_order() -> None:
    feed = opened()
    feed.take(delta(101, 101, [(10001, 1)], event_time_ns=50))
    assert feed.take(delta(102, 102, [(10001, 2)], event_time_ns=40)) == DELTA
    assert feed.live.statistics.clock_regressions == 1
    assert best(feed.live)[0] == (10001, 2)


def test_an_older_snapshot_of_the_same_run_is_nothing_new() -> None:
    feed = opened()
    feed.take(delta(101, 101, [(10001, 1)]))
    assert feed.take(snapshot(101, BIDS, ASKS)) == ["-"]
    assert feed.take(snapshot(100, BIDS, ASKS)) == ["-"]
    restarted = (*HEAD[:1], 2, *HEAD[2:])
    assert feed.take(snapshot(7, BIDS, ASKS, head=restarted)) == SNAPSHOT
    assert feed.live.last_update == 7


def test_a_feed_without_numbers_is_trusted_only_within_one_run_of_its_sender() -> None:
    feed = Feed(delta(0, 0, [(1, 1)], continuity=UNNUMBERED), snapshot(0, BIDS, ASKS, continuity=UNNUMBERED))
    assert feed.take(delta(0, 0, [(10001, 1)], continuity=UNNUMBERED)) == DELTA
    assert (len(feed.live.bids), feed.live.buffer) == (3, {})
    restarted = (*HEAD[:1], 2, *HEAD[2:])
    assert feed.take(delta(0, 0, continuity=UNNUMBERED, head=restarted)) == GAP
    assert feed.take(delta(0, 0, continuity=UNNUMBERED, head=restarted)) == DELTA
    assert feed.live.status is BookStatus.STALE
    assert feed.take(snapshot(0, BIDS, ASKS, continuity=UNNUMBERED, head=restarted)) == SNAPSHOT
    assert feed.live.status is BookStatus.LIVE


@pytest.mark.parametrize(("continuity", "status"), [(SPOT, BookStatus.LIVE), (UNNUMBERED, BookStatus.STALE)])
def test_a_lost_tail_makes_only_books_without_numbers_stale(continuity, status) -> None:
    feed = Feed(snapshot(100, BIDS, ASKS, continuity=continuity))
    assert lose_tail(feed.live, 9).status is status
    assert feed.live.version == 9


def test_trades_and_quotes_are_kept_as_they_came() -> None:
    feed = Feed(trade(10001, 3, trade_id="t1"), quote(10000, 10002, update=5))
    assert (feed.live.trade.px, feed.live.trade.trade_id) == (10001, "t1")
    assert (feed.live.quote.bid_px, feed.live.quote.update) == (10000, 5)
    assert (feed.live.status, feed.live.version) == (BookStatus.EMPTY, 2)


def test_an_empty_side_gives_no_mark() -> None:
    feed = Feed(snapshot(1, BIDS))
    assert best(feed.live) == ((10000, 5), None)
    assert mark(feed.live) is None
    assert last_mark(feed.live) is None


def test_sizes_of_zero_in_a_snapshot_are_no_levels() -> None:
    assert len(Feed(snapshot(1, [(5, 0), (4, 1)])).live.bids) == 1


def test_the_digest_has_one_item_for_each_thing_the_book_holds() -> None:
    feed = opened()
    feed.take(delta(105, 106, [(1, 1)]))
    items = dict(digest_items(feed.live))
    assert items[b"book|BINANCE|BTCUSDT|bid|10000"] == b"5"
    assert b"book|BINANCE|BTCUSDT|kept|106" in items
    assert len(items) == 1 + 4 + 1
    again = opened()
    again.take(delta(105, 106, [(1, 2)]))
    assert dict(digest_items(again.live)) != items


def test_a_fault_stands_in_the_event_so_that_replay_needs_no_rule() -> None:
    feed = opened()
    feed.take(delta(101, 101, [(1, -1)]))
    assert feed.journal[1].fault is BookFault.NEGATIVE_SIZE


@pytest.mark.parametrize("case", VECTORS["book_cases"], ids=lambda case: case["name"])
def test_a_book_vector_holds(case: dict) -> None:
    feed = Feed(snapshot(case["snapshot_id"], case.get("bids", []), case.get("asks", [])), instrument=BTC)
    for step in case["deltas"]:
        level = [(step["px"], step["qty"])] if "px" in step else []
        sides = {"bids": level} if step.get("side") == "bid" else {"asks": level}
        got = feed.take(delta(step["U"], step["u"], **sides))
        anomaly = step.get("anomaly")
        wanted = ["-"] if step["do"] in ("drop", "duplicate") else [*DELTA, *([anomaly] if anomaly else [])]
        wanted = GAP if step["do"] == "gap" else wanted
        assert got == wanted
    assert feed.live.status.name == case["state_after"].split(",")[0]
    assert ("withheld" in case["state_after"]) == (mark(feed.live) is None and "LIVE" in case["state_after"])
    assert ("locked" in case["state_after"]) == is_locked(feed.live)
