"""What a partition journals of its own part in a ledger of several: how far it has followed partition 0 (tag 106), and, in
partition 0, whose order a report without a symbol is about (108).
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.units import Ns, Seq


@final
class ControlTaken(Struct, frozen=True, array_like=True, gc=False, tag=106):
    """Every control fact of partition 0 up to here stands in this journal too; written in the frame of the newest."""

    seq: Seq
    """Of partition 0's trading journal."""
    version: int
    """control_version of partition 0 at that place: how many control facts it had decided."""
    known: tuple[bytes, ...] = ()
    """command_ids of kill switches and mass cancels that partition 0 has: they need not be passed on to it."""


@final
class FactAssigned(Struct, frozen=True, array_like=True, gc=False, tag=108):
    """The order that a report without a symbol means was found, in exactly one partition: that one decides it.

    Partition 0 journals it; the partition of the symbol takes it from there, once, as it takes what is decided for all.
    """

    ref_seq: Seq
    """Of its FactSuspended in partition 0."""
    symbol: str
    source: str
    source_epoch: int
    source_seq: int
    raw: bytes
    received_at_ns: Ns
    actor: str


PARTITION_EVENTS: Final = (ControlTaken, FactAssigned)
