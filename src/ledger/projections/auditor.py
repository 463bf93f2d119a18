"""An audit that goes on all the time: what changed since the last round, and a part of the rest, so that every row has
been looked at after `pass_s`.

A fold that follows the sink's offset keeps one 64-bit digest a row, which is kept over the auditor's end (`digests`): the
next start goes on there, from the follower's snapshot. A row of the sink whose digest is another one, that is missing, or
that nobody knows is only suspected; the judge is a fold of the journal from its first event that keeps just the
suspected rows, at the offset of the moment at which the sink showed them. So a difference that is told is one, whatever
went on meanwhile, and a digest that was wrong is put right. Needs some 200 bytes of memory a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, final

from ledger.errors import Rejected
from ledger.journal import software_version
from ledger.projections.audit import Difference, Place, compare
from ledger.projections.building import entity_name
from ledger.projections.contract import Offset, Picked, Row, Sampled
from ledger.projections.digests import Digests, digest_of, name_of, read_digests, save_digests
from ledger.projections.errors import Fenced, Misplaced, SinkDown
from ledger.projections.feed import Feed
from ledger.projections.parking import Parking
from ledger.projections.status import JournalAudit, digests_path

PAGE_MIN: Final = 200
PAGE_MAX: Final = 5000
"""Rows that are asked for at once."""
STANDING_MAX: Final = 1000
"""Differences that are remembered; with more of them the copy is to be rebuilt."""
REPAIR_TRIES: Final = 50
"""A repair is of one offset, and the projector moves it on."""
FORM: Final = f"1 {software_version()}"
"""Of rows and their digests: another program may make other rows of the same events."""
Say = Callable[[str], None]


class Stopped(Exception):
    """The auditor was asked to end."""


@final
class Trail:
    """The audit of one journal of one sink. Belongs to one thread."""

    def __init__(
        self,
        data: Path,
        sink: Sampled,
        journal: str,
        partition: int,
        *,
        repairs: bool,
        say: Say,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._data = data
        self._sink: Any = sink
        self._journal = journal
        self._partition = partition
        self._repairs = repairs
        self._say = say
        self._stopped = stopped
        self._feed = self._new_feed()
        self._known: dict[int, int] = {}
        """Digest of each row by that of its place."""
        self._seen: set[int] = set()
        """Of this pass."""
        self._cursor: Any = None
        self._begun = False
        self._began_at = self._saved_at = 0
        self._standing: dict[int, tuple[Difference, int | None]] = {}
        """By digest of its place: what differs, and the digest that it should have."""
        self._passes = self._passed_at_ns = self._looked_at = self._found = self._repaired = 0

    def close(self) -> None:
        """Lets the journal go; what is known is kept for the next start."""
        self._save()
        self._feed.close()

    def view(self) -> JournalAudit:
        """How far it is."""
        differences = tuple(str(each) for each, _ in self._standing.values())
        return JournalAudit(
            self._journal,
            self._feed.at.seq,
            len(self._known),
            self._passes,
            self._passed_at_ns,
            self._looked_at,
            differences,
            self._found,
            self._repaired,
            self._began_at,
        )

    # ---- a round -------------------------------------------------------------------------------------------

    def round(self, share: float) -> None:
        """What changed since the last one, what stood out, and this share of all rows.

        Raises SinkDown, Misplaced, Corrupt, Stopped.
        """
        offset = self._sink.offset(self._journal)
        if offset is None:
            raise SinkDown(f"{self._sink.name} holds nothing of {self._journal} yet")
        changed = self._advance(offset)
        suspects: dict[int, Place | None] = {}
        places = [*changed, *((each.table, each.key) for each, _ in self._standing.values())]
        for start in range(0, len(places), PAGE_MAX):
            self._look_at(places[start : start + PAGE_MAX], suspects)
        left = max(PAGE_MIN, int(len(self._known) * share) + 1)
        while left > 0:
            page = min(left, PAGE_MAX)
            picked, self._cursor = self._sink.scan(self._journal, self._cursor, page)
            self._compare(picked, (), suspects)
            left -= max(page // 10, len(picked.rows))
            if self._cursor is None:
                self._end_pass(suspects)
                break
        if suspects:
            self._judge(suspects)

    def _advance(self, offset: Offset) -> list[Place]:
        """Fold up to the sink's offset; the places that changed, but for the first time, when all have."""
        feed = self._feed
        if not self._begun:
            self._go_on_from_saved(offset)
        if offset.seq < feed.at.seq:
            self._begin_pass()  # the sink lost something, and is being filled again
            raise SinkDown(f"{self._sink.name} went back to {offset.seq}: the audit goes on at {feed.at.seq}")
        if offset.seq == feed.at.seq:
            return []
        feed.check(offset)
        changed: dict[Place, None] = {}
        while feed.at.seq < offset.seq and (batch := feed.batch(offset.seq)) is not None:
            self._ask_stopped()
            for row in batch.rows:
                place = (row.table, row.key)
                if row.values:
                    self._known[name_of(*place)] = digest_of(row)
                else:
                    self._known.pop(name_of(*place), None)
                if self._begun:
                    changed[place] = None
        self._begun = True
        return list(changed)

    def _look_at(self, places: Sequence[Place], suspects: dict[int, Place | None]) -> None:
        picked = self._sink.pick(self._journal, places)
        self._compare(picked, places, suspects)

    def _compare(self, picked: Picked, places: Iterable[Place], suspects: dict[int, Place | None]) -> None:
        """Look for rows that are not what the fold says, and for places of which nothing came."""
        moved = self._advance(picked.offset)
        absent = {name_of(*place): place for place in places}
        for row in picked.rows:
            name = name_of(row.table, row.key)
            absent.pop(name, None)
            if self._known.get(name) == digest_of(row):
                self._seen.add(name)
                self._settle(name)
            elif self._is_news(name):
                suspects[name] = (row.table, row.key)
        self._looked_at += len(picked.rows)
        for name, place in absent.items():
            if name not in self._known:
                self._settle(name)
            elif self._is_news(name):
                suspects[name] = place
        if moved:  # they changed between two looks
            self._look_at(moved, suspects)

    def _settle(self, name: int) -> None:
        standing = self._standing.pop(name, None)
        if standing is not None:
            each = standing[0]
            self._say(f"{self._sink.name}: {entity_name(each.table, each.key)} is as the journal says again")

    def _is_news(self, name: int) -> bool:
        """Whether it is to be judged: not where that difference stands already."""
        standing = self._standing.get(name)
        if standing is None:
            return len(self._standing) < STANDING_MAX
        return standing[1] != self._known.get(name)

    def _begin_pass(self) -> None:
        self._cursor = None
        self._seen.clear()

    def _end_pass(self, suspects: dict[int, Place | None]) -> None:
        """Every row was looked at: what was not seen is missing."""
        for name in self._known.keys() - self._seen:
            if len(suspects) >= STANDING_MAX:
                break
            if name not in suspects and self._is_news(name):
                suspects[name] = None
        self._begin_pass()
        self._passes += 1
        self._passed_at_ns = time.time_ns()
        self._save()

    # ---- over its end --------------------------------------------------------------------------------------

    def _go_on_from_saved(self, offset: Offset) -> None:
        """Stand where an earlier auditor stood, if the sink has not gone back behind it since."""
        kept = read_digests(self._digests_path(), FORM)
        if kept is None or kept.offset.seq > offset.seq:
            return
        try:
            self._feed.seek(kept.offset, self._folded)
        except Misplaced:  # of another ledger, or another history
            return
        self._known, self._begun = kept.known, True
        self._began_at = self._saved_at = kept.offset.seq

    def _save(self) -> None:
        if self._begun and self._feed.at.seq != self._saved_at:
            save_digests(self._digests_path(), Digests(FORM, self._feed.at, self._known))
            self._saved_at = self._feed.at.seq

    def _digests_path(self) -> Path:
        return digests_path(self._data, self._sink.name, self._partition, self._journal)

    def _folded(self, _seq: int, _target: int) -> bool:
        self._ask_stopped()
        return True

    # ---- the judge -----------------------------------------------------------------------------------------

    def _judge(self, suspects: dict[int, Place | None]) -> None:
        """Compare these once more with a fold from the first event, tell what differs, and mend it if asked to."""
        judge = _Judge(self._new_feed(), set(suspects), self._ask_stopped)
        try:
            keeps = self._sink.pick(self._journal, ()).keeps
            judge.fold(self._sink.offset(self._journal) or self._feed.origin(), keeps)
            for name in judge.dropped:  # by retention: no more looked for
                self._known.pop(name, None)
            places = {place for place in suspects.values() if place is not None} | judge.rows.keys()
            for _ in range(REPAIR_TRIES if self._repairs else 1):
                picked = self._sink.pick(self._journal, list(places))
                judge.fold(picked.offset, picked.keeps)
                wanted = {place: row for place, row in judge.rows.items() if picked.keeps(row)}
                differences, mending = compare(wanted, iter(picked.rows), self._sink.columns)
                self._note(suspects, differences, judge)
                if not differences or not self._repairs or self._mend(differences, mending, picked.offset):
                    return
        finally:
            judge.feed.close()

    def _note(self, suspects: dict[int, Place | None], differences: list[Difference], judge: _Judge) -> None:
        named = {name_of(each.table, each.key): each for each in differences}
        for name in suspects:
            if name not in named:
                self._standing.pop(name, None)
        right = {name_of(*place): digest_of(row) for place, row in judge.rows.items()}
        for name in suspects:
            self._known.pop(name, None)
        self._known |= right
        for name, each in named.items():
            if name not in self._standing:
                self._found += 1
                self._say(f"{self._sink.name} at {judge.feed.at.seq}: {each}")
            row = judge.rows.get((each.table, each.key))
            self._standing[name] = (each, None if row is None else digest_of(row))

    def _mend(self, differences: list[Difference], mending: dict[Place, Row], at: Offset) -> bool:
        """Whether there is nothing more to try."""
        surplus = [(each.table, each.key) for each in differences if each.kind == "surplus"]
        try:
            self._sink.repair(list(mending.values()), surplus, at)
        except Fenced:
            return False  # the projector went on meanwhile
        except (SinkDown, Rejected) as error:
            self._say(f"{self._sink.name}: not repaired: {error}")
            return True
        self._repaired += len(differences)
        for each in differences:
            self._standing.pop(name_of(each.table, each.key), None)
        self._say(f"{self._sink.name}: {len(differences)} repaired at {at.seq}")
        return True

    def _new_feed(self) -> Feed:
        builders = self._sink.builders(self._journal)
        return Feed(self._data, self._journal, self._partition, builders, Parking())

    def _ask_stopped(self) -> None:
        if self._stopped():
            raise Stopped


@final
class _Judge:
    """A fold from the first event that keeps the suspected rows only."""

    def __init__(self, feed: Feed, names: set[int], between: Callable[[], None]) -> None:
        self.feed = feed
        self.rows: dict[Place, Row] = {}
        self.dropped: set[int] = set()
        """Places whose rows retention has dropped by intent."""
        self._names = names
        self._between = between

    def fold(self, to: Offset, keeps: Callable[[Row], bool]) -> None:
        """Go on up to there. Raises Corrupt."""
        while self.feed.at.seq < to.seq and (batch := self.feed.batch(to.seq)) is not None:
            self._between()
            for row in batch.rows:
                place = (row.table, row.key)
                name = name_of(*place)
                if row.values and not keeps(row):
                    self.dropped.add(name)
                if name in self._names:
                    if row.values:
                        self.rows[place] = row
                    else:
                        self.rows.pop(place, None)
