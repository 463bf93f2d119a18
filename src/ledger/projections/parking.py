"""Entities set aside because a row of theirs cannot be built or is not taken: with the reason, while the rest goes on.

Kept in one file of the data directory, written before the offset passes the event, so that nothing is lost silently.
A whole-state row that is taken later releases its entity; `projections audit --repair` tries all of them again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, final

import msgspec

KEPT: Final = 10_000
"""Entities at most; beyond it only their number is kept, and the projector says so."""


@final
class Parked(msgspec.Struct, frozen=True):
    """One entity set aside."""

    what: str
    """The entity, event or row, such as `order AAPL/c1`."""
    seq: int
    """Of the event."""
    reason: str
    at_ns: int
    """When it was parked, by this machine's clock."""


@final
class _Stored(msgspec.Struct, frozen=True):
    parked: list[Parked]
    dropped: int = 0


@final
class Parking:
    """The parked entities of one projection. `path` None keeps them in memory only (audits, rebuilds)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._changed = False
        stored = _read(path)
        self._parked: dict[str, Parked] = {each.what: each for each in stored.parked}
        self.dropped = stored.dropped
        """How many more there were than KEPT."""

    def __len__(self) -> int:
        return len(self._parked)

    def __contains__(self, what: object) -> bool:
        return what in self._parked

    def all(self) -> list[Parked]:
        """Those kept, oldest first."""
        return list(self._parked.values())

    def park(self, what: str, seq: int, reason: str) -> None:
        """Set it aside; a later reason replaces an earlier one."""
        if what not in self._parked and len(self._parked) >= KEPT:
            self.dropped += 1
        else:
            self._parked[what] = Parked(what, seq, reason[:500], time.time_ns())
        self._changed = True

    def release(self, what: str) -> None:
        """It went through."""
        if self._parked and self._parked.pop(what, None) is not None:
            self._changed = True

    def save(self) -> None:
        """Make it durable, if it changed; before the offset moves."""
        if not self._changed or self._path is None:
            return
        write_whole(self._path, msgspec.json.encode(_Stored(self.all(), self.dropped)), sync=True)
        self._changed = False


def read_parked(path: Path) -> list[Parked]:
    """What a projection has parked, for status; [] without a file."""
    return _read(path).parked


def write_whole(path: Path, content: bytes, *, sync: bool) -> None:
    """Replace a small file in one step: readers see the old or the new one. With `sync` it survives a power loss."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        if sync:
            os.fsync(file.fileno())
    new.replace(path)
    if sync:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _read(path: Path | None) -> _Stored:
    if path is None or not path.exists():
        return _Stored([])
    return msgspec.json.decode(path.read_bytes(), type=_Stored)
