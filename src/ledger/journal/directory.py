"""A data directory: its birth, its owner, and the partitions of both journals in it."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.begun import COPY_MARK, JOURNALS, finish_begun, read_begun
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
from ledger.journal.ownership import Ownership, share_directory, take_ownership
from ledger.journal.segments import SEGMENTS, WAL, JournalDirectory

ATTEMPT_EVERY_S: Final = 0.1
_UNWRITABLE: Final = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


@final
class DataDirectory:
    """An open data directory; with its lock held unless it was opened for reading."""

    def __init__(
        self, path: Path, manifest: DataManifest, ownership: Ownership | None, shared: int | None = None
    ) -> None:
        """`shared`: the descriptor that keeps a `serve` away while only partitions are owned."""
        self.path = path
        self.lineage = manifest.lineage
        self.partitions = manifest.partitions
        self.created = manifest.created
        self._ownership = ownership
        self._shared = shared

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
        shared, self._shared = self._shared, None
        if ownership is None:
            return
        try:
            for (journal, partition), head in (clean_heads or {}).items():
                self._write_stopped(self.journal(journal, partition), head)
        except OSError as error:
            raise storage_error("writing the heads of a clean stop in", str(self.path), error) from error
        finally:
            ownership.release()
            if shared is not None:
                os.close(shared)

    def _write_stopped(self, directory: JournalDirectory, head: Head) -> None:
        manifest = msgspec.structs.replace(directory.manifest, stopped=HeadRecord.of(head))
        write_manifest(directory.path / MANIFEST, manifest)


def create_or_open(directory: Path | str, *, partitions: int, command: str = "serve") -> DataDirectory:
    """Opens a data directory as its one owner, making a new journal with a new lineage where there is none.

    A lineage that was begun there and not finished is finished first.

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
        finish_begun(path)
        manifest = _read_or_create(path, partitions)
        if manifest.partitions != partitions:
            raise _other_count(path, manifest.partitions, partitions)
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


def open_partition(
    directory: Path | str, partition: int, *, partitions: int, is_child: bool, wait_s: float = 0.0
) -> DataDirectory:
    """Opens a data directory as the one owner of one partition of it; what `announce` and `close` do is that one's.

    `is_child`: the data directory's owner has started this process. One that runs by itself shares the directory with
    other partitions' processes, and makes the journal where there is none. A partition that another process is just
    giving up is waited for up to `wait_s`. Raises as `create_or_open`.
    """
    path = Path(directory).absolute()
    shared = None
    if not is_child:
        if not (path / MANIFEST).exists() or read_begun(path) is not None:
            create_or_open(path, partitions=partitions, command="engine").close()
        refuse_copy(path)
        try:
            shared = share_directory(path)
        except OSError as error:
            raise _cannot_write(path, error) from error
    try:
        manifest = _manifest_of(path, partitions)
        if not 0 <= partition < partitions:
            raise Refused(
                f"there is no partition {partition}: {path} has {partitions}", "choose a smaller one"
            )
        ownership = _take_partition(path / JOURNALS[0] / str(partition), wait_s)
        return DataDirectory(path, manifest, ownership, shared)
    except BaseException:
        if shared is not None:
            os.close(shared)
        raise


def _manifest_of(path: Path, partitions: int) -> DataManifest:
    """The manifest of a data directory with so many partitions. Raises Refused, Corrupt."""
    manifest = read_manifest(path / MANIFEST, DataManifest)
    if manifest.partitions != partitions:
        raise _other_count(path, manifest.partitions, partitions)
    return manifest


def _other_count(path: Path, born: int, asked: int) -> Refused:
    return Refused(
        f"{path} was born with engine.partitions: {born}, not {asked}",
        f"set engine.partitions: {born}, or choose another directory with --data",
    )


def _take_partition(path: Path, wait_s: float) -> Ownership:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return take_ownership(path, "engine")
        except Refused:
            if time.monotonic() >= deadline:
                raise
            time.sleep(ATTEMPT_EVERY_S)
        except OSError as error:
            raise _cannot_write(path, error) from error


def open_readonly(directory: Path | str) -> DataDirectory:
    """Opens a data directory beside its owner, if any; nothing is changed. Raises Refused where there is none, Corrupt."""
    path = Path(directory).absolute()
    try:
        if read_begun(path) is not None:
            raise Refused(
                f"a lineage was begun in {path} and is not finished",
                f"start it, which finishes that: ledger serve --data {path}",
            )
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
