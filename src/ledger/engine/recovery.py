"""Recovery is replay: fold a journal from its first frame; and the seqs with which a new start goes on.

Used by the engine at start, by `ledger replay`, and by every command that looks at a ledger that does not run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

import actors
from ledger.codec import decode_events
from ledger.engine.collecting import no_collection
from ledger.errors import Corrupt
from ledger.fold import MarketFold, TradingFold
from ledger.journal import Frame, Head, JournalReader, open_readonly, place_text

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


def apply_frame(fold: TradingFold | MarketFold, frame: Frame, to_seq: int, file: str) -> int:
    """Fold one frame's events up to `to_seq`; how many. Raises Corrupt where they cannot be decoded or applied."""
    seq = frame.first_seq
    try:
        events = decode_events(frame.payload)
        steps, now = fold.steps, frame.recorded_at_ns
        for event in events if to_seq >= frame.last_seq else events[: to_seq - seq + 1]:
            steps[type(event)](seq, now, event)
            seq += 1
    except Exception as error:
        fold.entities.discard()
        name = "trading" if isinstance(fold, TradingFold) else "market"
        what = f"the event cannot be {'decoded' if isinstance(error, msgspec.MsgspecError) else 'applied'}: {error!r}"
        hint = "keep the journal as it is; run the version of ledger that wrote it, and report this line"
        raise Corrupt(file, place_text(name, fold.partition, seq), what, hint) from error
    fold.entities.install()
    return seq - frame.first_seq


def _check_stopped(reader: JournalReader, end: Head) -> None:
    """Raises Corrupt for a journal that is shorter than at its last clean stop: its end is missing."""
    directory = reader.directory
    if directory.stopped is None or end.seq >= directory.stopped.seq:
        return
    name, number = directory.journal, directory.partition
    raise Corrupt(
        str(directory.path),
        place_text(name, number, directory.stopped.seq),
        f"the last clean stop was there, the journal ends at {end.seq}",
        "put the segment back from a copy, then: ledger verify",
    )


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
    """Fold a journal from its first event up to `to_seq`, or up to the last frame recorded at or before a time.

    Reads beside a running engine, too, then up to the settled head (`wal`: see JournalReader).
    `on_progress(seq, head_seq)` is called once per frame. Raises Corrupt.
    """
    fold = (TradingFold if journal == "trading" else MarketFold)(partition, entities)
    last = 2**63 - 1 if to_seq is None else to_seq
    events = 0
    begun = time.perf_counter()
    with no_collection(), JournalReader(data, journal, partition, wal=wal) as reader:
        head = open_readonly(data).journal(journal, partition).origin
        end = reader.head()
        _check_stopped(reader, end)
        for frame in reader.frames():
            if frame.first_seq > last or (to_time_ns is not None and frame.recorded_at_ns > to_time_ns):
                break
            events += apply_frame(fold, frame, last, str(data))
            head = frame.head if frame.last_seq <= last else msgspec.structs.replace(frame.head, seq=last)
            if on_progress is not None:
                on_progress(head.seq, end.seq)
        settled_seq = min(head.seq, reader.settled().seq)
    return Replayed(fold, head, events, time.perf_counter() - begun, settled_seq)
