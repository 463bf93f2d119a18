"""What can go wrong between the journal and a sink, and what the runner does about each."""

from __future__ import annotations

from ledger.errors import Rejected, Unavailable


class SinkDown(Unavailable):
    """The sink did not take it, and may have: back off, read its offset again, go on from there."""


class Misplaced(Rejected):
    """The sink's offset is not a place in this journal: ahead of it, or of another lineage. Nothing is written."""


class Fenced(Rejected):
    """Another writer feeds this sink, or has taken over: this one ends and writes nothing more."""


class Poison(Exception):
    """One row that the sink will never take: its entity is parked with the reason, the rest of the batch goes on."""

    def __init__(self, table: str, key: tuple[object, ...], reason: str) -> None:
        super().__init__(table, key, reason)
        self.table = table
        self.key = key
        self.reason = reason
