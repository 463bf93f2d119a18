"""The loop of a projector: read, fold, give the sink a batch, say how far it is; wait and try again when the sink is down.

While a sink writes one batch, the next one is read, folded and made ready, if the sink allows it (`Preparing`). No two
are written at a time, and none before the one ahead of it was taken: what is exact about it does not change.

The sink's own offset decides where it goes on, at the start and after every failure: a batch in doubt is neither
lost nor given twice in effect. An offset that is lower than what was acknowledged (a cache was wiped, a failover lost
writes) rewinds the feed; one that is ahead of the journal, or of another lineage, ends the projector with a refusal.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final, final

from msgspec.structs import replace

from ledger.projections.building import entity_name
from ledger.projections.contract import Batch, Fencing, Filling, Gathering, Offset, Preparing, Projection
from ledger.projections.errors import Poison, SinkDown
from ledger.projections.feed import EVENTS_MAX, Feed, Interrupted, seconds_behind
from ledger.projections.parking import Parking
from ledger.projections.pulse import Pulse
from ledger.projections.status import lock_path, parked_path
from ledger.projections.writer_lock import WriterLock

IDLE_S: Final = 0.02
"""How long to wait for the next frame: the engine settles its frames within 20 ms."""
CONFIRM_S: Final = 1.0
"""How often an idle projector reads the sink's offset: a wiped cache is noticed and filled again."""
FIRST_PART: Final = 4
"""The first batch of a start is smaller by this, each that follows twice as large as the one before."""
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 10.0
Say = Callable[[str], None]


