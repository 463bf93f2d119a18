"""Who still needs which part of a journal: small files `offsets/NAME.json`, one a consumer, that a drop respects.

Whoever follows a journal and must find all of it again says here how far it is. A hint that is too low only delays a
drop; so it is written after the consumer's own offset, never before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.errors import Corrupt
from ledger.journal.manifest import make_directories, write_durably

OFFSETS: Final = "offsets"


@final
class KnownOffset(msgspec.Struct, frozen=True):
    """How far one consumer of one partition is."""

    name: str
    journal: str
    partition: int
    seq: int
    """It has everything up to here."""


def note_offset(data: Path, offset: KnownOffset) -> None:
    """Durable when it returns. Raises OSError."""
    folder = data / OFFSETS
    make_directories(folder)
    name = f"{offset.name}-{offset.journal}-{offset.partition}.json"
    write_durably(folder / name, msgspec.json.encode(offset) + b"\n")


def noted_offsets(data: Path) -> list[KnownOffset]:
    """All that were noted. Raises Corrupt where one cannot be read."""
    found: list[KnownOffset] = []
    for path in sorted((data / OFFSETS).glob("*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=KnownOffset))
        except msgspec.DecodeError as error:
            raise Corrupt(
                str(path), "", f"not an offset: {error}", "remove it if its consumer is gone"
            ) from error
    return found
