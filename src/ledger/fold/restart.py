"""The state of a journal from its newest valid snapshot, the index and what follows; from genesis where there is none.

A snapshot or the index that cannot be used (damaged, of other code, of another lineage, ahead of the journal, naming
more than the index has) only makes this take longer; why is said. Used by the engine and by the follower.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

import actors
from ledger.collecting import no_collection
from ledger.errors import Corrupt, Unavailable
from ledger.fold.base import before_base, load_base
from ledger.fold.closed import ClosedStates
from ledger.fold.covered import Covered
from ledger.fold.fingerprint import fingerprint
from ledger.fold.frames import apply_frame, check_stopped
from ledger.fold.market import MarketFold
from ledger.fold.passivation import Passivation
from ledger.fold.snapshots import load_fold
from ledger.fold.trading import TradingFold
from ledger.journal import (
    INDEX_FORMAT,
    SNAPSHOT_FORMAT,
    Frame,
    Head,
    IndexFile,
    IndexOffset,
    JournalReader,
    SnapshotFile,
    SnapshotHeader,
    damage_of,
    list_snapshots,
    place_text,
    read_snapshot,
)

Fold = TradingFold | MarketFold
OTHER_CODE: Final = "other code made it"
OTHER_LINEAGE: Final = "it is of another lineage"
COVERED_EVENTS: Final = 2_048
"""Folded at a time where the index holds what is closed, which is looked up at once; more leave the caches."""


@final
class Restarted(Struct, frozen=True):
    """A fold and how it came about."""

    fold: Fold
    head: Head
    events: int
    """Folded after the snapshot."""
    seconds: float
    settled_seq: int
    from_seq: int
    """Of the snapshot it began with; 0: from the beginning."""
    snapshot_seconds: float
    notes: tuple[str, ...]
    """Why something was not used; one sentence each."""
    passivation: Passivation | None
    """Of a trading fold whose closed entities may leave memory."""
    origin: Head
    """Of the whole frame that was folded last, or of the snapshot."""


def why_not(reader: JournalReader, end: Head, it: SnapshotHeader | IndexOffset, format_: int) -> str:
    """Why a snapshot or an index cannot be used with this journal; "" where it can. Raises Corrupt, Unavailable."""
    if it.format != format_:
        return f"it has format {it.format}"
    if it.lineage != reader.directory.lineage:
        return OTHER_LINEAGE
    if it.fingerprint != fingerprint():
        return OTHER_CODE
    if it.seq > end.seq:
        return f"it is ahead of the journal, which ends at {end.seq}"
    if it.seq < reader.directory.origin.seq:
        return "it lies before the oldest kept event"
    if it.seq == reader.directory.origin.seq:
        chain = reader.directory.origin.chain_hash
    else:
        frame = reader.frame_at(it.seq)
        if frame is None or frame.last_seq != it.seq:
            return "no frame of the journal ends where it does"
        chain = frame.head.chain_hash
    return "" if chain == it.chain else "the journal has another history at its place"


def open_index(
    data: Path, partition: int, reader: JournalReader, end: Head, *, writable: bool = False
) -> tuple[IndexFile | None, IndexOffset | None, str]:
    """(the index, its offset, "") or (None, None, why it cannot be used). `writable` gives a new one as it is."""
    damaged = damage_of(data, partition)
    if damaged:
        return None, None, damaged
    try:
        file = IndexFile(data, partition, writable=writable)
    except FileNotFoundError:
        return None, None, "there is none"
    except (Corrupt, Unavailable, OSError) as error:
        return None, None, str(error)
    try:
        offset = file.offset()
        reason = "it is empty" if offset is None else why_not(reader, end, offset, INDEX_FORMAT)
        if not reason or (writable and offset is None):
            return file, offset, ""
    except (Corrupt, Unavailable) as error:
        reason = str(error)
    file.close()
    return None, None, reason


def restart(
    data: Path,
    journal: str,
    partition: int,
    *,
    index: IndexFile | None = None,
    passivates: bool = False,
    entities: actors.Entities | None = None,
    wal: bool | None = None,
    to_seq: int | None = None,
    as_of: bool = False,
    uses_snapshots: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Restarted:
    """Fold a journal up to its head, or to `to_seq`, from the newest snapshot that can be used.

    `index` is one that `open_index` gave; it is looked at as it was then, whatever its writer does meanwhile. With
    `passivates` the fold's closed entities leave memory, now and later; without an index they stay until one is
    attached. With `as_of` the fold stays at its place: the index is seen as of there until it is closed.
    Raises Corrupt, StorageError, Unavailable.
    """
    begun = time.perf_counter()
    last = 2**63 - 1 if to_seq is None else to_seq
    with JournalReader(data, journal, partition, wal=wal) as reader:
        end = reader.head()
        check_stopped(reader, end)
        loaded = _Loaded(data, journal, partition, index, entities, passivates)
        loaded.newest(reader, end, last, uses_snapshots=uses_snapshots)
        loading = time.perf_counter() - begun
        with no_collection():
            covered = _fold_covered(loaded, reader, end, last, on_progress)
            with loaded.fold.entities.unnoted():
                head, whole, events = _fold_on(loaded, reader, end, last, on_progress)
        settled_seq = min(head.seq, reader.settled().seq)
    loaded.folded(head.seq, as_of=as_of)
    return Restarted(
        loaded.fold,
        head,
        covered + events,
        time.perf_counter() - begun,
        settled_seq,
        loaded.head.seq if loaded.head is not None else 0,
        loading,
        tuple(loaded.notes),
        loaded.passivation,
        whole,
    )


def _fold_covered(
    loaded: _Loaded,
    reader: JournalReader,
    end: Head,
    last: int,
    on_progress: Callable[[int, int], None] | None,
) -> int:
    """Where no snapshot was loaded, fold up to the place of the index, if there is one; how many events."""
    to = loaded.covered_to(last)
    if to is None:
        loaded.begin()
        return 0
    covered = loaded.beside_index()
    events, waiting = 0, 0
    some: list[Frame] = []
    head = reader.directory.origin
    with loaded.fold.entities.unnoted():
        for frame in reader.frames(None, to.seq):
            some.append(frame)
            waiting += frame.count
            if waiting < COVERED_EVENTS and frame.last_seq < to.seq:
                continue
            events += covered.apply(some)
            head = frame.head
            if on_progress is not None:
                on_progress(head.seq, end.seq)
            waiting = 0
            some.clear()
    covered.finish()
    loaded.is_covered(to, head)
    return events


def _fold_on(
    loaded: _Loaded,
    reader: JournalReader,
    end: Head,
    last: int,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[Head, Head, int]:
    """Fold what follows; (where it ends, the last whole frame's head, how many events)."""
    head = whole = loaded.place or reader.directory.origin
    events, fold, file = 0, loaded.fold, str(reader.directory.path)
    for frame in reader.frames(head.seq + 1):
        if frame.first_seq > last:
            break
        loaded.comes(frame.first_seq)
        events += apply_frame(fold, frame, last, file)
        if frame.last_seq <= last:
            head = whole = frame.head
        else:
            head = msgspec.structs.replace(frame.head, seq=last)
        if on_progress is not None:
            on_progress(head.seq, end.seq)
    return head, whole, events


@final
class _Loaded:
    """A fold at the place of a snapshot, or an empty one."""

    def __init__(
        self,
        data: Path,
        journal: str,
        partition: int,
        index: IndexFile | None,
        entities: actors.Entities | None,
        passivates: bool,
    ) -> None:
        self._data, self._journal, self._partition = data, journal, partition
        self._index = index
        self._passivates = passivates and journal == "trading"
        self.notes: list[str] = []
        self.head: Head | None = None
        """Of the snapshot or the base; None: it began with nothing."""
        self.place: Head | None = None
        """What is folded so far; None: nothing."""
        self.closed: ClosedStates | None = None
        self.passivation: Passivation | None = None
        self.fold: Fold = (TradingFold if journal == "trading" else MarketFold)(partition, entities)

    def newest(self, reader: JournalReader, end: Head, last: int, *, uses_snapshots: bool) -> None:
        """Load the newest snapshot that can be used, if there is one."""
        found = list_snapshots(self._data, self._journal, self._partition) if uses_snapshots else []
        for each in found:
            if each.seq > last:
                continue
            reason = self._try(each, reader, end)
            if not reason:
                return
            self.notes.append(f"snapshot {self._place(each.seq)} is not used: {reason}")
        if last < reader.directory.origin.seq:
            raise before_base(reader.directory, last)
        if load_base(reader.directory, self.fold):
            self.head = self.place = reader.directory.origin
            self.notes.append(f"begun with the base at {self._place(self.head.seq)}")

    def _place(self, seq: int) -> str:
        return place_text(self._journal, self._partition, seq)

    def _try(self, each: SnapshotFile, reader: JournalReader, end: Head) -> str:
        try:
            header, body = read_snapshot(each.path)
        except (Corrupt, OSError) as error:
            return error.what if isinstance(error, Corrupt) else str(error)
        if (header.journal, header.partition, header.seq) != (self._journal, self._partition, each.seq):
            return "it is the snapshot of something else"
        reason = why_not(reader, end, header, SNAPSHOT_FORMAT)
        if reason:
            return reason
        if self._journal == "trading":
            if self._index is None:
                return "it needs the index"
            offset = self._index.offset()
            if offset is None or header.index_seq > offset.seq:
                have = 0 if offset is None else offset.seq
                return f"it names index offset {header.index_seq}, the index has {have}"
        try:
            load_fold(self.fold, body)
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            return f"its state cannot be read: {error}"
        self.head = self.place = Head(header.epoch, header.seq, header.chain, header.recorded_at_ns)
        self._begin(int(header.index_digest, 16), header.index_counts)
        return ""

    def begin(self) -> None:
        """What is there is whole: no snapshot was loaded."""
        if self.passivation is None:
            self._begin(0, None)

    def _begin(self, index_digest: int, counts: dict[str, int] | None) -> None:
        if not isinstance(self.fold, TradingFold) or self._index is None:
            return
        self.passivation = Passivation(self.fold, index_digest=index_digest, counts=counts)
        self.closed = ClosedStates(self._index)
        if self.place is not None:  # else nothing is away, so nothing needs to be looked for
            self.closed.look_back(self.place.seq)
            self.passivation.attach(self.closed)

    # ---- beside the index --------------------------------------------------------------------------------------

    def covered_to(self, last: int) -> IndexOffset | None:
        """The place of an index that lies ahead, where no snapshot was loaded and the fold comes so far."""
        if self.passivation is not None or self._index is None or not isinstance(self.fold, TradingFold):
            return None
        offset = self._index.offset()
        at = 0 if self.place is None else self.place.seq
        return offset if offset is not None and at < offset.seq <= last else None

    def beside_index(self) -> Covered:
        """The fold, up to the place of the index."""
        assert self._index is not None
        assert isinstance(self.fold, TradingFold)
        return Covered(self.fold, ClosedStates(self._index))

    def is_covered(self, offset: IndexOffset, head: Head) -> None:
        """The fold stands where the index does, as a snapshot of that place would have it."""
        self.place = head
        self._begin(int(offset.digest, 16), offset.counts)

    def comes(self, seq: int) -> None:
        """The next event to be folded is this one."""
        if self.closed is not None:
            self.closed.place = seq - 1

    def folded(self, seq: int, *, as_of: bool) -> None:
        """All is folded, up to `seq`."""
        if (
            self.passivation is None and self._passivates
        ):  # without an index: now, so that the fold noted nothing
            assert isinstance(self.fold, TradingFold)
            self.passivation = Passivation(self.fold)
        if self.passivation is None or self.closed is None or self._index is None:
            return
        if as_of:
            self.closed.place = seq
            return
        offset = self._index.offset()
        if seq >= (0 if offset is None else offset.seq):
            self.closed.look_at_all()
            self.passivation.attach(self.closed)
        self._index.release()
