"""Continuing a copy under a lineage of its own: its state becomes the base, the parent's ids still hold."""

from __future__ import annotations

from pathlib import Path

from ledger import journal
from ledger.engine.recovery import replay
from ledger.errors import Rejected
from ledger.fold import cut_base
from ledger.journal import BaseRecord, Head, JournalDirectory, read_mark


def begin_lineage(data: Path) -> str:
    """The new lineage, also where a crash cut its beginning short. Raises Rejected where the directory is no copy, Refused where it is owned, Corrupt, StorageError."""
    if finished := journal.finish_lineage(data):
        return finished
    if read_mark(data) is None:
        raise Rejected(
            f"{data} is no copy", "leave --new-lineage out, or make a copy: ledger journal copy DEST"
        )

    def make_base(directory: JournalDirectory, to: Path) -> tuple[Head, BaseRecord | None]:
        folded = replay(data, directory.journal, directory.partition, wal=True)
        if not folded.head.seq:
            return folded.head, None
        return folded.head, cut_base(directory, folded.fold, folded.head, to)

    return journal.begin_lineage(data, make_base)
