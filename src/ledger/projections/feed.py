"""One journal as batches of rows: read settled frames, fold them, build rows, stop at whole frames.

The state that rows are made of is a fold: after a start, or when a sink has lost what it had, the feed folds up to the
sink's offset, from a snapshot where there is one (`beginning.py`), which makes no rows, and goes on from there.
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
from ledger.fold import Apply, MarketFold, TradingFold, load_base, whole
from ledger.journal import Frame, JournalReader, open_readonly, place_text
from ledger.projections.beginning import ClosedBehind, Outrun, begin_at
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
        self._wal = wal
        self._reader = JournalReader(data, journal, partition, wal=wal)
        self._dirty: dict[str, set[Any]] = {kind: set() for kind in builders.states}
        self._closed: ClosedBehind | None = None
        self._begun = False
        self.fold: Fold = self._empty_fold()
        self.began_at = 0
        """Where the fold began: a snapshot, a base, or 0, the first event."""
        self.at = self.origin()

    def close(self) -> None:
        """Lets the journal's files go."""
        self._let_index_go()
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
        head, first = self.head_seq(), self.origin().seq
        if offset.seq < first:
            raise Misplaced(
                f"the sink is at {place}, and the journal has nothing before {first} any more",
                "rebuild the sink, or use a copy of the journal that still has those segments",
            )
        if offset.seq > head:
            raise Misplaced(
                f"the sink is at {place}, ahead of the journal, which ends at {head}",
                "the journal has lost its end, or is another copy: put the journal back, or rebuild the sink",
            )
        frame = self._reader.frame_at(offset.seq) if offset.seq > first else None
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
        if not self._begun or target.seq < self.at.seq:
            self._begin(target, on_folded)
        elif target.seq > self.at.seq:
            try:
                self._fold_on(target, on_folded)
            except Outrun:
                self._begin(target, on_folded, from_snapshot=False)
        self.at = target

    def _fold_on(self, target: Offset, on_folded: OnFolded | None) -> None:
        for frame in self._reader.frames(self.at.seq + 1, target.seq):
            if frame.last_seq > target.seq:
                raise self._amid_a_frame(target)
            self._apply(frame, None)
            if on_folded is not None and not on_folded(frame.last_seq, target.seq):
                raise Interrupted
        for keys in self._dirty.values():
            keys.clear()

    def _begin(self, target: Offset, on_folded: OnFolded | None, *, from_snapshot: bool = True) -> None:
        """Have the state at `target`. At the origin of a journal that begins with a base all of its entities count
        as changed: a sink that holds nothing gets them with the first batch."""
        self._let_index_go()
        for keys in self._dirty.values():
            keys.clear()
        if target.seq == self.origin().seq:
            self.fold = self._empty_fold()
            if load_base(self._reader.directory, self.fold):
                for kind, keys in self._dirty.items():
                    store: actors.Store[Any, Any] = self.fold.entities.store(kind)
                    keys.update(store.states)
            self.began_at = target.seq
        else:
            begun = begin_at(
                self._data,
                self.journal,
                self.partition,
                self._dirty,
                target.seq,
                wal=self._wal,
                with_index=from_snapshot,
                on_progress=lambda seq, _end: _go_on(on_folded, seq, target.seq),
            )
            self.fold, self._closed, self.began_at = begun.fold, begun.closed, begun.from_seq
            self._read_for(self.fold)
            if begun.head.seq != target.seq:
                raise self._amid_a_frame(target)
        self.at, self._begun = target, True

    def _amid_a_frame(self, target: Offset) -> Misplaced:
        return Misplaced(
            f"the sink stands at {target.seq}, amid a frame of {self.journal}/{self.partition}",
            "it was not written by this program: rebuild it",
        )

    def _let_index_go(self) -> None:
        closed, self._closed = self._closed, None
        if closed is not None:
            closed.close()

    def batch(self, to_seq: int | None = None, events_max: int | None = None) -> Batch | None:
        """The next whole frames as rows; None: there is nothing new. The feed then stands at its end.

        `events_max`: another size than the feed's own, for this one.
        A batch that was not taken is given again by the caller, or asked for anew after `seek`. Raises Corrupt.
        """
        if not self._begun:
            self._begin(self.at, None)
        most = events_max or self._events_max
        try:
            return self._batch(to_seq, most)
        except Outrun:
            self._begin(self.at, None, from_snapshot=False)
            return self._batch(to_seq, most)
        finally:
            if self._closed is not None:
                self._closed.release()

    def _batch(self, to_seq: int | None, events_max: int) -> Batch | None:
        rows: list[Row] = []
        events = size = 0
        last: Frame | None = None
        for frame in self._reader.frames(self.at.seq + 1, to_seq):
            self._apply(frame, rows)
            events, size, last = events + frame.count, size + len(frame.payload), frame
            if events >= events_max or size >= BYTES_MAX:
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

    def _empty_fold(self) -> Fold:
        entities = actors.Entities()
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
        if self._closed is not None:
            self._closed.comes(seq)
        try:
            for event in self._decode(frame.payload):
                step, build = acts[type(event)]
                if step is not None:
                    step(seq, now, event)
                if build is not None and rows is not None:
                    try:
                        rows.extend(build(Step(seq, now, event), fold))
                    except Outrun:
                        raise
                    except Exception as error:  # a row that cannot be built must not stop those that can
                        self._parking.park(f"{type(event).__name__} {seq}", seq, repr(error))
                seq += 1
        except Outrun:
            fold.entities.discard()
            raise
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
                except Outrun:
                    raise
                except Exception as error:  # the others go on; a later state may be built again
                    parking.park(entity_name(kind, key), getattr(state, "version", 0), repr(error))
                else:
                    if len(parking):
                        parking.release(entity_name(kind, key))
            keys.clear()


def _go_on(on_folded: OnFolded | None, seq: int, target: int) -> None:
    if on_folded is not None and not on_folded(seq, target):
        raise Interrupted


_SORTED_MAX: Final = 100_000
"""Rows of one table come in the order of their keys, which spares a sink deadlocks; a whole journal need not."""


def seconds_behind(recorded_at_ns: int) -> float:
    """How old an event is now, in seconds; 0.0 where its clock runs before ours."""
    return max(0.0, (time.time_ns() - recorded_at_ns) / 1e9)
