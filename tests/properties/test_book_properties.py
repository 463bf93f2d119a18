"""Books against a venue made of plain dicts that loses, repeats and re-sends; invariant numbers of the specification."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from given_market import Feed, delta, snapshot
from ledger.domain.book import evolve, mark
from ledger.domain.book_view import best, digest_items, levels
from ledger.domain.enums import BookSource, BookStatus, TradingPhase
from ledger.domain.events import AnomalyRecorded
from ledger.domain.ladder import ASK, BID, Ladder

changes = st.lists(st.tuples(st.integers(95, 105), st.integers(0, 3)), max_size=4)
operations = st.one_of(
    st.tuples(st.just("delta"), changes, changes),
    st.tuples(st.just("delta"), changes, changes),
    st.tuples(st.just("lose"), changes, changes),
    st.tuples(st.just("repeat"), st.integers(1, 5), st.just(())),
    st.tuples(st.just("snapshot"), st.integers(0, 4), st.just(())),
)
scripts = st.lists(operations, max_size=25)
checked = settings(deadline=None, max_examples=300)


class Venue:
    """The truth: both sides as dicts after every update, and the delta that led there."""

    def __init__(self, continuity: BookSource) -> None:
        self.continuity = continuity
        self.sides: list[tuple[dict[int, int], dict[int, int]]] = [({}, {})]
        self.deltas: list = [None]

    @property
    def number(self) -> int:
        return len(self.sides) - 1

    def change(self, bids, asks):
        after = tuple(dict(side) for side in self.sides[-1])
        for side, levels_ in zip(after, (bids, asks), strict=True):
            for px, qty in levels_:
                side[px] = qty
        self.sides.append(tuple({px: qty for px, qty in side.items() if qty} for side in after))
        number = self.number
        futures = {"prev_update": number - 1} if self.continuity is BookSource.FUTURES else {}
        self.deltas.append(delta(number, number, bids, asks, **futures))
        return self.deltas[-1]

    def snapshot(self, back: int):
        number = max(1, self.number - back)
        bids, asks = self.sides[number]
        return snapshot(number, bids.items(), asks.items(), continuity=self.continuity)


def play(script, continuity: BookSource, each) -> tuple[Venue, Feed]:
    venue, feed = Venue(continuity), Feed()
    venue.change([(100, 1)], [(101, 1)])
    for name, first, second in script:
        before = state(feed)
        if name == "snapshot":
            fact = venue.snapshot(first)
        elif name == "repeat":
            fact = venue.deltas[max(1, venue.number - first + 1)]
        else:
            fact = venue.change(first, second)
        outcome = None if name == "lose" else feed.take(fact)
        each(venue, feed, name, fact, outcome, before)
    return venue, feed


def state(feed: Feed):
    return None if feed.book is None else sorted(digest_items(feed.book))


def sides(feed: Feed) -> tuple[dict[int, int], dict[int, int]]:
    return dict(feed.live.bids.items()), dict(feed.live.asks.items())


continuities = st.sampled_from([BookSource.SPOT, BookSource.FUTURES])


@given(scripts, continuities)
@checked
def test_a_live_book_is_the_venues_book_at_its_update(script, continuity) -> None:
    """I-35: also equal to any later snapshot of the same source, which is the venue's book by construction"""

    def each(venue, feed, name, fact, outcome, before) -> None:
        if feed.book is None or feed.book.status is not BookStatus.LIVE:
            return
        assert sides(feed) == venue.sides[feed.book.last_update]
        bids, asks = sides(feed)
        assert all(qty > 0 for qty in [*bids.values(), *asks.values()])
        bid, ask = best(feed.book)
        assert bid == (max(bids.items()) if bids else None)
        assert ask == (min(asks.items()) if asks else None)
        assert levels(feed.book, 3) == (
            tuple(sorted(bids.items(), reverse=True)[:3]),
            tuple(sorted(asks.items())[:3]),
        )

    play(script, continuity, each)


@given(scripts, continuities)
@checked
def test_a_gap_makes_the_book_stale_until_a_snapshot_bridges_it(script, continuity) -> None:
    """I-36"""
    delivered: set[int] = set()
    base = [0]

    def each(venue, feed, name, fact, outcome, before) -> None:
        if outcome is None:
            return
        if name == "snapshot":
            base[0] = fact.last_update if outcome != ["-"] else base[0]
        else:
            delivered.add(fact.last_update)
        book = feed.live
        if book.status is BookStatus.LIVE:
            assert book.buffer == {}
            assert delivered >= set(range(base[0] + 1, book.last_update + 1))
        else:
            assert mark(book) is None
        assert ("BOOK_GAP" in outcome) == (book.statistics.stale > stale[0])
        stale[0] = book.statistics.stale

    stale = [0]
    venue, feed = play(script, continuity, each)
    if feed.book is not None and feed.book.status is BookStatus.STALE:
        assert feed.anomalies.count("BOOK_GAP") == feed.book.statistics.stale
        feed.take(venue.snapshot(0))
        assert feed.book.status is BookStatus.LIVE
        assert sides(feed) == venue.sides[-1]


@given(scripts, continuities)
@checked
def test_old_and_repeated_deltas_change_nothing(script, continuity) -> None:
    """I-37 and I-11"""

    def each(venue, feed, name, fact, outcome, before) -> None:
        if outcome == ["-"]:
            assert state(feed) == before
        if name != "lose":
            first = state(feed)
            if name != "snapshot" or feed.live.status is BookStatus.LIVE:
                assert feed.take(fact) == ["-"]
                assert state(feed) == first

    play(script, continuity, each)


@given(scripts, continuities)
@checked
def test_a_crossing_is_recorded_exactly_when_it_begins_and_stops_nothing(script, continuity) -> None:
    """I-38"""
    crossed = [False]

    def each(venue, feed, name, fact, outcome, before) -> None:
        if feed.book is None:
            return
        now = False
        if feed.book.status is BookStatus.LIVE:
            bids, asks = venue.sides[feed.book.last_update]
            now = bool(bids) and bool(asks) and max(bids) > min(asks)
            assert feed.book.phase is TradingPhase.CONTINUOUS
            assert (mark(feed.book) is None) == (now or not bids or not asks)
        assert ("BOOK_CROSSED" in (outcome or [])) == (now and not crossed[0])
        assert bool(feed.book.crossed_since) == now
        crossed[0] = now

    play(script, continuity, each)


@given(scripts, continuities)
@checked
def test_a_book_folded_again_from_its_journal_is_the_same(script, continuity) -> None:
    """I-2, I-5 and I-6: evolve needs nothing but the events, their numbers and their times"""
    _, feed = play(script, continuity, lambda *_: None)
    book = None
    for seq, event in enumerate(feed.journal, 1):
        if type(event) is not AnomalyRecorded:
            book = evolve(book, event, seq, seq * 1000)
    assert (None if book is None else sorted(digest_items(book))) == state(feed)


@given(st.lists(changes, max_size=8), changes, st.sampled_from([BID, ASK]), st.integers(1, 4))
@checked
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
