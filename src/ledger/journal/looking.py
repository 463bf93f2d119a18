"""A look at the pages that a start reads first, after one that died while it read: a bad page kills without a word."""

from __future__ import annotations

from ledger.journal.directory import DataDirectory
from ledger.journal.index import index_path, mark_damaged
from ledger.journal.structure import broken_pages, check_pages


def look_before_reading(directory: DataDirectory, partition: int) -> None:
    """After a start that died while it read: walk the pages that a start reads first.

    Raises Corrupt for a segment; an index that is damaged is marked, so that it is not used.
    """
    index = index_path(directory.path, partition)
    if index.exists() and (broken := broken_pages(index)):
        mark_damaged(directory.path, partition, f"a start died at it: {broken[0]}")
    for journal in ("trading", "market"):
        segments = directory.journal(journal, partition).segments()
        check_pages([segment.path for segment in segments])
