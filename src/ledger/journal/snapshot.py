"""Snapshot files: the state of one journal's fold at a place, as bytes that prove themselves. A cache: any may be missing.

A file is: 8 bytes magic, the header's length as 4 bytes big-endian, the header as a msgpack map, the body, and
blake2b-256 of all that comes before it. It is written beside its place, synced, renamed and its directory synced.
What the body means is its writer's matter.
"""

from __future__ import annotations

import re
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.errors import Corrupt, storage_error
from ledger.journal.manifest import make_directories, sync_directory, write_durably

SNAPSHOT_FORMAT: Final = 1
_MAGIC: Final = b"LEDGSNAP"
_SUFFIX: Final = ".snapshot"
_NAME: Final = re.compile(r"\d{20}\.snapshot")
_HASH_BYTES: Final = 32
_HINT: Final = "nothing is lost: delete it; the follower writes another"


@final
class SnapshotHeader(msgspec.Struct, frozen=True):
    """What a snapshot says of itself."""

    format: int
    journal: str
    partition: int
    lineage: str
    fingerprint: str
    """Of the code that made the state: other code does not read it."""
    epoch: int
    seq: int
    """Of the last event in it."""
    chain: bytes
    """Chain hash of the frame that ends there."""
    recorded_at_ns: int
    digest: str
    """Of the whole state at that place, in hex."""
    index_seq: int = 0
    """The index had this offset: what closed by then stands there and not here."""
    index_digest: str = "0"
    """Sum of the hashes of what stands there, in hex."""
    index_counts: dict[str, int] = {}
    """How many of each kind stand there."""


@final
class SnapshotFile(msgspec.Struct, frozen=True):
    """A snapshot's place on disk."""

    path: Path
    seq: int


def snapshots_path(data: Path, journal: str, partition: int) -> Path:
    """Where a partition's snapshots lie."""
    return data / "snapshots" / journal / str(partition)


def list_snapshots(data: Path, journal: str, partition: int) -> list[SnapshotFile]:
    """Those that have their name, newest first. Raises OSError."""
    path = snapshots_path(data, journal, partition)
    if not path.is_dir():
        return []
    names = sorted((it.name for it in path.iterdir() if _NAME.fullmatch(it.name)), reverse=True)
    return [SnapshotFile(path / name, int(name[:20])) for name in names]


def write_snapshot(data: Path, header: SnapshotHeader, body: bytes) -> Path:
    """Durable when it returns. Raises StorageError."""
    path = snapshots_path(data, header.journal, header.partition) / f"{header.seq:020d}{_SUFFIX}"
    head = msgspec.msgpack.encode(header)
    content = b"".join((_MAGIC, len(head).to_bytes(4, "big"), head, body))
    try:
        make_directories(path.parent)
        write_durably(path, content + blake2b(content, digest_size=_HASH_BYTES).digest())
    except OSError as error:
        raise storage_error("writing", str(path), error) from error
    return path


def read_snapshot(path: Path) -> tuple[SnapshotHeader, bytes]:
    """A snapshot's header and body. Raises Corrupt where a byte is not as it was written, FileNotFoundError, OSError."""
    content = path.read_bytes()
    whole, found = content[:-_HASH_BYTES], content[-_HASH_BYTES:]
    if len(content) < 12 + _HASH_BYTES or whole[:8] != _MAGIC:
        raise Corrupt(str(path), "", "no snapshot of a ledger", _HINT)
    if blake2b(whole, digest_size=_HASH_BYTES).digest() != found:
        raise Corrupt(str(path), "", "its checksum does not hold", _HINT)
    end = 12 + int.from_bytes(whole[8:12], "big")
    try:
        return msgspec.msgpack.decode(whole[12:end], type=SnapshotHeader), whole[end:]
    except msgspec.MsgspecError as error:
        raise Corrupt(str(path), "", f"its header cannot be read: {error}", _HINT) from error


def drop_snapshots(data: Path, journal: str, partition: int, keep: int) -> list[SnapshotFile]:
    """Removes all but the newest `keep`; those that stay, newest first."""
    found = list_snapshots(data, journal, partition)
    for old in found[keep:]:
        with suppress(OSError):
            old.path.unlink()
    if found[keep:]:
        with suppress(OSError):
            sync_directory(snapshots_path(data, journal, partition))
    return found[:keep]
