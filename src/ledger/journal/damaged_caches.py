"""What is damaged among a journal's caches, its snapshots and its index: nothing rests on them, but somebody should know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ledger.journal.begun import JOURNALS
from ledger.journal.errors import Corrupt
from ledger.journal.findings import FAULTS
from ledger.journal.index import IndexFile, index_path
from ledger.journal.ownership import writer_of
from ledger.journal.snapshot import list_snapshots, read_snapshot
from ledger.journal.structure import broken_pages


def damaged_caches(data: Path, partition: int) -> Iterator[str]:
    """A sentence for each damaged snapshot of a partition, and for its index, with what to do. Reads all of them.

    Beside a living owner the index's pages are not walked: they change under the eyes. Raises OSError.
    """
    for journal in JOURNALS:
        for snapshot in list_snapshots(data, journal, partition):
            with suppress(FileNotFoundError):  # a newer one has replaced it
                try:
                    read_snapshot(snapshot.path)
                except Corrupt as error:
                    yield f"{snapshot.path} is damaged: {error.what}; {error.hint}"
    path = index_path(data, partition)
    if not path.exists():
        return
    broken = [] if writer_of(data) is not None else broken_pages(path)
    what = broken[0] if broken else _damaged_index(data, partition)
    if what:
        yield f"{path} is damaged: {what}; nothing is lost: stop the ledger and delete this directory; the next start does without it and the follower builds it again"


def _damaged_index(data: Path, partition: int) -> str:
    try:
        index = IndexFile(data, partition)
    except FAULTS as error:
        return str(error)
    try:
        return index.damage()
    finally:
        index.close()
