"""Which numbers of each sender were taken: plain sets, and the highest one of its present run.

After a start a ledger knows what its journal says: the highest number that left a record, and the numbers below it
that it knows to be missing. Of those between them and the first higher number that it then hears it cannot say whether they were taken:
they count as missing, without an anomaly.
"""

from __future__ import annotations

from enum import Enum
from typing import final

from ledger.domain.facts import OrderReport


class Hole(Enum):
    """What a number says of those before it."""

    NONE = "nothing is missing"
    IN_DOUBT = "the ledger cannot know whether it took them: journaled, no anomaly"
    MISSING = "they did not come: journaled, with an anomaly"


@final
class _Run:
    """One run (source_epoch) of one sender."""

    def __init__(self, epoch: int, before: _Run | None) -> None:
        self.epoch = epoch
        self.before = before
        self.high = 0
        self.journaled = 0
        self.heard = True
        """A number above all journaled ones, since the ledger's last start."""
        self.taken: set[int] = set()
        self.missing: set[int] = set()


@final
class Numbers:
    """The numbers of every sender of facts."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    def judge(self, fact: OrderReport) -> tuple[bool, Hole]:
        """(whether this number is taken already, what is to be said of the numbers before it)."""
        run, number = self._runs.get(fact.source), fact.source_seq
        if run is not None and fact.source_epoch < run.epoch:
            return False, Hole.NONE  # a run that was thought over: what it says decides
        if run is None or fact.source_epoch > run.epoch:
            hole = Hole.NONE if number == 1 else Hole.IN_DOUBT if run is None else Hole.MISSING
            run = self._runs[fact.source] = _Run(fact.source_epoch, run)
        else:
            if number in run.taken:
                return True, Hole.NONE
            heard, hole = run.heard, Hole.NONE
            run.heard = heard or number > run.high
            if number > run.high + 1:
                hole = Hole.MISSING if heard else Hole.IN_DOUBT
        if hole is not Hole.NONE:
            run.missing |= set(range(run.high + 1, number))
        run.taken.add(number)
        run.high = max(run.high, number)
        return False, hole

    def journaled(self, fact: OrderReport, *, recorded: bool, gap: bool) -> bool:
        """Note what stands in the journal of this fact's number; whether it is one that was missing."""
        run, number = self._runs[fact.source], fact.source_seq
        if fact.source_epoch < run.epoch:
            return False
        came = number in run.missing
        run.missing.discard(number)
        if recorded or gap:
            run.journaled = max(run.journaled, number if recorded else number - 1)
        return came

    def restarted(self) -> None:
        """The ledger knows no more than its journal."""
        for source, run in list(self._runs.items()):
            while run is not None and not run.journaled:
                run = run.before
            if run is None:
                del self._runs[source]
                continue
            self._runs[source] = run
            run.heard = False
            run.high = run.journaled
            run.taken = set(range(1, run.high + 1)) - run.missing

    def unheard(self, source: str) -> None:
        """What this sender said since the start had left its record before: the first number above is still to come."""
        self._runs[source].heard = False

    def settled(self, source: str) -> bool:
        """Whether the highest number of this sender left a record."""
        run = self._runs.get(source)
        return run is None or run.high == run.journaled

    def high(self, source: str) -> int:
        """The highest number of the sender's present run."""
        run = self._runs.get(source)
        return 0 if run is None else run.high

    def epoch(self, source: str) -> int:
        """The sender's present run; 1 before it said anything."""
        run = self._runs.get(source)
        return 1 if run is None else run.epoch

    def missing(self, source: str) -> set[int]:
        """The numbers of the sender's present run that are known to be missing."""
        run = self._runs.get(source)
        return set() if run is None else run.missing
