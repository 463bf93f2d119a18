"""A data directory: its birth, its owner, and the partitions of both journals in it."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.errors import Corrupt, Refused, StorageError, storage_error
from ledger.journal.frame import FORMAT, Head, genesis
from ledger.journal.manifest import (
    MANIFEST,
    DataManifest,
    HeadRecord,
    PartitionManifest,
    make_directories,
    read_manifest,
    software_version,
    write_manifest,
)
from ledger.journal.ownership import Ownership, take_ownership
from ledger.journal.segments import SEGMENTS, WAL, JournalDirectory

JOURNALS: Final = ("trading", "market")
COPY_MARK: Final = "copy.json"
"""Stands in a copy: see copying."""
_UNWRITABLE: Final = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


@final
class DataDirectory:
    """An open data directory; with its lock held unless it was opened for reading."""

    def __init__(self, path: Path, manifest: DataManifest, ownership: Ownership | None) -> None:
        self.path = path
        self.lineage = manifest.lineage
        self.partitions = manifest.partitions
        self.created = manifest.created
        self._ownership = ownership

    @property
    def owned(self) -> bool:
        """Whether this process holds the lock."""
        return self._ownership is not None

    def announce(self, endpoint: str) -> None:
        """Tells people (`owner_of`) where this owner takes commands."""
        assert self._ownership is not None, "opened for reading"
        self._ownership.announce(endpoint)

    def journal(self, journal: str, partition: int) -> JournalDirectory:
        """A partition of `trading` or `market`. Raises Corrupt, Refused where it belongs to another lineage."""
        assert journal in JOURNALS, journal
        assert 0 <= partition < self.partitions, partition
        path = self.path / journal / str(partition)
        try:
            directory = JournalDirectory.read(path)
        except FileNotFoundError as error:
            raise Corrupt(str(path / MANIFEST), "", "missing", "put the file back from a copy") from error
        if (directory.journal, directory.partition) != (
            journal,
            partition,
        ) or directory.lineage != self.lineage:
            raise Refused(
                f"{path} is {directory.journal}/{directory.partition} of lineage {directory.lineage},"
                f" not {journal}/{partition} of {self.lineage}",
                "put back the directory that belongs here, or choose another --data",
            )
        return directory

    def close(self, clean_heads: Mapping[tuple[str, int], Head] | None = None) -> None:
        """Gives the directory up.

        `clean_heads`, by (journal, partition), are durable heads of a clean stop: from now on a shorter journal is
        damage. None after a fault: the heads of the last clean stop stand. Raises StorageError; the lock is released
        in any case.
        """
        ownership, self._ownership = self._ownership, None
        if ownership is None:
            return
        try:
            for (journal, partition), head in (clean_heads or {}).items():
                self._write_stopped(self.journal(journal, partition), head)
        except OSError as error:
            raise storage_error("writing the heads of a clean stop in", str(self.path), error) from error
        finally:
            ownership.release()

    def _write_stopped(self, directory: JournalDirectory, head: Head) -> None:
        manifest = msgspec.structs.replace(directory.manifest, stopped=HeadRecord.of(head))
        write_manifest(directory.path / MANIFEST, manifest)


def create_or_open(directory: Path | str, *, partitions: int, command: str = "serve") -> DataDirectory:
    """Opens a data directory as its one owner, making a new journal with a new lineage where there is none.

    Raises Refused (another owner, format, lineage or number of partitions; no right to write), Corrupt, StorageError.
    """
    assert 1 <= partitions <= 65536, partitions
    path = Path(directory).absolute()
    try:
        make_directories(path)
        ownership = take_ownership(path, command)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        manifest = _read_or_create(path, partitions)
        if manifest.partitions != partitions:
            raise Refused(
                f"{path} was born with engine.partitions: {manifest.partitions}, not {partitions}",
                f"set engine.partitions: {manifest.partitions}, or choose another directory with --data",
            )
        opened = DataDirectory(path, manifest, ownership)
        refuse_copy(path)
        for journal in JOURNALS:
            for partition in range(partitions):
                opened.journal(journal, partition)
    except OSError as error:
        ownership.release()
        raise _cannot_write(path, error) from error
    except BaseException:
        ownership.release()
        raise
    return opened


def refuse_copy(path: Path) -> None:
    """Raises Refused where the directory is a copy: two owners of one lineage would give the same places twice."""
    if (path / COPY_MARK).exists():
        raise Refused(
            f"{path} is a copy of a journal: a second owner of its lineage would give the same places twice",
            f"continue it as a journal of its own: ledger serve --data {path} --new-lineage",
        )


def open_readonly(directory: Path | str) -> DataDirectory:
    """Opens a data directory beside its owner, if any; nothing is changed. Raises Refused where there is none, Corrupt."""
    path = Path(directory).absolute()
    try:
        manifest = read_manifest(path / MANIFEST, DataManifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(
            f"no journal in {path}",
            f"name its directory with --data, or start one: ledger serve --data {path}",
        ) from error
    except PermissionError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}", "run as the user who owns it") from error
    return DataDirectory(path, manifest, None)


def _cannot_write(path: Path, error: OSError) -> Refused | StorageError:
    if error.errno in _UNWRITABLE:
        cure = "give this user the right to write there, or choose another directory with --data"
        return Refused(f"{path} cannot be written: {os.strerror(error.errno)}", cure)
    return storage_error("preparing", str(path), error)


def _read_or_create(path: Path, partitions: int) -> DataManifest:
    try:
        return read_manifest(path / MANIFEST, DataManifest)
    except FileNotFoundError:
        return _create(path, partitions)


def _create(path: Path, partitions: int) -> DataManifest:
    """A new lineage. The manifest of the whole comes last: a birth that a crash cut short is begun anew."""
    for pattern, what in ((f"{SEGMENTS}/*.lmdb", "segments"), (f"{WAL}/*.wal", "a wal")):
        if next(path.glob(f"*/*/{pattern}"), None) is not None:
            raise Corrupt(str(path / MANIFEST), "", f"missing beside {what}", "put the file back from a copy")
    lineage = str(uuid.uuid4())
    for journal in JOURNALS:
        for partition in range(partitions):
            make_directories(path / journal / str(partition) / SEGMENTS)
            origin = HeadRecord.of(genesis(lineage, journal, partition))
            manifest = PartitionManifest(FORMAT, lineage, journal, partition, origin)
            write_manifest(path / journal / str(partition) / MANIFEST, manifest)
    created = datetime.now(UTC).isoformat("T", "seconds")
    whole = DataManifest(FORMAT, lineage, partitions, created, software_version())
    write_manifest(path / MANIFEST, whole)
    return whole
