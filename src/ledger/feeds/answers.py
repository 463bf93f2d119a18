"""How a feed answers a book that asks for a snapshot: with the capture's own book at the place that the feed has reached.

A live venue would be asked over REST; a capture holds what it said at some places, and every change since, so folding
it again up to here gives what the venue would have answered now. That reads the file a second time, but only where a
book has a hole. Answers are numbered apart, as source `NAME/snapshot`, so that the capture's own numbers stay what they
are however often it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol, final

import trio

from ledger.domain.book import Book, evolve
from ledger.domain.book_decide import decide
from ledger.domain.checksums import CHECKSUMS
from ledger.domain.context import Context
from ledger.domain.enums import BookStatus
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import BookDelta, BookSnapshot
from ledger.feeds.terms import Recording, Terms, instrument

SUFFIX: Final = "/snapshot"
LOOK_EVERY_S: Final = 0.1


class AskingDoor(Protocol):
    """What is needed of a ledger."""

    async def requested(self) -> list[dict[str, Any]]:
        """Rows of the books that wait for a snapshot: symbol, exchange, and the place of the request."""
        ...

    async def sources(self, source: str) -> list[dict[str, Any]]:
        """Rows of how far the source has come."""
        ...

    async def send(self, facts: Sequence[Any]) -> None:
        """Send facts in order; returns when all are acknowledged."""
        ...


@final
class Answers:
    """The answers of one capture that is being fed."""

    def __init__(self, recording: Recording, terms: Sequence[Terms], door: AskingDoor) -> None:
        self._recording = recording
        self._terms = {(each.exchange, each.symbol): each for each in terms}
        self._door = door
        self._done: set[str] = set()
        """Places of requests: each is answered once, or cannot be."""
        self._looked = float("-inf")

    async def give(self, fresh: Sequence[Any]) -> int:
        """Answer what is asked for before these facts are sent; how many snapshots that made. Looks now and then."""
        if not self._recording.has_levels or trio.current_time() - self._looked < LOOK_EVERY_S:
            return 0
        self._looked = trio.current_time()
        first: dict[str, int] = {}
        asked = await self._asked()
        if asked:
            for fact in fresh:
                first.setdefault(fact.source, fact.source_seq)
        return await self._answer(
            [(each, first[each[0].source]) for each in asked if each[0].source in first]
        )

    async def give_last(self) -> int:
        """The same once all of the capture is sent."""
        if not self._recording.has_levels:
            return 0
        return await self._answer([(each, 0) for each in await self._asked()])

    async def _asked(self) -> list[tuple[Terms, str]]:
        found: list[tuple[Terms, str]] = []
        for row in await self._door.requested():
            key = (row["exchange"], row["symbol"])
            if key in self._terms and row["place"] not in self._done:
                found.append((self._terms[key], row["place"]))
        return found

    async def _answer(self, asked: Sequence[tuple[tuple[Terms, str], int]]) -> int:
        sent = 0
        for (terms, place), before in asked:
            self._done.add(place)
            book = self._folded(terms, before)
            if book is not None and book.status is BookStatus.LIVE:
                await self._door.send([await self._snapshot(terms, book)])
                sent += 1
        return sent

    def _folded(self, terms: Terms, before: int) -> Book | None:
        """The book as the capture has it before message `before`; 0 for all of it."""
        book: Book | None = None
        context = Context(now_ns=1, instrument=instrument(terms))
        for _, fact in self._recording.facts(tuple(self._terms.values()), None):
            if fact.source != terms.source:
                continue
            if before and fact.source_seq >= before:
                break
            if type(fact) not in (BookSnapshot, BookDelta):
                continue
            for event in decide(book, fact, context, CHECKSUMS):
                if type(event) is not AnomalyRecorded:
                    book = evolve(book, event, 1, 1)  # type: ignore[arg-type]
        return book

    async def _snapshot(self, terms: Terms, book: Book) -> BookSnapshot:
        source = terms.source + SUFFIX
        epoch, seq = terms.source_epoch, 0
        for row in await self._door.sources(source):
            if row.get("journal", "market") == "market" and row["source_epoch"] >= epoch:
                epoch, seq = row["source_epoch"], row["source_seq"]
        return BookSnapshot(
            source,
            epoch,
            seq + 1,
            terms.symbol,
            terms.exchange,
            book.last_update,
            tuple(book.bids.items()),
            tuple(book.asks.items()),
            book.ts_event,
            book.continuity,
        )
