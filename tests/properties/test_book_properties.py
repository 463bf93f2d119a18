"""The ledger's books under its own public contract, and what only its states and its journal can show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.book import evolve, mark
from ledger.domain.book_view import best, digest_items, levels
from ledger.domain.enums import BookSource, BookStatus, TradingPhase
from ledger.domain.events import AnomalyRecorded
from ledger.domain.ladder import ASK, BID, Ladder
from ledger.testing.book_contract import BookContract, Message
from ledger.testing.generated_books import BookVenue, Step, continuities, level_changes, run, scripts
from ledger.testing.made_market import Feed
from ledger.testing.shown import ShownBook, book_shown


class OurBook:
    """The domain's decide and evolve, as a builder that is told a feed's messages."""

    def __init__(self) -> None:
        self._feed = Feed()

    def take(self, fact: Message) -> None:
        self._feed.take(fact)

    def shown(self) -> ShownBook:
        return book_shown(self._feed.book)


class TestBooks(BookContract):
    """I-35 to I-38, as anybody's builder."""

    def begin(self) -> OurBook:
        return OurBook()


def state(feed: Feed) -> list[object] | None:
    return None if feed.book is None else sorted(digest_items(feed.book))


@given(scripts(), continuities())
def test_what_readers_see_of_a_live_book_is_sorted_and_above_zero(
    script: list[Step], continuity: BookSource
) -> None:
    """I-35: the best bid is the highest, the best ask the lowest"""
    feed = Feed()

    def each(venue: BookVenue, what: str, fact: Message) -> None:
        if what != "lose":
            feed.take(fact)
        if feed.book is None or feed.book.status is not BookStatus.LIVE:
            return
        bids, asks = venue.sides[feed.book.last_update]
        assert best(feed.book) == (max(bids.items(), default=None), min(asks.items(), default=None))
        top = tuple(sorted(bids.items(), reverse=True)[:3]), tuple(sorted(asks.items())[:3])
        assert levels(feed.book, 3) == top

    run(script, continuity, each)


@given(scripts(), continuities())
def test_each_hole_is_recorded_once_and_nothing_is_kept_while_live(
    script: list[Step], continuity: BookSource
) -> None:
    """I-36"""
    feed, stale = Feed(), [0]

    def each(venue: BookVenue, what: str, fact: Message) -> None:
        if what == "lose":
            return
        outcome, book = feed.take(fact), feed.live
        assert book.buffer == {} or book.status is not BookStatus.LIVE
        assert ("BOOK_GAP" in outcome) == (book.statistics.stale > stale[0])
        stale[0] = book.statistics.stale

    run(script, continuity, each)
    assert feed.anomalies.count("BOOK_GAP") == stale[0]


@given(scripts(), continuities())
def test_what_is_old_is_not_journaled_and_changes_no_digest(
    script: list[Step], continuity: BookSource
) -> None:
    """I-11, I-37"""
    feed = Feed()

    def each(venue: BookVenue, what: str, fact: Message) -> None:
        if what == "lose":
            return
        before = state(feed)
        if feed.take(fact) == ["-"]:
            assert state(feed) == before
        first = state(feed)
        if what != "snapshot" or feed.live.status is BookStatus.LIVE:
            assert feed.take(fact) == ["-"]
            assert state(feed) == first

    run(script, continuity, each)


@given(scripts(), continuities())
def test_a_crossing_is_recorded_exactly_when_it_begins_and_stops_nothing(
    script: list[Step], continuity: BookSource
) -> None:
    """I-38"""
    feed, crossed = Feed(), [False]

    def each(venue: BookVenue, what: str, fact: Message) -> None:
        outcome = [] if what == "lose" else feed.take(fact)
        if feed.book is None:
            return
        now = False
        if feed.book.status is BookStatus.LIVE:
            bids, asks = venue.sides[feed.book.last_update]
            now = bool(bids) and bool(asks) and max(bids) > min(asks)
            assert feed.book.phase is TradingPhase.CONTINUOUS
            assert (mark(feed.book) is None) == (now or not bids or not asks)
        assert ("BOOK_CROSSED" in outcome) == (now and not crossed[0])
        assert bool(feed.book.crossed_since) == now
        crossed[0] = now

    run(script, continuity, each)


@given(scripts(), continuities())
def test_a_book_folded_again_from_its_journal_is_the_same(script: list[Step], continuity: BookSource) -> None:
    """I-2, I-5 and I-6: evolve needs nothing but the events, their numbers and their times"""
    feed = Feed()

    def each(venue: BookVenue, what: str, fact: Message) -> None:
        if what != "lose":
            feed.take(fact)

    run(script, continuity, each)
    book = None
    for seq, event in enumerate(feed.journal, 1):
        if type(event) is not AnomalyRecorded:
            book = evolve(book, event, seq, seq * 1000)
    assert (None if book is None else sorted(digest_items(book))) == state(feed)


@given(st.lists(level_changes(), max_size=8), level_changes(), st.sampled_from([BID, ASK]), st.integers(1, 4))
def test_a_ladder_foretells_what_a_change_makes_of_it(before, change, order, count) -> None:
    """I-38's judgement before the change and the checksum's levels rest on this"""
    ladder = Ladder(order)
    plain: dict[int, int] = {}
    for levels_ in before:
        ladder.apply(tuple(levels_))
        plain.update(levels_)
    foretold = ladder.best_after(tuple(change)), ladder.top_after(tuple(change), count)
    ladder.apply(tuple(change))
    plain.update(change)
    kept = sorted(((px, qty) for px, qty in plain.items() if qty), key=lambda level: -level[0] * order)
    assert list(ladder.top(99)) == kept
    assert ladder.ranks == sorted(px * order for px in ladder.sizes)
    assert foretold == (kept[0][0] if kept else None, kept[:count])
    assert ladder.best == foretold[0]
