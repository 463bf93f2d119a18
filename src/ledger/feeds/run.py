"""A capture through the market door of a running ledger: at full speed, or in the capture's own time.

What the ledger has already taken of a file is asked for first and left out, so a feed that was stopped goes on where
it ended and nothing is in the ledger twice. A message counts as sent when the ledger has acknowledged it as synced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, final

import msgspec
import trio
from msgspec import Struct

from ledger.domain.facts import MarketData
from ledger.feeds.answers import Answers
from ledger.feeds.capture import CaptureError
from ledger.feeds.terms import Recording, Terms, definition

CHUNK: Final = 8192
"""Facts handed over at once at full speed; the door's own batches and window lie inside."""
TICK_S: Final = 0.01
"""In the capture's own time, what is due is sent this often."""


class MarketDoor(Protocol):
    """What a feed needs of a ledger; `ledger.client` gives it."""

    async def sources(self, source: str) -> list[dict[str, Any]]:
        """Rows of how far the source has come in the market journal; none if it is unknown."""
        ...

    async def scales(self, symbol: str) -> tuple[int, int] | None:
        """(price_scale, qty_scale) of the symbol; None if the ledger does not know it."""
        ...

    async def define(self, terms: dict[str, Any]) -> None:
        """Define an instrument; values as decimal text."""
        ...

    async def send(self, facts: Sequence[Any]) -> None:
        """Send facts in order; returns when all are acknowledged."""
        ...

    async def requested(self) -> list[dict[str, Any]]:
        """Rows of the books that wait for a snapshot: symbol, exchange, and the place of the request."""
        ...


@final
class Fed(Struct, frozen=True):
    """What a feed did."""

    source: str
    messages: int
    sent: int
    skipped: int
    """Taken by the ledger before this feed."""
    snapshots: int = 0
    """Sent besides, because a book asked for one."""


Progress = Callable[[int, float], None]
"""Called after each chunk with (messages so far, share of all files read so far: 0 to 1)."""


async def feed(
    recordings: Sequence[Recording],
    door: MarketDoor,
    *,
    speed: float = 0.0,
    progress: Progress = lambda _messages, _share: None,
) -> Fed:
    """Feed the captures in their order; raises CaptureError, and what the door raises.

    `speed` 0 is as fast as the ledger takes it, 1 the capture's own time, 2 twice that.
    """
    sources: list[str] = []
    messages = sent = snapshots = 0
    clock = _CaptureClock(speed)
    read = _Read(sum(recording.path.stat().st_size for recording in recordings))
    for recording in recordings:
        agreed = [await _agree(terms, door) for terms in recording.terms]
        taken = {terms.source: await _taken(terms, door) for terms in agreed}
        sources += [source for source in taken if source not in sources]
        answers = Answers(recording, agreed, door)
        async for count, fresh in _chunks(recording.facts(agreed, read.at), taken, clock):
            if fresh:
                snapshots += await answers.give(fresh)
                await door.send(fresh)
            messages += count
            sent += len(fresh)
            progress(messages, read.share)
        snapshots += await answers.give_last()
        read.next_file(recording.path)
    return Fed(", ".join(sources), messages, sent, messages - sent, snapshots)


@final
class _Read:
    """How much of all files is read, in bytes as they lie on disk."""

    def __init__(self, total: int) -> None:
        self._total = max(1, total)
        self._before = self._here = 0

    def at(self, position: int) -> None:
        self._here = position

    def next_file(self, path: Path) -> None:
        self._before += path.stat().st_size
        self._here = 0

    @property
    def share(self) -> float:
        return min(1.0, (self._before + self._here) / self._total)


async def _agree(terms: Terms, door: MarketDoor) -> Terms:
    """The capture's terms at the ledger's scales; defines the instrument where the ledger lacks it."""
    scales = await door.scales(terms.symbol)
    if scales is None:
        await door.define(definition(terms))
        return terms
    if terms.exact and scales != (terms.price_scale, terms.qty_scale):
        raise CaptureError(
            f"{terms.symbol} has scales {scales} here, the capture's checksums need {terms.price_scale, terms.qty_scale}",
            "feed it into a ledger that defines the symbol so, or not at all",
        )
    return msgspec.structs.replace(terms, price_scale=scales[0], qty_scale=scales[1])


@final
class _Taken(Struct, frozen=True):
    """How far the ledger has come in one run of the source."""

    all: bool
    up_to: int
    missing: tuple[tuple[int, int], ...]

    def has(self, seq: int) -> bool:
        if self.all:
            return True
        return seq <= self.up_to and not any(low <= seq <= high for low, high in self.missing)


async def _taken(terms: Terms, door: MarketDoor) -> _Taken:
    for row in await door.sources(terms.source):
        if row.get("journal", "market") != "market":
            continue
        if row["source_epoch"] > terms.source_epoch:  # the ledger is in a later file: this one is behind it
            return _Taken(True, 0, ())
        if row["source_epoch"] == terms.source_epoch:
            missing = tuple((low, high) for low, high in row["gaps"])
            return _Taken(False, row["source_seq"], missing)
    return _Taken(False, 0, ())


@final
class _CaptureClock:
    """Holds the capture's local times against ours; goes on over file boundaries."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._first_ns = 0
        self._began = 0.0

    def due_in(self, local_ns: int) -> float:
        """Seconds until a message of that local time is due; never positive at full speed."""
        if not self.speed:
            return 0.0
        if not self._first_ns:
            self._first_ns, self._began = local_ns, trio.current_time()
        return self._began + (local_ns - self._first_ns) / 1e9 / self.speed - trio.current_time()


async def _chunks(
    messages: Iterator[tuple[int, MarketData]], taken: Mapping[str, _Taken], clock: _CaptureClock
) -> AsyncIterator[tuple[int, list[MarketData]]]:
    """(messages read, of them the ones to send), when they are due."""
    if not clock.speed:
        while part := list(islice(messages, CHUNK)):
            yield len(part), [fact for _, fact in part if not taken[fact.source].has(fact.source_seq)]
        return
    count, fresh = 0, list[MarketData]()
    for local_ns, fact in messages:
        if taken[fact.source].has(fact.source_seq):
            count += 1
            continue
        wait = clock.due_in(local_ns)
        if wait > 0:
            if count:
                yield count, fresh
                count, fresh = 0, []
            await trio.sleep(max(wait, TICK_S))
        count += 1
        fresh.append(fact)
        if len(fresh) >= CHUNK:
            yield count, fresh
            count, fresh = 0, []
    if count:
        yield count, fresh
