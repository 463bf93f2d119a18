"""Cuts: dropping what lies before a base, and continuing a copy under a lineage of its own.

Both write the base first, then the manifest that names it, durably; only then is anything removed. A crash in between
leaves the journal as it was, or the new one with files that the next drop removes.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from ledger.journal.base import BASE, fork_hash
from ledger.journal.copying import PARENTS
from ledger.journal.directory import COPY_MARK, JOURNALS, DataDirectory, open_readonly
from ledger.journal.errors import Refused, storage_error
from ledger.journal.frame import FORMAT, Head, genesis
from ledger.journal.manifest import (
    MANIFEST,
    BaseRecord,
    DataManifest,
    HeadRecord,
    ParentRecord,
    PartitionManifest,
    make_directories,
    software_version,
    sync_directory,
    write_manifest,
)
from ledger.journal.ownership import LOCK, take_ownership
from ledger.journal.segments import LOCK_SUFFIX, SEGMENTS, JournalDirectory, SegmentFile

_BEGUN: Final = ".new-lineage"
MakeBase = Callable[[JournalDirectory, Path], tuple[Head, BaseRecord | None]]
"""Folds a partition to its head and writes the base into another partition directory; None: nothing was ever in it."""


def droppable(directory: JournalDirectory, before_seq: int) -> Sequence[SegmentFile]:
    """The sealed segments that lie wholly before an event. Raises Corrupt, Refused."""
    found: list[SegmentFile] = []
    for segment in directory.segments():
        if not segment.sealed() or segment.manifest().last.seq >= before_seq:
            break
        found.append(segment)
    return found


def drop_segments(directory: JournalDirectory, segments: Sequence[SegmentFile], base: BaseRecord) -> int:
    """Removes the oldest segments, behind their base, which is durable already; the bytes set free. By the owner only.

    Raises StorageError.
    """
    origin = segments[-1].manifest().last
    manifest = msgspec.structs.replace(directory.manifest, origin=origin, base=base)
    freed = sum(segment.path.stat().st_size for segment in segments)
    try:
        write_manifest(directory.path / MANIFEST, manifest)
        for segment in segments:
            lock = segment.path.with_name(segment.path.name + LOCK_SUFFIX)
            for path in (segment.path, lock, segment.manifest_path):
                path.unlink(missing_ok=True)
        for path in (directory.path / BASE).iterdir():
            if path.name != base.file:
                path.unlink()
        sync_directory(directory.segments_path)
        sync_directory(directory.path / BASE)
    except OSError as error:
        raise storage_error("dropping segments of", str(directory.path), error) from error
    return freed


def begin_lineage(path: Path | str, make_base: MakeBase) -> str:
    """Makes a data directory that is a copy a journal of its own; its lineage.

    What it holds is folded into bases; the journals of the parent move to `parents/LINEAGE`, where they can be read
    and verified as before. Raises Refused where it is owned, Corrupt, StorageError.
    """
    data = open_readonly(path)
    lineage = str(uuid.uuid4())
    try:
        ownership = take_ownership(data.path, "begin a lineage")
        try:
            _begin(data, lineage, make_base)
        finally:
            ownership.release()
    except OSError as error:
        raise storage_error("beginning a lineage in", str(data.path), error) from error
    return lineage


def _begin(data: DataDirectory, lineage: str, make_base: MakeBase) -> None:
    begun = data.path / _BEGUN
    shutil.rmtree(begun, ignore_errors=True)  # of a begin that a crash cut short
    for journal in JOURNALS:
        for partition in range(data.partitions):
            _begin_partition(
                data.journal(journal, partition), begun / journal / str(partition), lineage, make_base
            )
    created = datetime.now(UTC).isoformat("T", "seconds")
    write_manifest(
        begun / MANIFEST, DataManifest(FORMAT, lineage, data.partitions, created, software_version())
    )
    parent = data.path / PARENTS / data.lineage
    if parent.exists():
        raise Refused(f"{parent} is there already", "a journal cannot be its own parent: choose another copy")
    make_directories(parent)
    # The manifest moves first: from here to the last rename there is no journal here, and a start says so.
    os.rename(data.path / MANIFEST, parent / MANIFEST)
    for journal in JOURNALS:
        os.rename(data.path / journal, parent / journal)
    (parent / LOCK).touch()
    for journal in JOURNALS:
        os.rename(begun / journal, data.path / journal)
    (data.path / COPY_MARK).unlink(missing_ok=True)
    sync_directory(parent)
    sync_directory(data.path)
    os.rename(begun / MANIFEST, data.path / MANIFEST)
    begun.rmdir()
    sync_directory(data.path)


def _begin_partition(old: JournalDirectory, to: Path, lineage: str, make_base: MakeBase) -> None:
    make_directories(to / SEGMENTS)
    head, base = make_base(old, to)
    if base is None:
        origin, parent = genesis(lineage, old.journal, old.partition), None
    else:
        origin = Head(head.epoch, head.seq, fork_hash(head.chain_hash, lineage), head.recorded_at_ns)
        parent = ParentRecord(old.lineage, HeadRecord.of(head))
    manifest = PartitionManifest(
        FORMAT, lineage, old.journal, old.partition, HeadRecord.of(origin), None, base, parent
    )
    write_manifest(to / MANIFEST, manifest)
