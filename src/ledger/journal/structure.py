"""The structure of an LMDB file, walked without mapping it; and the word that a process leaves who maps it.

LMDB follows the numbers in a damaged page wherever they lead, and where they lead beyond the file the process is
killed by a signal, with nothing said. A walk of every page finds that, but takes too long for every start. So a start
leaves a mark while it reads; only one that finds the mark of another, which died at it, walks first.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, cast

import lmdb.verify as lmdb_verify

from ledger.journal.errors import Corrupt

READING: Final = "reading"
# The walker has no types of its own.
_walk_pages = cast("Callable[[str, bool], list[object]]", lmdb_verify.verify)  # pyright: ignore[reportUnknownMemberType]


def broken_pages(path: Path) -> list[str]:
    """What is wrong with the pages of a file that nobody writes; one sentence each."""
    try:
        return [str(problem) for problem in _walk_pages(str(path), False)]
    except Exception as error:  # the walker raises whatever the bytes make it raise
        return [f"{type(error).__name__}: {error}"]


def check_pages(paths: Sequence[Path]) -> None:
    """Raises Corrupt for the first of these files whose pages are damaged."""
    for path in paths:
        found = broken_pages(path)
        if found:
            hint = "keep the file, put it back from a copy, then: ledger verify"
            raise Corrupt(str(path), "LMDB pages", found[0], hint)


@contextmanager
def marked_reading(directory: Path) -> Generator[bool]:
    """Whether whoever read here last died at it; while the block runs the same can be said of this process.

    The mark outlives the process, not the machine: it is not synced.
    """
    mark = directory / READING
    died = mark.exists()
    with suppress(OSError):  # a disk that takes no mark says so to those who write on it
        mark.touch()
    try:
        yield died
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)
