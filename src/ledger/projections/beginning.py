"""Where a feed begins: the state at a sink's place from the follower's newest snapshot before it and the index.

What is closed stays in the index and is looked up when an event or a row needs it, as of the place that is folded. The
follower writes the index meanwhile, ahead of a projector that lags: what a checkpoint replaced stands beside it for as
long as a snapshot is kept that needs it, so a projector that has fallen behind the oldest one begins anew (`Outrun`).
Snapshots and the index are caches: without them everything is folded from the first event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from msgspec import Struct

import actors
from ledger.errors import Corrupt, Unavailable
from ledger.fold import KINDS, ClosedStates, MarketFold, TradingFold, open_index, restart
from ledger.journal import Head, IndexFile, JournalReader, list_snapshots

Fold = TradingFold | MarketFold
OnProgress = Callable[[int, int], None]


class Outrun(Exception):
    """The index no longer shows what stood where this fold is, or cannot be read: begin anew."""


@final
class Begun(Struct, frozen=True):
    """A fold at a place."""

    fold: Fold
    head: Head
    """Of the last whole frame."""
    from_seq: int
    """Where it began: a snapshot, a base, or 0."""
    closed: ClosedBehind | None
    """None where everything is in memory."""


@final
class ClosedBehind:
    """The closed entities of an index that somebody else writes, as of the place that is folded here."""

    def __init__(self, data: Path, partition: int, file: IndexFile) -> None:
        self._data = data
        self._partition = partition
        self._file = file
        self._closed = ClosedStates(file)
        self._place = 0
        self._seen: int | None = None
        """Offset of the view that is being looked at; None: none is held."""

    def attach(self, fold: TradingFold) -> None:
        """What this fold has not in memory is looked for here."""
        fold.closed = self._closed
        for kind in KINDS:
            store: actors.Store[Any, Any] = fold.entities.store(kind)
            store.load = self._loader(self._closed.loader(kind, _nobody_asks))

    def comes(self, seq: int) -> None:
        """The next event to be folded is this one."""
        self._place = seq - 1
        if self._seen is not None:
            self._aim()

    def release(self) -> None:
        """Let the writer reuse its pages; the next look sees the newest."""
        self._seen = None
        self._file.release()

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()

    def _loader(self, load: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def found(key: Any) -> Any:
            try:
                if self._seen is None:
                    self._look()
                return load(key)
            except (Corrupt, Unavailable) as error:  # of a cache: the journal has all of it
                raise Outrun(str(error)) from error

        return found

    def _look(self) -> None:
        offset = self._file.offset()
        self._seen = 0 if offset is None else offset.seq
        self._closed.look_back(self._place)
        self._aim()

    def _aim(self) -> None:
        assert self._seen is not None
        if self._seen <= self._place:
            self._closed.look_at_all()
            return
        self._closed.place = self._place
        kept = list_snapshots(self._data, "trading", self._partition)
        if not kept or self._place < kept[-1].seq:
            raise Outrun(f"the index is at {self._seen}, this fold at {self._place}")


def begin_at(
    data: Path,
    journal: str,
    partition: int,
    dirty: Mapping[str, set[Any]],
    to_seq: int,
    *,
    wal: bool | None,
    with_index: bool,
    on_progress: OnProgress,
) -> Begun:
    """Fold up to `to_seq`, a trading journal without its index from the first event; `dirty` collects from then on, by kind, the entities that change. Raises Corrupt,
    StorageError, Unavailable, and what `on_progress` raises."""
    entities = actors.Entities()
    for kind, keys in dirty.items():
        entities.store(kind, dirty=keys)
    index = _index(data, partition, wal) if with_index and journal == "trading" else None
    try:
        found = restart(
            data,
            journal,
            partition,
            index=index,
            entities=entities,
            wal=wal,
            to_seq=to_seq,
            on_progress=on_progress,
        )
    except BaseException as error:
        if index is None:
            raise
        index.close()
        if not isinstance(error, Corrupt) or error.file != str(index.path):
            raise
        # The index is damaged: the journal has all of it.
        return begin_at(
            data, journal, partition, dirty, to_seq, wal=wal, with_index=False, on_progress=on_progress
        )
    for kind in KINDS:  # whoever restarts also watches what changes: that is over
        store: actors.Store[Any, Any] = entities.store(kind)
        store.load, store.dirty = None, dirty.get(kind)
    for keys in dirty.values():
        keys.clear()
    closed: ClosedBehind | None = None
    if index is not None:
        if found.passivation is not None and found.passivation.anything_away:
            assert isinstance(found.fold, TradingFold)
            closed = ClosedBehind(data, partition, index)
            closed.attach(found.fold)
        else:
            index.close()
    return Begun(found.fold, found.origin, found.from_seq, closed)


def _index(data: Path, partition: int, wal: bool | None) -> IndexFile | None:
    with JournalReader(data, "trading", partition, wal=wal) as reader:
        return open_index(data, partition, reader, reader.head())[0]


def _nobody_asks(_kind: str, _key: Any, _entry: Any) -> None:
    """Nothing to do when an entity comes back: it stays in memory, and its digest is not asked for."""
