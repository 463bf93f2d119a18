"""LMDB files, opened the one way that is safe, and shared inside a process.

LMDB allows a file to be open once in a process. A writer and any number of readers of one process therefore share the
environment through the table kept here; a read-only one is exchanged for a writable one when the writer comes.
Every option below was learnt by breaking the others: without `sync` a power loss loses the database, not the tail;
`writemap` dies by signal on a full disk; the map is sparse and never resized, because resizing kills open reads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, final

import lmdb

from ledger.journal.errors import Corrupt, Unavailable

MAP_BYTES: Final = 64 * 1024**3
READERS_MAX: Final = 512
_DAMAGED: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    lmdb.PanicError,
    lmdb.NotFoundError,
)
_SMALLEST_MAP: Final = 1 << 20
_META_BYTES: Final = 8192


@final
class _Shared:
    """One open file of this process and how many use it."""

    def __init__(self, environment: lmdb.Environment, writable: bool, map_bytes: int) -> None:
        self.environment = environment
        self.writable = writable
        self.map_bytes = map_bytes
        self.users = 1
        self.reads = 0
        self.exchanging = False


_open: dict[tuple[int, str], _Shared] = {}
_gate = threading.Condition()


@final
class SegmentHandle:
    """A use of a segment's file; many handles of one process share one LMDB environment."""

    def __init__(
        self, path: Path, *, writable: bool = False, sealed: bool = False, map_bytes: int = MAP_BYTES
    ) -> None:
        """Raises Corrupt where the file is no LMDB file of ours, lmdb.Error or OSError where it cannot be opened."""
        self.path = path
        self._key = (os.getpid(), os.path.realpath(path))
        with _gate:
            shared = _open.get(self._key)
            if shared is None:
                environment = _open_file(path, writable=writable, sealed=sealed, map_bytes=map_bytes)
                shared = _open[self._key] = _Shared(environment, writable, map_bytes)
            else:
                shared.users += 1
                if writable and not shared.writable:
                    try:
                        self._exchange(shared, map_bytes)
                    except BaseException:
                        shared.users -= 1
                        raise
        self._shared: _Shared | None = shared

    @property
    def environment(self) -> lmdb.Environment:
        assert self._shared is not None, f"{self.path} is closed"
        return self._shared.environment

    @contextmanager
    def read(self) -> Generator[lmdb.Transaction[bytes]]:
        """A read transaction; keep it short: while it is open the writer cannot reuse a page.

        Raises Corrupt, Unavailable.
        """
        shared = self._shared
        assert shared is not None, f"{self.path} is closed"
        with _gate:
            while shared.exchanging:
                _gate.wait()
            shared.reads += 1
        try:
            with _begun(shared, self.path) as transaction:
                yield transaction
        except _DAMAGED as error:
            raise damaged_file(self.path, str(error)) from error
        except lmdb.Error as error:
            raise Unavailable(f"{self.path} cannot be read: {error}", "try again") from error
        finally:
            with _gate:
                shared.reads -= 1
                if shared.exchanging:
                    _gate.notify_all()

    def close(self) -> None:
        """Ends this use; the file is closed with its last one."""
        with _gate:
            shared, self._shared = self._shared, None
            if shared is None:
                return
            shared.users -= 1
            if shared.users == 0:
                del _open[self._key]
                shared.environment.close()

    def _exchange(self, shared: _Shared, map_bytes: int) -> None:
        """The read-only environment for a writable one, once the reads under way have ended; holds the gate."""
        shared.exchanging = True
        try:
            while shared.reads:
                _gate.wait()
            shared.environment.close()
            shared.environment = _open_file(self.path, writable=True, sealed=False, map_bytes=map_bytes)
            shared.writable = True
        finally:
            shared.exchanging = False
            _gate.notify_all()


def _begun(shared: _Shared, path: Path) -> lmdb.Transaction[bytes]:
    """A read transaction, also after a failed write of the file's meta page: that environment takes nothing more, but
    the file is as whole as before the write. It is opened anew, for reading."""
    failed = shared.environment
    try:
        return _begin(failed)
    except lmdb.PanicError:
        with _gate:
            shared.reads -= 1  # ours has not begun
            _gate.notify_all()
            while shared.exchanging:
                _gate.wait()
            if shared.environment is failed:
                _open_anew(shared, path)
            shared.reads += 1
        return _begin(shared.environment)


def _open_anew(shared: _Shared, path: Path) -> None:
    """Holds the gate; waits until nobody reads."""
    shared.exchanging = True
    try:
        while shared.reads:
            _gate.wait()
        shared.environment.close()
        shared.environment = _open_file(path, writable=False, sealed=False, map_bytes=shared.map_bytes)
        shared.writable = False
    finally:
        shared.exchanging = False
        _gate.notify_all()


def create_environment(path: Path, map_bytes: int) -> lmdb.Environment:
    """A new, empty file, not shared with anybody. Raises lmdb.Error, OSError."""
    return _open_writable(path, map_bytes)


def damaged_file(path: Path, what: str) -> Corrupt:
    return Corrupt(
        str(path), "", what, "keep the file, put the segment back from a copy, then: ledger verify"
    )


def _open_file(path: Path, *, writable: bool, sealed: bool, map_bytes: int) -> lmdb.Environment:
    if path.stat().st_size < _META_BYTES:
        # LMDB would take an empty file for a new one and write to it.
        raise damaged_file(path, f"truncated to {path.stat().st_size} bytes")
    try:
        if writable:
            environment = _open_writable(path, map_bytes)
            _take_over(environment)
        elif sealed:
            # Nobody writes it again: no lock file is needed, and an archive may lie on a read-only disk.
            environment = _open_for_reading(path, max(path.stat().st_size, _SMALLEST_MAP), lock=False)
        else:
            environment = _open_for_reading(path, map_bytes, lock=True)
    except _DAMAGED as error:
        raise damaged_file(path, str(error)) from error
    information = environment.info()
    whole_bytes = (information["last_pgno"] + 1) * environment.stat()["psize"]
    if path.stat().st_size < whole_bytes:
        # Reading a page beyond the end would kill the process with SIGBUS.
        environment.close()
        raise damaged_file(path, f"truncated: {path.stat().st_size} bytes of {whole_bytes}")
    return environment


def _open_writable(path: Path, map_bytes: int) -> lmdb.Environment:
    return lmdb.open(
        str(path),
        subdir=False,
        map_size=map_bytes,
        max_readers=READERS_MAX,
        sync=True,
        metasync=True,
        writemap=False,
        lib_version=0,
    )


def _take_over(environment: lmdb.Environment) -> None:
    """Have readers see what a writer had committed that was killed before it said so.

    A commit is durable with its meta page, and then told in the lock file, where reads look; while another process has
    the file open, only who next takes the writers' lock finds that its owner died and sets that right. One who read
    first would go on behind an older end.
    """
    environment.begin(write=True).abort()


def _open_for_reading(path: Path, map_bytes: int, *, lock: bool) -> lmdb.Environment:
    return lmdb.open(
        str(path),
        subdir=False,
        readonly=True,
        create=False,
        map_size=map_bytes,
        max_readers=READERS_MAX,
        lock=lock,
        lib_version=0,
    )


def _begin(environment: lmdb.Environment) -> lmdb.Transaction[bytes]:
    try:
        return environment.begin()
    except lmdb.MapResizedError:
        # The writer was started with a larger map than ours: adopt its size.
        with suppress(lmdb.Error):
            environment.set_mapsize(0)
        return environment.begin()
