"""Recovery is replay: of a whole journal, or of what follows a snapshot; and the seqs with which a new start goes on.

`recover` is the engine's start; `replay` is what proves it: it reads nothing but the journal. `ledger replay` uses it,
and every command that looks at a ledger that does not run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

import actors
from ledger.collecting import no_collection
from ledger.errors import Corrupt
from ledger.fold import (
    MarketFold,
    Restarted,
    TradingFold,
    apply_frame,
    before_base,
    check_stopped,
    load_base,
    open_index,
    restart,
)
from ledger.journal import (
    DataDirectory,
    Head,
    IndexFile,
    JournalReader,
    broken_pages,
    check_pages,
    index_path,
    mark_damaged,
)

EPOCH_LEAP: Final = 2**24
"""How far above the last durable market seq a start begins: more than can ever be published and not yet synced."""


@final
class Replayed(Struct, frozen=True):
    """A fold of a whole journal, or of a part from its beginning, and where it ends."""

    fold: TradingFold | MarketFold
    head: Head
    events: int
    seconds: float
    settled_seq: int
    """How much of it stands in LMDB; the rest in the wal."""


def first_seq_of_start(journal: str, head: Head) -> int:
    """The first seq of a new start: the next one; in the market journal a leap above what may have been published."""
    if journal == "market" and head.seq:
        return head.seq + EPOCH_LEAP + 1
    return head.seq + 1


def look_before_reading(directory: DataDirectory, partition: int) -> None:
    """After a start that died while it read: walk the pages that a start reads first.

    Raises Corrupt for a segment; an index that is damaged is marked, so that it is not used.
    """
    index = index_path(directory.path, partition)
    if index.exists() and (broken := broken_pages(index)):
        mark_damaged(directory.path, partition, f"a start died at it: {broken[0]}")
    for journal in ("trading", "market"):
        segments = directory.journal(journal, partition).segments()
        check_pages([segment.path for segment in segments])


@final
class Recovered(Struct, frozen=True):
    """Both folds of a partition at their heads."""

    trading: Restarted
    market: Restarted
    index: IndexFile | None
    """Open; None where there is none that can be used."""
    why_no_index: str
    entities: actors.Entities
    """Those of both folds."""
    damaged_index: str = ""
    """What is wrong with an index whose damage showed only when an entry was needed; it is not used."""


def recover(
    data: Path,
    partition: int,
    *,
    passivates: bool = True,
    use_index: bool = True,
    wal: bool | None = None,
    ends: dict[str, int] | None = None,
) -> Recovered:
    """The state at the heads, or at `ends` by journal, from snapshots and the index as far as they can be used.

    An index whose damage shows only when an entry is needed is put aside then, and all begins again without it.

    Raises Corrupt, StorageError, Unavailable.
    """
    index, why, damaged = None, "it is not to be used", ""
    entities = actors.Entities()
    if use_index:
        with JournalReader(data, "trading", partition, wal=wal) as reader:
            index, _, why = open_index(data, partition, reader, reader.head())
    to = ends or {}
    passes = partial(
        restart, data, "trading", partition, passivates=passivates, wal=wal, to_seq=to.get("trading")
    )
    try:
        trading = passes(index=index, entities=entities)
    except Corrupt as error:
        if index is None or error.file != str(index.path):
            raise
        index.close()
        index, why = None, f"{error.place}: {error.what}"
        damaged, entities = why, actors.Entities()  # what was folded so far goes
        trading = passes(entities=entities)
    market = restart(data, "market", partition, entities=entities, to_seq=to.get("market"))
    return Recovered(trading, market, index, why, entities, damaged)


def replay(
    data: Path,
    journal: str,
    partition: int,
    *,
    to_seq: int | None = None,
    to_time_ns: int | None = None,
    entities: actors.Entities | None = None,
    wal: bool | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Replayed:
    """Fold a journal from its first event, or from its base, up to `to_seq`, or up to the last frame recorded at or before a time.

    Reads beside a running engine, too, then up to the settled head (`wal`: see JournalReader).
    `on_progress(seq, head_seq)` is called once per frame. Raises Corrupt.
    """
    fold = (TradingFold if journal == "trading" else MarketFold)(partition, entities)
    last = 2**63 - 1 if to_seq is None else to_seq
    events = 0
    begun = time.perf_counter()
    with no_collection(), JournalReader(data, journal, partition, wal=wal) as reader:
        head = reader.directory.origin
        if last < head.seq:
            raise before_base(reader.directory, last)
        load_base(reader.directory, fold, check_digest=True)
        end = reader.head()
        check_stopped(reader, end)
        with fold.entities.unnoted():
            for frame in reader.frames():
                if frame.first_seq > last or (to_time_ns is not None and frame.recorded_at_ns > to_time_ns):
                    break
                events += apply_frame(fold, frame, last, str(data))
                head = frame.head if frame.last_seq <= last else msgspec.structs.replace(frame.head, seq=last)
                if on_progress is not None:
                    on_progress(head.seq, end.seq)
        settled_seq = min(head.seq, reader.settled().seq)
    return Replayed(fold, head, events, time.perf_counter() - begun, settled_seq)
