"""What a wal holds above the settled head, and whether it agrees with what was settled.

All intact frames above the settled head, on any page of both files, must form one chain from it. A gap below the
highest of them, or a frame that differs from the settled one of its seq, is damage. Broken pages with nothing intact
above them are a torn end: that frame was never acknowledged, or nobody can tell any more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.environment import SegmentHandle
from ledger.journal.errors import Corrupt
from ledger.journal.frame import HASH_BYTES, Frame, Head, Source, key_of, place_text, why_not_next
from ledger.journal.segments import JournalDirectory, SegmentFile
from ledger.journal.wal_file import KEEP_BOTH, WalFrame, WalScan, scan_wal, wal_paths

SETTLE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Bytes of frames in one settle transaction, or one frame."""


@final
class Unsettled(msgspec.Struct, frozen=True):
    """What follows the settled head in the wal."""

    frames: list[Frame]
    """In order; they chain from the settled head."""
    torn: str
    """What can be seen of a frame after them that is not whole; empty: nothing."""


NOTHING: Final = Unsettled([], "")


def recover_wal(directory: JournalDirectory, settled: Head) -> Unsettled:
    """What an owner has to settle at its start; also compares what is settled. Raises Corrupt, Refused, OSError."""
    if not wal_paths(directory):
        return NOTHING
    scan = scan_wal(directory)
    compare_settled(
        directory, settled, [found for found in scan.frames if found.frame.first_seq <= settled.seq]
    )
    return above(directory, settled, scan)


def unsettled(directory: JournalDirectory, settled: Head) -> Unsettled:
    """What a reader finds above the settled head. Raises Corrupt, Refused, OSError."""
    return above(directory, settled, scan_wal(directory, settled.seq)) if wal_paths(directory) else NOTHING


def above(directory: JournalDirectory, settled: Head, scan: WalScan) -> Unsettled:
    """The frames of a scan that follow `settled`. Raises Corrupt where they are no chain from it."""
    frames: list[Frame] = []
    head = settled
    higher = [found for found in scan.frames if found.frame.first_seq > settled.seq]
    for found in sorted(higher, key=lambda found: found.frame.first_seq):
        frame = found.frame
        why = why_not_next(directory.journal, head, frame)
        if why is None and frame.previous_hash != head.chain_hash:
            why = f"does not chain from the frame that ends at {head.seq}"
        if why is not None:
            raise _damage(found.source, frame.first_seq, why)
        frames.append(frame)
        head = frame.head
    return Unsettled(frames, _torn_end(directory, head, scan))


def compare_settled(directory: JournalDirectory, settled: Head, stale: Sequence[WalFrame]) -> None:
    """Raises Corrupt where a frame of the wal is not the one that was settled under its seq.

    Frames of segments that are not here any more cannot be compared.
    """
    segments = directory.segments()

    def segment_of(found: WalFrame) -> int:
        return bisect_right(segments, found.frame.first_seq, key=lambda segment: segment.first_seq) - 1

    in_order = sorted(stale, key=lambda found: found.frame.first_seq)
    for index, group in groupby(in_order, key=segment_of):
        if index >= 0:
            _compare_segment(segments[index], settled, group)


def batches(frames: Sequence[Frame]) -> Iterator[Sequence[Frame]]:
    """Cuts frames into what one settle transaction takes."""
    start = size = 0
    for index, frame in enumerate(frames):
        if index > start and size + frame.bytes_count > SETTLE_BYTES_MAX:
            yield frames[start:index]
            start, size = index, 0
        size += frame.bytes_count
    if start < len(frames):
        yield frames[start:]


def _compare_segment(segment: SegmentFile, settled: Head, stale: Iterator[WalFrame]) -> None:
    sealed = segment.sealed()
    last_seq = segment.manifest().last.seq if sealed else settled.seq
    handle = SegmentHandle(segment.path, sealed=sealed)
    try:
        with handle.read() as transaction:
            for found in stale:
                frame = found.frame
                if frame.first_seq > last_seq:
                    continue  # of a segment that is not here
                value = transaction.get(key_of(frame.first_seq))
                if value is None or value[-HASH_BYTES:] != frame.chain_hash:
                    what = f"the wal and {segment.path.name} hold different frames here"
                    raise _damage(found.source, frame.first_seq, what)
    finally:
        handle.close()


def _torn_end(directory: JournalDirectory, head: Head, scan: WalScan) -> str:
    for broken in scan.broken:
        if broken.first_seq == head.seq + 1 or broken.previous_hash == head.chain_hash:
            place = place_text(directory.journal, directory.partition, head.seq)
            name = Path(broken.source.file).name
            return (
                f"{place}: the wal ended in a damaged frame after {head.seq} ({name}, byte {broken.offset})"
            )
    return ""


def _damage(source: Source, seq: int, what: str) -> Corrupt:
    return Corrupt(source.file, source.place(seq), what, KEEP_BOTH)
