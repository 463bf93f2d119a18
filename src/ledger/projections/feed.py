"""One journal as batches of rows: read settled frames, fold them, build rows, stop at whole frames.

The state that rows are made of is a fold from the journal's first frame: after a start, or when a sink has lost what
it had, the feed folds again up to the sink's offset, which makes no rows, and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

import msgspec

import actors
from ledger.codec import decoder_of
from ledger.errors import Corrupt
from ledger.fold import Apply, MarketFold, TradingFold, whole
from ledger.journal import Frame, JournalReader, open_readonly, place_text
from ledger.projections.building import Builders, OfEvent, entity_name
from ledger.projections.contract import Batch, Offset, Row, Step
from ledger.projections.errors import Misplaced
from ledger.projections.parking import Parking

Fold = TradingFold | MarketFold
EVENTS_MAX: Final = 5000
BYTES_MAX: Final = 4 << 20
"""Of frames' payloads in one batch; a single frame may be larger."""
OnFolded = Callable[[int, int], bool]
"""(seq, target seq) while the feed folds again; False ends it with Interrupted."""


class Interrupted(Exception):
    """The feed was asked to stop while it folded."""


@final
class Feed:
    """One partition of one journal for one sink. Not to be shared between threads."""

    def __init__(
        self,
        data: Path,
        journal: str,
        partition: int,
        builders: Builders,
        parking: Parking,
        *,
        events_max: int = EVENTS_MAX,
        wal: bool | None = False,
        folds_whole: bool = True,
    ) -> None:
        """`wal` False follows the settled head (projectors); None reads the wal as well where nobody owns it.
        `folds_whole` False folds only what the builders read, which is faster; a judge folds everything.

        Raises Refused where there is no journal.
        """
        self.lineage = open_readonly(data).lineage
        self.journal = journal
        self.partition = partition
        self._data = data
        self._builders = builders
        self._part_of = whole if folds_whole else builders.part
        self._parking = parking
        self._events_max = events_max
        self._reader = JournalReader(data, journal, partition, wal=wal)
        self._dirty: dict[str, set[Any]] = {}
        self.fold: Fold = self._new_fold()
        self.at = self.origin()

    def close(self) -> None:
        """Lets the journal's files go."""
        self._reader.close()

    def origin(self) -> Offset:
        """Where a sink stands that holds nothing."""
        return Offset(self.lineage, self.partition, self.journal, 0, self._reader.directory.origin.seq)

    def head_seq(self) -> int:
        """The newest event that could be given."""
        return self._reader.head().seq

    def check(self, offset: Offset) -> None:
        """Raises Misplaced where a sink's offset is no place in this journal."""
        place = place_text(offset.journal, offset.partition, offset.seq)
        if offset.lineage != self.lineage:
            raise Misplaced(
                f"the sink holds another ledger (lineage {offset.lineage}, this journal is {self.lineage})",
                "point it at a sink of its own, or clear that one and rebuild it",
            )
        if (offset.journal, offset.partition) != (self.journal, self.partition):
            raise Misplaced(f"the sink follows {place}, not {self.journal}/{self.partition}")
        head = self.head_seq()
        if offset.seq > head:
            raise Misplaced(
                f"the sink is at {place}, ahead of the journal, which ends at {head}",
                "the journal has lost its end, or is another copy: put the journal back, or rebuild the sink",
            )
        frame = self._reader.frame_at(offset.seq) if offset.seq > self.origin().seq else None
        if offset.chain and frame is not None and frame.chain_hash.hex() != offset.chain:
            raise Misplaced(
                f"the sink's events up to {place} are not this journal's: their histories differ",
                "rebuild the sink from this journal",
            )

    def seek(self, offset: Offset | None, on_folded: OnFolded | None = None) -> None:
        """Stand where the sink stands: fold up to there. Raises Misplaced, Corrupt, Interrupted."""
        target = offset or self.origin()
        if offset is not None:
            self.check(offset)
        if target.seq < self.at.seq:
            self.fold = self._new_fold()
            self.at = self.origin()
        if target.seq > self.at.seq:
            for frame in self._reader.frames(self.at.seq + 1, target.seq):
                if frame.last_seq > target.seq:
                    raise Misplaced(
                        f"the sink stands at {target.seq}, amid a frame of {self.journal}/{self.partition}",
                        "it was not written by this program: rebuild it",
                    )
                self._apply(frame, None)
                if on_folded is not None and not on_folded(frame.last_seq, target.seq):
                    raise Interrupted
        for keys in self._dirty.values():
            keys.clear()
        self.at = target

    def batch(self, to_seq: int | None = None) -> Batch | None:
        """The next whole frames as rows; None: there is nothing new. The feed then stands at its end.

        A batch that was not taken is given again by the caller, or asked for anew after `seek`. Raises Corrupt.
        """
        rows: list[Row] = []
        events = size = 0
        last: Frame | None = None
        for frame in self._reader.frames(self.at.seq + 1, to_seq):
            self._apply(frame, rows)
            events, size, last = events + frame.count, size + len(frame.payload), frame
            if events >= self._events_max or size >= BYTES_MAX:
                break
        if last is None:
            return None
        self._build_states(rows)
        for store in self._part.forgotten:
            store.states.clear()
        before = self.at
        self.at = Offset(
            self.lineage, self.partition, self.journal, last.epoch, last.last_seq, last.chain_hash.hex()
        )
        return Batch(before, self.at, tuple(rows), events, last.recorded_at_ns, self.fold)

    def all_states(self) -> list[Row]:
        """Rows of every entity, as the fold now is; for audits, which need no rows of changes."""
        rows: list[Row] = []
        for kind in self._dirty:
            store: actors.Store[Any, Any] = self.fold.entities.store(kind)
            self._dirty[kind].update(store.states)
        self._build_states(rows)
        return rows

    def _new_fold(self) -> Fold:
        entities = actors.Entities()
        self._dirty = {kind: set() for kind in self._builders.states}
        for kind, keys in self._dirty.items():
            entities.store(kind, dirty=keys)
        fold = (TradingFold if self.journal == "trading" else MarketFold)(self.partition, entities)
        self._read_for(fold)
        return fold

    def _read_for(self, fold: Fold) -> None:
        """Learn what this fold does with each type of event, and which types need not be decoded."""
        self._part = part = self._part_of(fold)
        builders = self._builders.events
        self._decode, unread = decoder_of({*part.steps, *builders}, fold.steps)
        self._acts: dict[type, tuple[Apply | None, OfEvent | None]] = {
            **dict.fromkeys(unread, (None, None)),
            **{kind: (part.steps.get(kind), builders.get(kind)) for kind in fold.steps},
        }

    def _apply(self, frame: Frame, rows: list[Row] | None) -> None:
        fold, now, seq, acts = self.fold, frame.recorded_at_ns, frame.first_seq, self._acts
        try:
            for event in self._decode(frame.payload):
                step, build = acts[type(event)]
                if step is not None:
                    step(seq, now, event)
                if build is not None and rows is not None:
                    try:
                        rows.extend(build(Step(seq, now, event), fold))
                    except Exception as error:  # a row that cannot be built must not stop those that can
                        self._parking.park(f"{type(event).__name__} {seq}", seq, repr(error))
                seq += 1
        except Exception as error:
            fold.entities.discard()
            verb = "decoded" if isinstance(error, msgspec.MsgspecError) else "applied"
            raise Corrupt(
                str(self._data),
                place_text(self.journal, self.partition, seq),
                f"the event cannot be {verb}: {error!r}",
                "keep the journal as it is; run the version of ledger that wrote it, and report this line",
            ) from error
        fold.entities.install()

    def _build_states(self, rows: list[Row]) -> None:
        fold = self.fold
        for kind, keys in self._dirty.items():
            build = self._builders.states[kind]
            store: actors.Store[Any, Any] = fold.entities.store(kind)
            states, parking = store.states, self._parking
            for key in sorted(keys) if len(keys) < _SORTED_MAX else keys:
                state = states[key]
                try:
                    rows.extend(build(key, state, fold))
                except Exception as error:  # the others go on; a later state may be built again
                    parking.park(entity_name(kind, key), getattr(state, "version", 0), repr(error))
                else:
                    if len(parking):
                        parking.release(entity_name(kind, key))
            keys.clear()


_SORTED_MAX: Final = 100_000
"""Rows of one table come in the order of their keys, which spares a sink deadlocks; a whole journal need not."""


def seconds_behind(recorded_at_ns: int) -> float:
    """How old an event is now, in seconds; 0.0 where its clock runs before ours."""
    return max(0.0, (time.time_ns() - recorded_at_ns) / 1e9)
