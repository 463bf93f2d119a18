"""What the engine asks of those who feed it: a snapshot of a book that cannot go on by itself. Tag 107."""

from __future__ import annotations

from typing import final

from msgspec import Struct

from ledger.domain.units import Seq


@final
class SnapshotRequested(Struct, frozen=True, array_like=True, gc=False, tag=107):
    """A book became STALE, or stays so after a snapshot: its feed is asked for one, once a hole, in the same turn.

    Whoever feeds the book answers with a BookSnapshot of this moment or later; one that does not number its messages
    answers within the run in which its changes go on. It stands open until the book is LIVE again.
    """

    symbol: str
    exchange: str
    source: str
    """Who sent the message that showed the hole; "" after a start that lost the journal's tail."""
    last_update: int
    """The venue's number up to which the levels are right."""
    ref_seq: Seq
    """The event beside it."""
