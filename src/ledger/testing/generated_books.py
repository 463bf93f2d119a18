"""A market data feed for Hypothesis: a venue made of plain dicts, and scripts of what its feed does on bad days.

The feed loses messages, says them again and sends snapshots that are behind. Its numbers keep the rule of one kind of
feed (`BookSource`): spot, whose deltas may stand for several updates, so that a snapshot may fall amid one; futures,
the same with the number of the delta before, since numbers between them belong to nobody here; counted, one number for
each message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ledger.domain.enums import BookSource
from ledger.domain.facts import BookDelta, BookSnapshot
from ledger.testing.made_market import delta, snapshot

Sides = tuple[dict[int, int], dict[int, int]]
"""Bids and asks: quantity by price."""
Step = tuple[str, Any, Any, int]
"""(what, first, second, span): a delta, told or lost, with changes of both sides and so many updates; repeat and
snapshot, with how far back."""
NUMBERED: Final = (BookSource.SPOT, BookSource.FUTURES, BookSource.COUNTED)


def level_changes() -> SearchStrategy[list[tuple[int, int]]]:
    """(px, qty) around one price; qty 0 takes a level away, also one that is not there."""
    return st.lists(st.tuples(st.integers(95, 105), st.integers(0, 3)), max_size=4)


def scripts() -> SearchStrategy[list[Step]]:
    """What a feed does, in order; many are deltas that arrive."""
    changed, span, none = level_changes(), st.integers(1, 3), st.just(())
    told = st.tuples(st.just("delta"), changed, changed, span)
    lost = st.tuples(st.just("lose"), changed, changed, span)
    repeated = st.tuples(st.just("repeat"), st.integers(1, 5), none, st.just(1))
    snapshots = st.tuples(st.just("snapshot"), st.integers(0, 4), none, st.just(1))
    step = st.one_of(told, told, lost, repeated, snapshots)
    return st.lists(step, max_size=25) | st.lists(step, min_size=8, max_size=25)


def continuities() -> SearchStrategy[BookSource]:
    """The kinds of feeds whose numbers show a hole."""
    return st.sampled_from(NUMBERED)


@final
class BookVenue:
    """The truth: both sides after every update, and the deltas that led there."""

    def __init__(self, continuity: BookSource) -> None:
        self.continuity = continuity
        self.sides: list[Sides] = [({}, {})]
        """By the number of the update."""
        self.deltas: list[BookDelta] = []

    @property
    def number(self) -> int:
        """Of the last update."""
        return len(self.sides) - 1

    def change(
        self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], span: int = 1
    ) -> BookDelta:
        """The delta of one change, which stands for `span` updates; where each message counts, for one."""
        before, bids, asks = self.number, list(bids), list(asks)
        span = 1 if self.continuity is BookSource.COUNTED else span
        was = self.sides[-1]
        if self.continuity is BookSource.FUTURES:
            self.sides += [was] * (span - 1)
        first = self.number + 1
        for at in range(span):  # amid it, a part of the change is made
            part = (bids, asks) if at == span - 1 else (bids[:at], asks[:at])
            self.sides.append((_changed(was[0], part[0]), _changed(was[1], part[1])))
        more = (
            {"prev_update": before}
            if self.continuity is BookSource.FUTURES
            else {"continuity": self.continuity}
        )
        self.deltas.append(delta(first, self.number, bids, asks, **more))
        return self.deltas[-1]

    def snapshot(self, back: int = 0) -> BookSnapshot:
        """Both sides as they were so many updates before."""
        number = max(1, self.number - back)
        bids, asks = self.sides[number]
        return snapshot(number, bids.items(), asks.items(), continuity=self.continuity)


Each = Callable[[BookVenue, str, BookSnapshot | BookDelta], None]
"""Called with the venue, what it did and the message that this made, lost ones too."""


def run(script: list[Step], continuity: BookSource, each: Each) -> BookVenue:
    """Do what the script says. Update 1 is made, and lost, before it."""
    venue = BookVenue(continuity)
    venue.change([(100, 1)], [(101, 1)])
    for what, first, second, span in script:
        if what == "snapshot":
            fact: BookSnapshot | BookDelta = venue.snapshot(first)
        elif what == "repeat":
            fact = venue.deltas[max(0, len(venue.deltas) - first)]
        else:
            fact = venue.change(first, second, span)
        each(venue, what, fact)
    return venue


def _changed(side: dict[int, int], levels: Iterable[tuple[int, int]]) -> dict[int, int]:
    after = {**side, **dict(levels)}
    return {px: qty for px, qty in after.items() if qty}
