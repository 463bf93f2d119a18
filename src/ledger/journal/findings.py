"""What a verify finds: problems with their next step, notices, heads, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import lmdb
import msgspec

from ledger.journal.errors import Corrupt, Refused, Unavailable
from ledger.journal.frame import Head

_PUT_BACK: Final = "keep the file, put the segment back from a copy, then: ledger verify"


Progress = Callable[[int, int], None]
"""Called with the bytes verified and the bytes in all."""


@final
class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong, and what to type next."""

    file: str
    place: str
    what: str
    next: str


@final
class VerifiedHead(msgspec.Struct, frozen=True):
    """How far one partition's journal is whole."""

    journal: str
    partition: int
    head: Head
    settled: Head
    """How far it is whole in LMDB; beside a living owner both are this."""
    frames: int
    events: int


@final
class Report(msgspec.Struct, frozen=True):
    """What verify found."""

    problems: list[Problem]
    notices: list[str]
    """What is worth saying and is not wrong."""
    heads: list[VerifiedHead]

    @property
    def ok(self) -> bool:
        return not self.problems


@final
class Check:
    """The findings and the progress of one verify."""

    def __init__(self, on_progress: Progress) -> None:
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.heads: list[VerifiedHead] = []
        self.bytes_total = 0
        self._bytes_done = 0
        self._on_progress = on_progress

    def problem(self, file: Path, place: str, what: str, next_step: str = _PUT_BACK) -> None:
        self.problems.append(Problem(str(file), place, what, next_step))

    def found(self, error: Corrupt | Refused | Unavailable | OSError | lmdb.Error, file: Path) -> None:
        if isinstance(error, Corrupt):
            self.problems.append(Problem(error.file, error.place, error.what, error.hint or _PUT_BACK))
        else:
            self.problem(file, "", str(error))

    def done(self, count: int) -> None:
        self._bytes_done = min(self._bytes_done + count, self.bytes_total)
        self._on_progress(self._bytes_done, self.bytes_total)


FAULTS = (Corrupt, Refused, Unavailable, OSError, lmdb.Error)


def no_progress(done: int, total: int) -> None:
    """For whoever does not look."""
    del done, total
