"""Cuts: dropping what lies before a base, and continuing a copy under a lineage of its own.

Both write the base first, then what names it, durably; only then is anything removed or moved. A crash in between
leaves the journal as it was, or the new one: with files that the next drop removes, or moves that its next owner ends.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ledger.journal.base import BASE, fork_hash
from ledger.journal.begun import JOURNALS, PARENTS, PREPARED, Begun, finish_begun, read_begun, write_begun
from ledger.journal.directory import DataDirectory, open_readonly
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
from ledger.journal.ownership import take_ownership
from ledger.journal.segments import LOCK_SUFFIX, SEGMENTS, JournalDirectory, SegmentFile

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


def finish_lineage(path: Path | str) -> str:
    """The lineage that was begun in a data directory and is finished now; "" where none was.

    Raises Refused where it is owned, Corrupt, StorageError.
    """
    absolute = Path(path).absolute()
    if read_begun(absolute) is None:
        return ""
    with _owned(absolute):
        return finish_begun(absolute)


def begin_lineage(path: Path | str, make_base: MakeBase) -> str:
    """Makes a data directory that is a copy a journal of its own; its lineage.

    What it holds is folded into bases; the journals of the parent move to `parents/LINEAGE`, where they can be read
    and verified as before. A crash leaves the copy, or the new lineage, which the next owner finishes. Raises Refused
    where it is owned, Corrupt, StorageError.
    """
    data = open_readonly(path)
    with _owned(data.path):
        return _begin(data, str(uuid.uuid4()), make_base)


@contextmanager
def _owned(path: Path) -> Generator[None]:
    try:
        ownership = take_ownership(path, "begin a lineage")
        try:
            yield
        finally:
            ownership.release()
    except OSError as error:
        raise storage_error("beginning a lineage in", str(path), error) from error


def _begin(data: DataDirectory, lineage: str, make_base: MakeBase) -> str:
    prepared = data.path / PREPARED
    shutil.rmtree(prepared, ignore_errors=True)  # of a begin that a crash cut short
    parent = data.path / PARENTS / data.lineage
    if (parent / MANIFEST).exists():
        raise Refused(f"{parent} is there already", "a journal cannot be its own parent: choose another copy")
    for journal in JOURNALS:
        for partition in range(data.partitions):
            _begin_partition(
                data.journal(journal, partition), prepared / journal / str(partition), lineage, make_base
            )
    created = datetime.now(UTC).isoformat("T", "seconds")
    write_manifest(
        prepared / MANIFEST, DataManifest(FORMAT, lineage, data.partitions, created, software_version())
    )
    write_begun(data.path, Begun(lineage, data.lineage))
    return finish_begun(data.path)


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
