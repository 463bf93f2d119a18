"""The locks of a data directory and of its partitions: one owner at a time, and a person can read who.

The lock is a flock on `DIR/lock`, which the kernel releases when its process dies; the JSON in the file is for people
and is never trusted. The file is never removed: two processes could then each lock one of the same name.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.errors import Refused

LOCK: Final = "lock"
# A reader that asks who the owner is holds a shared lock for some microseconds: look again before refusing.
_ATTEMPTS: Final = 5
_PAUSE_S: Final = 0.02


@final
class Owner(msgspec.Struct, frozen=True):
    """Who owns a data directory now."""

    pid: int = 0
    """0: it did not say (yet)."""
    host: str = ""
    started: str = ""
    command: str = ""
    endpoint: str = ""
    """Its command door, once it has one."""

    def __str__(self) -> str:
        door = f", commands at {self.endpoint}" if self.endpoint else ""
        return f"{self.command or 'a process'} with pid {self.pid} on {self.host} since {self.started}{door}"


@final
class Ownership:
    """The held lock; dropping the process drops it."""

    def __init__(self, descriptor: int, owner: Owner) -> None:
        self._descriptor = descriptor
        self.owner = owner
        self._write(owner)

    def announce(self, endpoint: str) -> None:
        """Says in the lock file where commands go."""
        self.owner = msgspec.structs.replace(self.owner, endpoint=endpoint)
        self._write(self.owner)

    def release(self) -> None:
        """Gives the directory up; the file stays, empty."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def _write(self, owner: Owner) -> None:
        text = msgspec.json.encode(owner) + b"\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)


def take_ownership(directory: Path, command: str) -> Ownership:
    """Locks the directory for this process. Raises Refused naming the owner, OSError where it cannot write."""
    path = directory / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        for attempt in range(_ATTEMPTS):
            if _try_lock(descriptor, fcntl.LOCK_EX):
                owner = Owner(
                    os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat("T", "seconds"), command
                )
                return Ownership(descriptor, owner)
            if attempt + 1 < _ATTEMPTS:
                time.sleep(_PAUSE_S)
        raise Refused(
            f"{directory} is owned by {_read_owner(descriptor)}",
            "stop that one first (SIGTERM), or choose another directory with --data",
        )
    except BaseException:
        os.close(descriptor)
        raise


def share_directory(directory: Path) -> int:
    """Holds a data directory together with others that write to partitions of it, so that no `serve` takes it; the
    descriptor, whose closing ends that. Raises Refused naming the owner, OSError where it cannot write."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    if not _try_lock(descriptor, fcntl.LOCK_SH):
        owner = _read_owner(descriptor)
        os.close(descriptor)
        raise Refused(
            f"{directory} is owned by {owner}",
            "it runs every partition itself: stop it first, or choose another directory with --data",
        )
    return descriptor


def writer_of(data: Path | str, partition: int | None = None) -> Owner | None:
    """Who may write to a partition of a data directory, or to any of them: its owner, or a partition's own."""
    owner = owner_of(data)
    if owner is not None:
        return owner
    name = "*" if partition is None else str(partition)
    for lock in sorted(Path(data).glob(f"trading/{name}/{LOCK}")):
        owner = owner_of(lock.parent)
        if owner is not None:
            return owner
    return None


def owner_of(directory: Path | str) -> Owner | None:
    """The living owner of a data directory, or of a partition's; None: there is none."""
    try:
        descriptor = os.open(Path(directory) / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if _try_lock(descriptor, fcntl.LOCK_SH):
            return None
        return _read_owner(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_owner(descriptor: int) -> Owner:
    try:
        return msgspec.json.decode(os.pread(descriptor, 65536, 0), type=Owner)
    except msgspec.DecodeError:
        return Owner()  # it holds the lock and has not written its name yet
