"""The base snapshot of a partition: the whole state at a cut, kept and proved like a segment.

It stands under `base/`, in the layout of any snapshot, and its length and hash stand in the partition's manifest: it
cannot be changed or exchanged unseen. Unlike a snapshot it is no cache: what lies before it is gone, so a damaged base
is damage of the journal. What its body means is its writer's matter.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.errors import Corrupt
from ledger.journal.frame import Head, place_text
from ledger.journal.manifest import BaseRecord, make_directories, write_durably
from ledger.journal.segments import JournalDirectory

BASE: Final = "base"
BASE_FORMAT: Final = 1
_MAGIC: Final = b"LEDGBASE"
_SUFFIX: Final = ".base"
_HINT: Final = "put the file back from a copy, then: ledger verify"


@final
class BaseHeader(msgspec.Struct, frozen=True):
    """What a base says of itself."""

    format: int
    schema: int
    """Version of the states in its body."""
    journal: str
    partition: int
    lineage: str
    """Of the journal that was folded: at a fork, the parent's."""
    epoch: int
    seq: int
    """Of the last event in it."""
    chain: bytes
    """Chain hash of the frame that ended there."""
    recorded_at_ns: int
    digest: str


def base_path(directory: JournalDirectory) -> Path | None:
    """Where the base lies that the manifest names; None: the journal is whole."""
    record = directory.manifest.base
    return None if record is None else directory.path / BASE / record.file


def write_base(partition_path: Path, header: BaseHeader, body: bytes) -> BaseRecord:
    """Durable when it returns; it counts once a manifest names it. Raises OSError."""
    head = msgspec.msgpack.encode(header)
    content = b"".join((_MAGIC, len(head).to_bytes(4, "big"), head, body))
    path = partition_path / BASE / f"{header.seq:020d}{_SUFFIX}"
    make_directories(path.parent)
    write_durably(path, content)
    return BaseRecord(path.name, len(content), _hash(content), header.digest, header.schema)


def read_base(directory: JournalDirectory) -> tuple[BaseHeader, bytes] | None:
    """The base's header and body; None: the journal begins at its genesis.

    Raises Corrupt where it is missing, where a byte of it is not as it was written, or where it is of another place.
    """
    record, origin = directory.manifest.base, directory.origin
    place = place_text(directory.journal, directory.partition, origin.seq)
    if record is None:
        if origin.seq:
            raise Corrupt(str(directory.path), place, "the journal begins here and names no base", _HINT)
        return None
    path = directory.path / BASE / record.file
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Corrupt(str(path), place, "the base is missing", _HINT) from error
    if len(content) != record.bytes or _hash(content) != record.hash or content[:8] != _MAGIC:
        raise Corrupt(str(path), place, "the base is not the one that the manifest names", _HINT)
    end = 12 + int.from_bytes(content[8:12], "big")
    header = msgspec.msgpack.decode(content[12:end], type=BaseHeader)
    if not _is_of(directory, header):
        raise Corrupt(str(path), place, "the base is of another place or journal", _HINT)
    return header, content[end:]


def _is_of(directory: JournalDirectory, header: BaseHeader) -> bool:
    """Whether it is the state at the origin: of this lineage, or of the parent's where the lineage began there."""
    parent = directory.manifest.parent
    at = Head(header.epoch, header.seq, header.chain, header.recorded_at_ns)
    if (header.journal, header.partition) != (directory.journal, directory.partition):
        return False
    if parent is not None and parent.head.seq == directory.origin.seq:
        return header.lineage == parent.lineage and at == parent.head.head()
    return header.lineage == directory.lineage and at == directory.origin


def fork_hash(parent_chain: bytes, lineage: str) -> bytes:
    """What the first frame of a new lineage chains from: H(the parent's hash at the cut, the new lineage)."""
    return blake2b(b"ledger fork\n" + parent_chain + lineage.encode(), digest_size=32).digest()


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=32).hexdigest()
