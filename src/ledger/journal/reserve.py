"""The reserve: disk space kept for the end, so that a filling disk ends new orders and not cancels and facts.

It is a file of the data directory whose blocks are allocated. When the disk runs low the file is given up once: what it
held is then for cancels, facts, and the next recovery. It comes back only when somebody asks for it (`resume`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from ledger.journal.errors import StorageError, storage_error
from ledger.journal.manifest import sync_directory

RESERVE: Final = "reserve"
LOW_BYTES: Final = 64 * 1024 * 1024
"""Free space below which the disk counts as low."""


@final
class Reserve:
    """The reserve of one data directory; belongs to its owner. `check` may run in any one thread."""

    def __init__(
        self,
        data: Path,
        reserve_bytes: int,
        *,
        on_space_low: Callable[[int], None],
        low_bytes: int = LOW_BYTES,
    ) -> None:
        """`on_space_low` is called with the free bytes, in the thread that noticed, each time the disk becomes low.

        `reserve_bytes` 0: no reserve is kept, and nothing is ever low.
        """
        self.path = data / RESERVE
        self.low = False
        """Whether new orders are to be refused; until `restore`."""
        self._bytes = reserve_bytes
        self._low_bytes = low_bytes
        self._on_space_low = on_space_low

    def open(self) -> None:
        """Allocates what is missing; low at once where there is no room for it. Raises StorageError."""
        if not self._bytes:
            self._remove()
        elif self._allocated() == self._bytes:
            self.check()
        elif self._free() + self._allocated() < self._bytes + self._low_bytes:
            self.release()
        else:
            self._allocate()

    def check(self) -> bool:
        """Whether the disk is low; gives the reserve up when it becomes so. Raises StorageError."""
        if self._bytes and not self.low and self._free() < self._low_bytes:
            self.release()
        return self.low

    def release(self) -> None:
        """Gives the space to whoever needs it now: a recovery, or what is still let through. Raises StorageError."""
        free = self._free()
        self._remove()
        if not self.low:
            self.low = True
            self._on_space_low(free)

    def restore(self) -> None:
        """Allocates it again, after somebody freed space. Raises StorageError with what is missing."""
        if not self.low:
            return
        missing = self._bytes + self._low_bytes - self._free()
        if missing > 0:
            raise StorageError(
                f"the disk of {self.path.parent} lacks {missing} bytes for journal.reserve_bytes",
                "free that much, or lower journal.reserve_bytes and start again",
            )
        self._allocate()
        self.low = False

    def _free(self) -> int:
        try:
            disk = os.statvfs(self.path.parent)
        except OSError as error:
            raise storage_error("asking for free space of", str(self.path.parent), error) from error
        return disk.f_bavail * disk.f_frsize

    def _allocated(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def _allocate(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                os.posix_fallocate(descriptor, 0, self._bytes)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_directory(self.path.parent)
        except OSError as error:
            self.path.unlink(missing_ok=True)
            raise storage_error("allocating", str(self.path), error) from error

    def _remove(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
            sync_directory(self.path.parent)
        except OSError as error:
            raise storage_error("giving up", str(self.path), error) from error
