"""The hot copy: a consistent copy of a data directory beside its running owner, and without one.

Sealed segments are copied as files, the newest by LMDB in one read transaction, so each partition of the copy is a
whole prefix of the original. Trading is copied before market, since its events name market places and not the other
way round. With no owner the wal is copied, too, and no owner can come meanwhile. The copy carries a mark: nobody
owns it under the old lineage.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.base import BASE
from ledger.journal.begun import COPY_MARK, JOURNALS, PARENTS
from ledger.journal.directory import open_readonly
from ledger.journal.environment import SegmentHandle
from ledger.journal.errors import Corrupt, Refused, storage_error
from ledger.journal.manifest import MANIFEST, make_directories, read_manifest, sync_directory, write_durably
from ledger.journal.manifest import DataManifest as _DataManifest
from ledger.journal.ownership import LOCK, owner_of, take_ownership
from ledger.journal.segments import LOCK_SUFFIX, SEGMENTS, WAL, JournalDirectory, SegmentFile

_CHUNK: Final = 4 * 1024 * 1024
Progress = Callable[[int, int], None]


@final
class CopyMark(msgspec.Struct, frozen=True):
    """`DIR/copy.json`: this directory is a copy."""

    of: str
    """The directory that was copied."""
    lineage: str
    copied: str
    beside_owner: str
    """Who owned the original; empty: nobody."""


def copy_journal(source: Path | str, target: Path | str, on_progress: Progress | None = None) -> CopyMark:
    """Copies a data directory into a new one; everything is durable when it returns.

    Raises Refused where `target` holds anything or lies within the source, Corrupt, StorageError.
    """
    data, to = open_readonly(source), Path(target).absolute()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise Refused(f"{to} is not empty", "name a new directory")
    if to.resolve().is_relative_to(data.path.resolve()):
        raise Refused(f"{to} lies within {data.path}", "name a directory elsewhere")
    try:
        with _still_or_owned(data.path) as owner:
            mark = CopyMark(str(data.path), data.lineage, _now(), owner)
            make_directories(to)
            write_durably(to / COPY_MARK, msgspec.json.format(msgspec.json.encode(mark), indent=2) + b"\n")
            work = _Work(data.path, on_progress)
            for journal in JOURNALS:
                for partition in range(data.partitions):
                    work.partition(data.journal(journal, partition), to / journal / str(partition), owner)
            if (data.path / PARENTS).is_dir():
                shutil.copytree(data.path / PARENTS, to / PARENTS)
                _sync_tree(to / PARENTS)
            # Last: without it there is no journal here, so a copy that was cut short cannot be taken for one.
            work.file(data.path / MANIFEST, to / MANIFEST)
            sync_directory(to)
    except OSError as error:
        raise storage_error("copying to", str(to), error) from error
    return mark


def read_mark(path: Path) -> CopyMark | None:
    """What a copy says of itself; None: it is none. Raises Corrupt."""
    try:
        return msgspec.json.decode((path / COPY_MARK).read_bytes(), type=CopyMark)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise Corrupt(
            str(path / COPY_MARK), "", f"not the mark of a copy: {error}", "make the copy anew"
        ) from error


@contextmanager
def _still_or_owned(path: Path):
    """Who owns the journal now; if nobody does, nobody can until the end, where the directory can be written."""
    owner = owner_of(path)
    with ExitStack() as stack:
        if owner is None and os.access(path / LOCK, os.W_OK):
            ownership = take_ownership(path, "journal copy")
            stack.callback(ownership.release)
        yield "" if owner is None else str(owner)


@final
class _Work:
    def __init__(self, source: Path, on_progress: Progress | None) -> None:
        self._on_progress = on_progress
        self._done = 0
        self._total = sum(path.stat().st_size for path in source.glob(f"*/*/{SEGMENTS}/*.lmdb"))

    def partition(self, directory: JournalDirectory, to: Path, owner: str) -> None:
        """One partition; its manifest was read before its segments are looked for, so it never says more than they."""
        make_directories(to / SEGMENTS)
        segments = directory.segments()
        for segment in segments:
            if segment.sealed():
                self.file(segment.path, to / SEGMENTS / segment.path.name)
                self.file(segment.manifest_path, to / SEGMENTS / segment.manifest_path.name)
            else:
                self._open_segment(segment, to / SEGMENTS / segment.path.name)
        for folder in (BASE,) if owner else (BASE, WAL):
            if (directory.path / folder).is_dir():
                make_directories(to / folder)
                for path in sorted((directory.path / folder).iterdir()):
                    if not path.name.startswith("."):
                        self.file(path, to / folder / path.name)
                sync_directory(to / folder)
        sync_directory(to / SEGMENTS)
        content = msgspec.json.format(msgspec.json.encode(directory.manifest), indent=2) + b"\n"
        write_durably(to / MANIFEST, content)

    def _open_segment(self, segment: SegmentFile, to: Path) -> None:
        """The segment that the owner writes: what one read transaction sees of it."""
        handle = SegmentHandle(segment.path)
        try:
            handle.environment.copy(str(to))
        finally:
            handle.close()
        _sync(to)
        self._told(to.stat().st_size)

    def file(self, path: Path, to: Path) -> None:
        with path.open("rb") as source, to.open("xb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
                self._told(len(chunk))
            target.flush()
            os.fsync(target.fileno())

    def _told(self, count: int) -> None:
        self._done += count
        if self._on_progress is not None:
            self._on_progress(min(self._done, self._total), self._total)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(path: Path) -> None:
    for folder, _, names in os.walk(path):
        for name in names:
            _sync(Path(folder) / name)
        sync_directory(Path(folder))


def _now() -> str:
    return datetime.now(UTC).isoformat("T", "seconds")


def lineage_of(path: Path) -> str:
    """The lineage of a data directory. Raises FileNotFoundError, Corrupt, Refused."""
    return read_manifest(path / MANIFEST, _DataManifest).lineage


__all__ = ["LOCK_SUFFIX", "CopyMark", "copy_journal", "lineage_of", "read_mark"]
