"""The segments of one partition's journal: their files, their names and the frames in them.

A segment is an LMDB file named by its first seq. It gets its name only with a first frame durable in it, so a named
segment is never empty; it is sealed with a manifest before the next one is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

import lmdb
import msgspec

from ledger.journal.environment import SegmentHandle, damaged_file
from ledger.journal.frame import FORMAT, Frame, Head, Source, decode_frame
from ledger.journal.manifest import (
    MANIFEST,
    HeadRecord,
    PartitionManifest,
    SegmentManifest,
    read_manifest,
    software_version,
)

SEGMENTS: Final = "segments"
WAL: Final = "wal"
UNFINISHED: Final = ".new.lmdb"
"""A segment whose first frame is not durable yet: no frame in it was ever acknowledged."""
LOCK_SUFFIX: Final = "-lock"
_NAME: Final = re.compile(r"\d{20}\.lmdb")

Item = tuple[bytes, bytes]


@final
class SegmentFile(msgspec.Struct, frozen=True):
    """A segment's place on disk."""

    path: Path
    first_seq: int

    @property
    def manifest_path(self) -> Path:
        return self.path.with_suffix(".json")

    def sealed(self) -> bool:
        """Whether it will never be written again."""
        return self.manifest_path.exists()

    def manifest(self) -> SegmentManifest:
        """Raises FileNotFoundError where it is not sealed, Corrupt, Refused."""
        return read_manifest(self.manifest_path, SegmentManifest)


@final
class JournalDirectory:
    """One partition of one journal on disk: where it lies, what it chains from, where it last stopped cleanly."""

    def __init__(self, path: Path, manifest: PartitionManifest) -> None:
        self.path = path
        self.manifest = manifest
        self.lineage = manifest.lineage
        self.journal = manifest.journal
        self.partition = manifest.partition
        self.origin: Head = manifest.origin.head()
        """The head before the oldest kept frame: genesis, or a cut."""
        self.stopped: Head | None = manifest.stopped.head() if manifest.stopped else None
        """The head at the last clean stop."""
        self.segments_path = path / SEGMENTS

    @classmethod
    def read(cls, path: Path) -> JournalDirectory:
        """Raises FileNotFoundError, Corrupt, Refused."""
        return cls(path, read_manifest(path / MANIFEST, PartitionManifest))

    def segments(self) -> list[SegmentFile]:
        """The named segments in order. Raises OSError."""
        names = sorted(entry.name for entry in self.segments_path.iterdir() if _NAME.fullmatch(entry.name))
        return [self.segment(int(name[:20])) for name in names]

    def segment(self, first_seq: int) -> SegmentFile:
        return SegmentFile(self.segments_path / f"{first_seq:020d}.lmdb", first_seq)

    def source(self, path: Path) -> Source:
        return Source(str(path), self.journal, self.partition)


def first_frame(transaction: lmdb.Transaction[bytes], source: Source) -> Frame:
    """The first frame of a segment, decoded. Raises Corrupt, also where there is none."""
    with transaction.cursor() as cursor:
        if not cursor.first():
            raise damaged_file(Path(source.file), "a segment without a frame")
        return decode_frame(cursor.key(), cursor.value(), source)


def last_frame(transaction: lmdb.Transaction[bytes], source: Source) -> Frame:
    """The last frame of a segment, decoded. Raises Corrupt, also where there is none."""
    with transaction.cursor() as cursor:
        if not cursor.last():
            raise damaged_file(Path(source.file), "a segment without a frame")
        return decode_frame(cursor.key(), cursor.value(), source)


def copy_items(handle: SegmentHandle, from_key: bytes, bytes_max: int, items_max: int) -> Sequence[Item]:
    """Stored (key, value) pairs from `from_key` on, copied out of one short read transaction; at least one if any."""
    items: list[Item] = []
    size = 0
    with handle.read() as transaction, transaction.cursor() as cursor:
        if cursor.set_range(from_key):
            for item in cursor.iternext():
                items.append(item)
                size += len(item[1])
                if size >= bytes_max or len(items) >= items_max:
                    break
    if items and items[0][0] < from_key:
        # A changed flag of the database makes LMDB compare keys in another way: a walk would never end.
        raise damaged_file(handle.path, "LMDB does not keep the keys in their order")
    return items


def describe_segment(
    directory: JournalDirectory, segment: SegmentFile, handle: SegmentHandle, before: Head
) -> SegmentManifest:
    """The manifest that seals a segment which follows `before`. Raises Corrupt, lmdb.Error, OSError."""
    source = directory.source(segment.path)
    with handle.read() as transaction:
        first = first_frame(transaction, source)
        last = last_frame(transaction, source)
        frames = transaction.stat()["entries"]
    if first.first_seq != segment.first_seq or first.previous_hash != before.chain_hash:
        raise source.corrupt(first.first_seq, f"does not follow the segment that ends at {before.seq}")
    return SegmentManifest(
        FORMAT,
        directory.lineage,
        directory.journal,
        directory.partition,
        first.first_seq,
        HeadRecord.of(before),
        HeadRecord.of(last.head),
        frames,
        segment.path.stat().st_size,
        software_version(),
    )
