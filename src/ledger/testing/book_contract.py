"""What every builder of a book must keep, as tests for pytest, under feeds that lose, repeat and fall behind.

Subclass `BookContract` and say how a builder begins. It takes a feed's messages, BookSnapshot and BookDelta, as they
arrive, and shows its book:

    class TestMyBook(BookContract):
        def begin(self): return MyBook()

The judge is the venue's own book, a dict, and the ledger's builder beside it. Each test tries the continuity rules of
spot, futures and counted feeds; name fewer in `kinds` for a builder that knows fewer.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from hypothesis import strategies as st

from ledger.domain.enums import BookSource
from ledger.domain.facts import BookDelta, BookSnapshot
from ledger.testing.generated_books import NUMBERED, BookVenue, Step, run, scripts
from ledger.testing.made_market import Feed
from ledger.testing.shown import ShownBook, book_shown
from ledger.testing.tries import for_each

Message = BookSnapshot | BookDelta


class BookKeeping(Protocol):
    """A builder under test: one book of one feed."""

    def take(self, fact: Message) -> None:
        """The next message that arrived. A delta before any snapshot, or after a hole, is to be kept for the next
        snapshot, which may be behind it. A snapshot that is behind a live book is old."""
        ...

    def shown(self) -> ShownBook:
        """The book now."""
        ...


class BookContract:
    """Any builder."""

    kinds: ClassVar[tuple[BookSource, ...]] = NUMBERED
    """Whose rules it keeps; every message says which is meant."""

    def begin(self) -> BookKeeping:
        """A new one, without a book."""
        raise NotImplementedError

    def test_a_live_book_is_the_venues_book_at_its_update(self) -> None:
        """I-35: also one that was built from a later snapshot; all sizes above zero."""

        def check(script: list[Step], kind: BookSource) -> None:
            keeping = self.begin()

            def each(venue: BookVenue, what: str, fact: Message) -> None:
                if what != "lose":
                    keeping.take(fact)
                shown = keeping.shown()
                if shown.is_live:
                    assert (dict(shown.bids), dict(shown.asks)) == venue.sides[shown.last_update]

            run(script, kind, each)

        for_each(check, scripts(), st.sampled_from(self.kinds))

    def test_after_a_hole_it_is_live_again_once_a_snapshot_bridges_it(self) -> None:
        """I-36: not before, and then at once, with what was kept meanwhile; as soon as the ledger's own at least."""

        def check(script: list[Step], kind: BookSource) -> None:
            keeping, ours, arrived = self.begin(), Feed(), _Arrived()

            def each(venue: BookVenue, what: str, fact: Message) -> None:
                if what != "lose":
                    keeping.take(fact)
                    ours.take(fact)
                    arrived.take(fact)
                shown, expected = keeping.shown(), book_shown(ours.book)
                if shown.is_live:
                    assert arrived.reach(shown.last_update), "live, though something is missing"
                if expected.is_live:
                    assert shown.is_live, "nothing is missing, yet it is not live"
                    assert shown.last_update == expected.last_update

            venue = run(script, kind, each)
            keeping.take(venue.snapshot())
            shown = keeping.shown()
            assert shown.is_live
            assert (dict(shown.bids), dict(shown.asks)) == venue.sides[-1]

        for_each(check, scripts(), st.sampled_from(self.kinds))

    def test_old_and_repeated_messages_change_nothing(self) -> None:
        """I-11, I-37."""

        def check(script: list[Step], kind: BookSource) -> None:
            keeping = self.begin()

            def each(venue: BookVenue, what: str, fact: Message) -> None:
                if what == "lose":
                    return
                keeping.take(fact)
                shown = keeping.shown()
                if shown.is_live:
                    for again in (fact, *venue.deltas[:-1]):
                        if again.last_update < shown.last_update or again is fact:
                            keeping.take(again)
                            assert keeping.shown() == shown

            run(script, kind, each)

        for_each(check, scripts(), st.sampled_from(self.kinds))

    def test_a_mark_needs_both_sides_of_a_live_book_that_is_not_crossed(self) -> None:
        """I-36, I-38: and a crossing stops nothing."""

        def check(script: list[Step], kind: BookSource) -> None:
            keeping = self.begin()

            def each(venue: BookVenue, what: str, fact: Message) -> None:
                if what != "lose":
                    keeping.take(fact)
                shown = keeping.shown()
                expected = None
                if shown.is_live:
                    bids, asks = venue.sides[shown.last_update]
                    if bids and asks and max(bids) <= min(asks):
                        expected = max(bids) + min(asks)
                assert shown.twice_mark == expected

            run(script, kind, each)

        for_each(check, scripts(), st.sampled_from(self.kinds))


class _Arrived:
    """Which updates have arrived."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._snapshots: set[int] = set()

    def take(self, fact: Message) -> None:
        if isinstance(fact, BookDelta):
            first = fact.first_update
            if fact.continuity is BookSource.FUTURES:
                first = fact.prev_update + 1  # what lies between is of other instruments
            self._numbers.update(range(first, fact.last_update + 1))
        else:
            self._snapshots.add(fact.last_update)

    def reach(self, last: int) -> bool:
        """Whether all up to `last` since a snapshot have arrived, and nothing beyond it."""
        if last < max(self._numbers | self._snapshots, default=0):
            return False
        return any(self._numbers >= set(range(base + 1, last + 1)) for base in self._snapshots)
