"""What a partition journals of its own part in a ledger of several: how far it has followed partition 0. Tag 106."""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.units import Seq


@final
class ControlTaken(Struct, frozen=True, array_like=True, gc=False, tag=106):
    """Every control fact of partition 0 up to here stands in this journal too; written in the frame of the newest."""

    seq: Seq
    """Of partition 0's trading journal."""
    version: int
    """control_version of partition 0 at that place: how many control facts it had decided."""
    known: tuple[bytes, ...] = ()
    """command_ids of kill switches and mass cancels that partition 0 has: they need not be passed on to it."""


PARTITION_EVENTS: Final = (ControlTaken,)
