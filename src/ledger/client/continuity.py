"""One topic of the publications, held against its numbers: what is new, what came before, what was lost. No I/O."""

from __future__ import annotations

from typing import final

from msgspec import Struct


@final
class Header(Struct, frozen=True, gc=False):
    """The second frame of a publication."""

    partition: int
    epoch: int
    seq: int
    prev: int
    durable: int


@final
class Continuity:
    """Where a reader of one topic is. Seqs only rise, over restarts of the ledger too, so they alone tell."""

    def __init__(self, seq: int) -> None:
        """`seq`: everything up to there is known; nothing of the topic lies between it and the first new event."""
        self.seq = seq
        self.lost = 0
        """Times that a message showed that others before it had not come."""
        self.repeated = 0

    def judge(self, header: Header, has_payload: bool) -> tuple[int, int] | None:
        """The range of seqs, both inclusive, that must be read elsewhere before one goes on; None: nothing is missing.

        Of a topic idle for a second only the header comes: it shows that the last message itself was lost. After a
        restart `prev` is 0, which does not tell what was before, so that is looked up.
        """
        if header.seq <= self.seq:
            self.repeated += has_payload
            return None
        if has_payload and 0 < header.prev <= self.seq:
            return None
        self.lost += 1
        return self.seq + 1, header.seq
