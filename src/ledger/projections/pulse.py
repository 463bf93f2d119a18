"""A projector's own figures, written to its status file at most twice a second."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from ledger.projections.contract import Offset
from ledger.projections.feed import Feed
from ledger.projections.parking import Parking
from ledger.projections.status import JournalStatus, State, Status, write_status

EVERY_S: Final = 0.25


@final
class Pulse:
    """Counts, and says so."""

    def __init__(self, data: Path, name: str, partition: int, parking: Parking) -> None:
        self.data = data
        self.name = name
        self.partition = partition
        self._parking = parking
        self._said = 0.0
        self._stands: dict[str, tuple[int, int]] = {}
        self._behind_s = 0.0
        self._rate = (time.monotonic(), 0, 0.0)
        """(when, events then, events a second)."""
        self.events = 0
        self.rows = 0
        self.rewinds = 0
        self.retries = 0
        self.error = ""
        self.journals: tuple[JournalStatus, ...] = ()
        """As it was said last."""

    def took(self, events: int, rows: int, behind_s: float) -> None:
        """The sink has a batch more, whose last event is so old."""
        self.events += events
        self.rows += rows
        self._behind_s = behind_s

    def stands(self, at: Offset) -> None:
        """The sink has everything up to there."""
        self._stands[at.journal] = (at.epoch, at.seq)

    def beat(self, state: State, feeds: Sequence[Feed]) -> None:
        """Say how it is, unless it was said just now."""
        if time.monotonic() - self._said >= EVERY_S:
            self.say(state, feeds)

    def say(self, state: State, feeds: Sequence[Feed]) -> None:
        """Say how it is."""
        self._said = now = time.monotonic()
        when, events, rate = self._rate
        if now - when >= 1.0:
            rate = (self.events - events) / (now - when)
            self._rate = (now, self.events, rate)
        self.journals = tuple(self._journal(feed) for feed in feeds)
        write_status(
            self.data,
            Status(
                name=self.name,
                partition=self.partition,
                pid=os.getpid(),
                state=state,
                lineage=feeds[0].lineage if feeds else "",
                journals=self.journals,
                events=self.events,
                rows=self.rows,
                events_per_s=round(rate, 1),
                parked=len(self._parking) + self._parking.dropped,
                rewinds=self.rewinds,
                retries=self.retries,
                error=self.error,
                updated_at_ns=time.time_ns(),
            ),
        )

    def _journal(self, feed: Feed) -> JournalStatus:
        epoch, seq = self._stands.get(feed.journal, (0, 0))
        head = feed.head_seq()
        lag = max(0, head - seq)
        return JournalStatus(feed.journal, epoch, seq, head, lag, round(self._behind_s, 3) if lag else 0.0)
