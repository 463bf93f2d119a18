"""The follower: it folds the settled journal beside the engine, and writes the index and the snapshots.

So the engine never pauses to save itself, and what it may forget stands on disk. At a checkpoint the index takes every
closed entity that changed since the last one, with the place and the digest sum there, in one transaction; a snapshot
follows a checkpoint at the same place and holds all the rest. Killed anywhere, it goes on from what is on disk.
Whatever it finds damaged, or made by other code, it removes and builds again: both are caches.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

from msgspec import Struct

import actors
from ledger.codec import MODULO
from ledger.errors import Corrupt
from ledger.fold import (
    HASHED,
    KINDS,
    ClosedStates,
    MarketFold,
    TradingFold,
    apply_frame,
    dump_fold,
    fingerprint,
    is_closed,
    item_bytes,
    item_hash,
    key_bytes,
    listing_keys,
    open_index,
    outcome_range,
    restart,
    version_of,
)
from ledger.journal import (
    INDEX_FORMAT,
    SNAPSHOT_FORMAT,
    Head,
    IndexFile,
    IndexOffset,
    JournalReader,
    SnapshotHeader,
    broken_pages,
    drop_snapshots,
    index_path,
    list_snapshots,
    mark_damaged,
    marked_reading,
    open_readonly,
    pack_entry,
    place_text,
    remove_index,
    unpack_entry,
    write_snapshot,
)
from ledger.projections.writer_lock import WriterLock

CHECKPOINT_EVENTS: Final = 5_000
"""Events folded before a checkpoint is made although more are there: with more of them at once it leaves the caches, and an
event costs a fifth more; with fewer the syncs weigh."""
LOOKED_AT_MAX: Final = 2_000_000
"""Entries of an index up to which all of it is looked at before it is gone on from: some 4 s of CPU, while the engine's memory
grows. A longer one is left to `ledger verify`."""
FORGOTTEN_MAX: Final = 50_000
"""Outcomes of commands forgotten at one checkpoint: more than come in between."""
_NO_DIGEST: Final = bytes(16)
_Write = tuple[bytes, bytes | None, bytes | None]


@final
class _Told(Struct):
    """What a checkpoint tells the index of one kind."""

    digest: int = 0
    """Change of its sum of hashes."""
    count: int = 0
    """Change of its number of entries."""
    closed: dict[Any, int] = {}
    """The entities that it now holds as they are, with their hash."""


@final
class Follower:
    """One partition's follower, from `open` to `close`. Blocks; not to be shared between threads."""

    def __init__(
        self,
        data: Path,
        partition: int,
        *,
        snapshot_events: int,
        snapshots_kept: int,
        say: Callable[[str], None],
        checkpoint_events: int = CHECKPOINT_EVENTS,
        idempotence_window_ns: int = 0,
    ) -> None:
        """`idempotence_window_ns`: how long the index keeps the outcome of a command, by the time of its id; 0: for ever."""
        self._data = data
        self._window_ns = idempotence_window_ns
        self._partition = partition
        self._snapshot_events = snapshot_events
        self._kept = snapshots_kept
        self._checkpoint_events = checkpoint_events
        self._say = say
        self._readers: dict[str, JournalReader] = {}
        self.heads: dict[str, Head] = {}
        """Of what is folded, by journal."""

    def take(self) -> None:
        """Become the one follower of this partition. Raises Refused where there is no journal, Fenced."""
        self.lineage = open_readonly(self._data).lineage
        self._lock = WriterLock(self._data / "index" / str(self._partition) / "follower.lock")

    def release(self) -> None:
        """Be no follower any more: of one that could not open."""
        self._lock.release()

    def open(self) -> None:
        """Be where the index is. Raises Corrupt where the journal is, StorageError, Unavailable."""
        path = index_path(self._data, self._partition)
        with marked_reading(path.parent) as died:
            if died and path.exists() and (broken := broken_pages(path)):
                mark_damaged(self._data, self._partition, f"a follower died at it: {broken[0]}")
            self._open()

    def _open(self) -> None:
        self.index = self._open_index()
        try:
            self._be_where_it_is()
        except BaseException:
            self.index.close()
            raise

    def _be_where_it_is(self) -> None:
        offset = self.index.offset()
        origin = open_readonly(self._data).journal("trading", self._partition).origin
        found = restart(
            self._data,
            "trading",
            self._partition,
            index=self.index,
            passivates=True,
            wal=False,
            # From there on by `step`, with checkpoints between: memory does not grow with what is to be followed.
            to_seq=origin.seq if offset is None else offset.seq,
        )
        market = restart(self._data, "market", self._partition, wal=False)
        for note in (*found.notes, *market.notes):
            self._say(f"follower: {note}")
        assert isinstance(found.fold, TradingFold)
        assert isinstance(market.fold, MarketFold)
        assert found.passivation is not None
        self.trading, self.market, self._passivation = found.fold, market.fold, found.passivation
        self._passivation.attach(ClosedStates(self.index))
        self.heads = {"trading": found.head, "market": market.head}
        self._snapshots = {"trading": found.from_seq, "market": market.from_seq}
        for name in self.heads:
            self._readers[name] = JournalReader(self._data, name, self._partition, wal=False)
        self._offset = self.index.offset() or self._nothing()

    def _open_index(self) -> IndexFile:
        with JournalReader(self._data, "trading", self._partition, wal=False) as reader:
            end = reader.settled()
            file, _, why = open_index(self._data, self._partition, reader, end, writable=True)
            if file is not None and file.entries() <= LOOKED_AT_MAX and (why := file.damage()):
                file.close()
                file = None
            if file is None:
                self._say(f"follower: the index is built again: {why}")
                remove_index(self._data, self._partition)
                file, _, why = open_index(self._data, self._partition, reader, end, writable=True)
        if file is None:
            raise Corrupt(str(self._data / "index"), "", why, "remove this directory")
        return file

    def _nothing(self) -> IndexOffset:
        counts = dict.fromkeys(KINDS, 0)
        return IndexOffset(INDEX_FORMAT, self.lineage, self._partition, fingerprint(), 0, 0, b"", "0", counts)

    def close(self) -> None:
        """Checkpoint, a snapshot of each journal at its settled head, and let the files go."""
        try:
            while self.step():
                pass
            self.checkpoint()
            self.snapshot("trading")
            self.snapshot("market")
        finally:
            self.drop()

    def drop(self) -> None:
        """Let the files go as they are."""
        for reader in self._readers.values():
            reader.close()
        self.index.close()
        self._lock.release()

    # ---- following -----------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Fold some of what was settled since; checkpoints and snapshots as they fall due. Whether there was any."""
        moved = False
        for name, fold in (("trading", self.trading), ("market", self.market)):
            moved = self._fold_some(name, fold) or moved
        if self.heads["trading"].seq - self._offset.seq >= self._checkpoint_events:
            self.checkpoint()
        for name, head in self.heads.items():
            if head.seq - self._snapshots[name] >= self._snapshot_events:
                self.snapshot(name)
        return moved

    def _fold_some(self, name: str, fold: TradingFold | MarketFold) -> bool:
        events, head = 0, self.heads[name]
        with fold.entities.unnoted():
            for frame in self._readers[name].frames(head.seq + 1):
                events += apply_frame(fold, frame, frame.last_seq, str(self._data))
                self.heads[name] = frame.head
                if events >= self._checkpoint_events:
                    break
        return bool(events)

    @property
    def lag(self) -> int:
        """Events folded that the index does not have."""
        return self.heads["trading"].seq - self._offset.seq

    # ---- the index -----------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Everything closed by now is in the index when this returns. Raises StorageError."""
        head = self.heads["trading"]
        if head.seq == self._offset.seq:
            return
        entries: list[_Write] = []
        digest, counts = int(self._offset.digest, 16), dict(self._offset.counts)
        closed: dict[str, dict[Any, int]] = {}
        for kind, keys in self._passivation.take_changes():
            told = self._tell_index(kind, keys, head.seq, entries)
            digest += told.digest
            counts[kind] += told.count
            closed[kind] = told.closed
        expired = self._expired(head)
        entries += [(key, None, None) for key in expired]
        counts["outcome"] -= len(expired)
        offset = IndexOffset(
            INDEX_FORMAT,
            self.lineage,
            self._partition,
            fingerprint(),
            head.epoch,
            head.seq,
            head.chain_hash,
            f"{digest % MODULO:x}",
            counts,
            max(
                self._offset.forgotten_before_ns,
                head.recorded_at_ns - self._window_ns if self._window_ns else 0,
            ),
        )
        self.index.write(offset, entries, self._needed_from())
        self._offset = offset
        for kind, hashes in closed.items():
            self._passivation.leave(kind, hashes, head.seq)
        self._passivation.wait_for(head.seq, [])
        self._passivation.run(head.seq, 2**62)
        self.index.release()

    def _tell_index(self, kind: str, keys: set[Any], seq: int, entries: list[_Write]) -> _Told:
        """Add what the index is to be told of these entities, which changed since the last checkpoint; by key, so that
        neighbours are written together."""
        store: actors.Store[Any, Any] = self.trading.entities.store(kind)
        states = store.states
        key_of = {key_bytes(kind, key): key for key in keys}
        names = sorted(key_of)
        known = self.index.values(names)
        hashed = kind in HASHED
        may_be_open = hashed or kind == "outcome"  # an id is closed from the beginning
        lists = kind == "fill"
        told = _Told()
        listed: list[_Write] = []
        for name in names:
            key = key_of[name]
            state, stored = states[key], known.get(name)
            before = 0 if stored is None else self._told_before(name, stored)
            if may_be_open and not is_closed(kind, state):
                if stored is not None:
                    entries.append((name, None, stored))
                    told.digest -= before
                    told.count -= 1
                continue
            payload = item_bytes(kind, key, state)
            if stored is not None and unpack_entry(name, stored, self.index.path).payload == payload:
                told.closed[key] = before
                continue
            hash_, digest = 0, _NO_DIGEST
            version = (version_of(kind, state) or seq) if may_be_open else seq
            if hashed:
                digest = item_hash(kind, payload)
                hash_ = int.from_bytes(digest, "big")
            entries.append((name, pack_entry(name, version, digest, payload), stored))
            if lists and state.fill_id:  # an alias is not listed
                for place in listing_keys(key, state):
                    listed.append((place, pack_entry(place, version, _NO_DIGEST, name), None))
            told.digest += hash_ - before
            told.count += stored is None
            told.closed[key] = hash_
        listed.sort(key=_key)
        entries += listed
        return told

    def _told_before(self, name: bytes, stored: bytes) -> int:
        """The hash of what stands in the index."""
        return int.from_bytes(unpack_entry(name, stored, self.index.path).digest, "big")

    def _expired(self, head: Head) -> list[bytes]:
        """The outcomes that nobody may ask for any more: the engine, whose time is at least the head's, refuses their ids.

        No fold asks for an outcome, so nothing of them is kept for snapshots. Ids of orders and executions hold for
        the lineage and never expire.
        """
        if not self._window_ns:
            return []
        first, end = outcome_range(head.recorded_at_ns - self._window_ns)
        return self.index.keys(first, end, FORGOTTEN_MAX)

    def _needed_from(self) -> int:
        """Snapshots at or above this place are kept: what was replaced before it is needed by nobody."""
        kept = list_snapshots(self._data, "trading", self._partition)
        return kept[-1].seq if kept else self._offset.seq

    # ---- snapshots -----------------------------------------------------------------------------------------

    def snapshot(self, name: str) -> None:
        """Write one of this journal at the place that is folded, and keep the newest few. Raises StorageError."""
        head = self.heads[name]
        if head.seq == self._snapshots[name] or not head.seq:
            return
        if name == "trading":
            self.checkpoint()
        fold = self.trading if name == "trading" else self.market
        offset = self._offset if name == "trading" else self._nothing()
        header = SnapshotHeader(
            SNAPSHOT_FORMAT,
            name,
            self._partition,
            self.lineage,
            fingerprint(),
            head.epoch,
            head.seq,
            head.chain_hash,
            head.recorded_at_ns,
            f"{fold.digest():032x}",
            offset.seq,
            offset.digest,
            offset.counts,
        )
        write_snapshot(self._data, header, dump_fold(fold))
        self._snapshots[name] = head.seq
        for each in list_snapshots(self._data, name, self._partition):
            if each.seq > head.seq:  # of another lineage, or of a journal that is no more
                each.path.unlink(missing_ok=True)
        drop_snapshots(self._data, name, self._partition, self._kept)

    def mark_damaged(self, error: Corrupt) -> None:
        """The index turned out to be damaged: the next follower builds it again."""
        if Path(error.file) == index_path(self._data, self._partition):
            mark_damaged(self._data, self._partition, error.what)

    def places(self) -> str:
        """Where it stands, for people."""
        return " ".join(place_text(name, self._partition, head.seq) for name, head in self.heads.items())


def _key(write: _Write) -> bytes:
    return write[0]