@final
class Runner:
    """One projection of one partition, from its offset to whatever comes. `run` blocks; `stop` may come from anywhere."""

    def __init__(
        self,
        data: Path,
        projection: Projection,
        partition: int = 0,
        *,
        events_max: int = EVENTS_MAX,
        backoff_max_s: float = BACKOFF_MAX_S,
        shadow: bool = False,
        on_batch: Callable[[Batch], None] | None = None,
        say: Say = lambda _sentence: None,
    ) -> None:
        """`shadow`: of a rebuild, which keeps a status and a lock of its own."""
        name = f"{projection.name}.shadow" if shadow else projection.name
        self._data = data
        self._projection = projection
        self._backoff_max_s = backoff_max_s
        self._say = say
        self._on_batch = on_batch
        self._stop = threading.Event()
        self._lock = WriterLock(lock_path(data, name, partition))
        self.parking = Parking(parked_path(data, name, partition))
        self.pulse = Pulse(data, name, partition, self.parking)
        self._feeds = [
            Feed(
                data,
                journal,
                partition,
                projection.builders(journal),
                self.parking,
                events_max=events_max,
                folds_whole=False,
            )
            for journal in projection.journals
        ]
        self._writer = ThreadPoolExecutor(1, "ledger-sink") if isinstance(projection, Preparing) else None
        self._writing: tuple[Feed, Batch, Future[None]] | None = None
        self._events_max = events_max
        # The first batches are small, so that the sink has soon something to write beside the folding.
        begins_small = self._writer is not None and not isinstance(projection, Gathering)
        self._size = max(1, events_max // FIRST_PART) if begins_small else events_max
        self._ends: dict[str, int] = {}
        """Where to end, by journal; nothing where there is no end."""
        self._unfilled: dict[str, int] | None = None
        """Up to where the sink is to be taken before it is `filled`; None: it was."""
        self._begun: dict[str, float] = {}
        """When the newest batch was begun, by journal."""
        self._failures = 0
        self._confirmed = time.monotonic()

    def stop(self) -> None:
        """End after the batch in hand; safe from any thread or signal handler."""
        self._stop.set()

    def run(self, *, until_head: bool = False) -> None:
        """Follow until `stop`; with `until_head` until everything settled at the start is taken.

        Raises Misplaced, Fenced, Corrupt; whatever else a sink raises is a fault of its code.
        """
        try:
            self._run(until_head)
            self.pulse.say("ended", self._feeds)
        except Interrupted:
            self.pulse.say("ended", self._feeds)
        except Exception as error:
            self.pulse.error = str(error)
            self.pulse.say("refused", self._feeds)
            raise
        finally:
            if self._writer is not None:
                self._writer.shutdown()
            self._projection.close()
            for feed in self._feeds:
                feed.close()
            self._lock.release()

    def _run(self, until_head: bool) -> None:
        self.pulse.say("starting", self._feeds)
        self._ends = self._heads() if until_head else {}
        if not self._persist(self._take_place):
            return
        while not self._stop.is_set():
            busy = False
            for feed in self._feeds:
                busy |= self._go_on(feed)
            self.pulse.beat("following", self._feeds)
            if self._unfilled is not None and self._is_at(self._unfilled):
                self._fill_up(self._unfilled)
            elif busy:
                continue
            elif self._writing is not None:
                self._end_writing()
            elif until_head:
                return
            else:
                self._confirm()
                self._stop.wait(IDLE_S)
        self._end_writing()

    def _heads(self) -> dict[str, int]:
        return {feed.journal: feed.head_seq() for feed in self._feeds}

    def _is_at(self, ends: dict[str, int]) -> bool:
        return all(feed.at.seq >= ends[feed.journal] for feed in self._feeds)

    def _fill_up(self, ends: dict[str, int]) -> None:
        """Have the sink make what it left out, once all that it was to be filled with is there."""
        self._end_writing()
        if self._unfilled is ends and self._is_at(ends):  # else the sink had lost something
            self._unfilled = None
            if isinstance(self._projection, Filling):
                self._persist(self._filled)

    def _filled(self) -> None:
        assert isinstance(self._projection, Filling)
        if self._failures:  # it may have lost what it had, and is then to be filled again first
            self._claim()
            self._compare()
            if self._unfilled is not None and not self._is_at(self._unfilled):
                return
            self._unfilled = None
        with ThreadPoolExecutor(1, "ledger-filled") as thread:
            made = thread.submit(self._projection.filled)
            while wait([made], IDLE_S).not_done:
                self.pulse.beat("following", self._feeds)
        made.result()

    def _go_on(self, feed: Feed) -> bool:
        """One batch of one journal; whether there was one."""
        to_seq = self._ends.get(feed.journal)
        if to_seq is not None and feed.at.seq >= to_seq:
            return False
        if to_seq is None and not self._is_due(feed):
            return False
        batch = feed.batch(to_seq, self._size)
        if batch is None:
            return False
        self._size = min(2 * self._size, self._events_max)
        self._begun[feed.journal] = time.monotonic()
        self.parking.save()
        if self._writer is None or not isinstance(self._projection, Preparing):
            self._persist(lambda: self._give(feed, batch))
            return True
        batch = replace(batch, ready=self._projection.prepare(batch))
        self._end_writing()
        if (
            feed.at is batch.to and not self._stop.is_set()
        ):  # else the sink had lost something: the feed went back
            self._writing = (feed, batch, self._writer.submit(self._projection.apply, batch))
        return True

    def _is_due(self, feed: Feed) -> bool:
        """Whether the next batch is to be begun: not where more events are awaited."""
        if not isinstance(self._projection, Gathering):
            return True
        begun = self._begun.get(feed.journal)
        if begun is None or time.monotonic() - begun >= self._projection.gather_s:
            return True
        return feed.head_seq() - feed.at.seq >= self._projection.gather_events

    def _end_writing(self) -> None:
        """Until the batch that is being written is taken; one that failed is given again, from here."""
        if self._writing is None:
            return
        feed, batch, written = self._writing
        self._writing = None
        if written.exception() is None:
            self._took(batch)
            return
        tried = [written]
        self._persist(lambda: self._give(feed, batch, tried.pop() if tried else None))

    def _confirm(self) -> None:
        """While nothing is new, see now and then that the sink still has what it took."""
        now = time.monotonic()
        if now - self._confirmed < CONFIRM_S:
            return
        self._confirmed = now
        self._persist(self._compare)

    def _compare(self) -> None:
        for feed in self._feeds:
            found = self._projection.offset(feed.journal)
            if (found or feed.origin()).seq != feed.at.seq:
                self._rewind(feed, found)

    def _take_place(self) -> None:
        """Stand where the sink stands, and only then, when it is a place of this journal, become its writer."""
        for feed in self._feeds:
            self._seek(feed, self._projection.offset(feed.journal))
        self._claim()
        if isinstance(self._projection, Fencing):
            for feed in self._feeds:  # the writer before may have gone on until now
                self._seek(feed, self._projection.offset(feed.journal))

    def _claim(self) -> None:
        """Become the writer, of a copy that may have been made just now."""
        if isinstance(self._projection, Fencing):
            self._projection.claim(self._feeds[0].lineage)
        self._unfilled = self._ends or self._heads()

    def _seek(self, feed: Feed, offset: Offset | None) -> None:
        feed.seek(offset, self._folded)
        self.pulse.stands(feed.at)

    def _folded(self, _seq: int, _target: int) -> bool:
        self.pulse.beat("folding", self._feeds)
        return not self._stop.is_set()

    def _give(self, feed: Feed, batch: Batch, written: Future[None] | None = None) -> None:
        """Have the sink take it; `written`: it is being tried already."""
        if self._failures:  # the last try may have come through, or the sink may have lost what it had
            self._claim()
            found = self._projection.offset(feed.journal)
            if found is not None and found.seq == batch.to.seq:
                feed.check(found)
                self._took(batch)
                return
            if (found or feed.origin()).seq != batch.before.seq:
                self._rewind(feed, found)
                return
        while True:
            try:
                if written is None:
                    self._projection.apply(batch)
                else:
                    written.result()
                break
            except Poison as poison:
                batch, written = self._without(batch, poison), None
        self._took(batch)

    def _took(self, batch: Batch) -> None:
        if len(self.parking):
            for row in batch.rows:
                self.parking.release(entity_name(row.table, row.key))
            self.parking.save()
        self.pulse.took(batch.events, len(batch.rows), seconds_behind(batch.recorded_at_ns))
        self.pulse.stands(batch.to)
        if self._on_batch is not None:
            self._on_batch(batch)

    def _rewind(self, feed: Feed, found: Offset | None) -> None:
        self.pulse.rewinds += 1
        self._say(
            f"{self._projection.name}: the sink stands at {found.seq if found else 'nothing'}, not where it said:"
            f" going on from there"
        )
        self._seek(feed, found)

    def _without(self, batch: Batch, poison: Poison) -> Batch:
        """The batch without the row that the sink refuses, which is parked first."""
        rows = tuple(row for row in batch.rows if (row.table, row.key) != (poison.table, poison.key))
        assert len(rows) < len(batch.rows), f"the sink refuses a row that it was not given: {poison}"
        what = entity_name(poison.table, poison.key)
        self.parking.park(what, batch.to.seq, poison.reason)
        self.parking.save()
        self._say(f"{self._projection.name}: parked {what}: {poison.reason}")
        return replace(batch, rows=rows, ready=None)

    def _persist(self, act: Callable[[], None]) -> bool:
        """Until it is done, with back-off and jitter while the sink is down; False: stopped before."""
        while not self._stop.is_set():
            try:
                act()
            except SinkDown as error:
                self._failures += 1
                self.pulse.retries += 1
                longest = min(self._backoff_max_s, BACKOFF_MIN_S * 2 ** min(self._failures, 16))
                delay = longest * (0.5 + random.random() / 2)
                if str(error) != self.pulse.error:
                    self._say(f"{self._projection.name}: {error}; trying again")
                self.pulse.error = str(error)
                self.pulse.say("waiting", self._feeds)
                self._wait(delay)
                continue
            if self._failures:
                self._failures = 0
                self.pulse.error = ""
                self._say(f"{self._projection.name}: the sink is back")
            return True
        return False

    def _wait(self, delay_s: float) -> None:
        end = time.monotonic() + delay_s
        while not self._stop.is_set() and (left := end - time.monotonic()) > 0:
            self._stop.wait(min(left, 1.0))
            self.pulse.beat("waiting", self._feeds)
