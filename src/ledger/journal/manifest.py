"""Manifests: the small JSON files that say what a directory or a sealed segment is, written durably.

A name that is not known is damage: a changed byte in one would hide what it says. Each is readable by a person, carries the format and the lineage, and is replaced as a whole: temporary file, sync,
rename, sync of the directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, TypeVar, final

import msgspec

from ledger.journal.errors import Corrupt, Refused
from ledger.journal.frame import FORMAT, Head

MANIFEST: Final = "manifest.json"
_RESTORE: Final = "put the file back from a copy, then: ledger verify"


@final
class HeadRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A head as it stands in a manifest."""

    epoch: int
    seq: int
    chain: str
    """The chain hash in hex."""
    recorded_at_ns: int

    @classmethod
    def of(cls, head: Head) -> HeadRecord:
        return cls(head.epoch, head.seq, head.chain_hash.hex(), head.recorded_at_ns)

    def head(self) -> Head:
        return Head(self.epoch, self.seq, bytes.fromhex(self.chain), self.recorded_at_ns)


@final
class DataManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`DIR/manifest.json`: written last at a journal's birth, never changed."""

    format: int
    lineage: str
    """UUID of this journal's birth."""
    partitions: int
    created: str
    software: str


@final
class BaseRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base snapshot that a partition begins with: it cannot be changed without changing this."""

    file: str
    """Under `base/`."""
    bytes: int
    hash: str
    """blake2b-256 of the file, in hex."""
    digest: str
    """Of the state in it, in hex."""
    schema: int
    """Version of the states in it; older ones are upcast."""


@final
class ParentRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which journal this one is the continuation under a new lineage."""

    lineage: str
    head: HeadRecord
    """Where the parent was cut; the chain goes on from `fork_hash`."""


@final
class PartitionManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`DIR/<journal>/<partition>/manifest.json`."""

    format: int
    lineage: str
    journal: str
    partition: int
    origin: HeadRecord
    """What the first kept frame chains from: genesis, or the place of a cut."""
    stopped: HeadRecord | None = None
    """The head at the last clean stop: a journal shorter than this is damaged."""
    base: BaseRecord | None = None
    """The state at `origin`, where that is a cut."""
    parent: ParentRecord | None = None
    """The journal that this lineage was taken from."""


@final
class SegmentManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`<first seq>.json` beside a sealed segment: its file is never written again."""

    format: int
    lineage: str
    journal: str
    partition: int
    first_seq: int
    before: HeadRecord
    """The head before the first frame (chain in)."""
    last: HeadRecord
    """The head after the last frame (chain out)."""
    frames: int
    bytes: int
    """Length of the LMDB file."""
    software: str


_M = TypeVar("_M", DataManifest, PartitionManifest, SegmentManifest)


class _FormatOnly(msgspec.Struct, frozen=True):
    format: int


def read_manifest(path: Path, kind: type[_M]) -> _M:
    """The manifest in `path`.

    Raises FileNotFoundError, Corrupt where it cannot be read as one, Refused where another format stands in it.
    """
    text = path.read_bytes()
    try:
        found = msgspec.json.decode(text, type=_FormatOnly).format
        if found != FORMAT:
            raise Refused(
                f"{path} has journal format {found}, this ledger reads format {FORMAT}",
                "use the ledger that wrote it, or another --data directory",
            )
        manifest = msgspec.json.decode(text, type=kind)
        _check_hashes(manifest)
    except (msgspec.DecodeError, ValueError) as error:
        raise Corrupt(str(path), "", f"not a {kind.__name__}: {error}", _RESTORE) from error
    return manifest


def write_manifest(path: Path, manifest: DataManifest | PartitionManifest | SegmentManifest) -> None:
    """Durable when it returns: after a crash there is the old manifest or the new one, never a part."""
    write_durably(path, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def write_durably(path: Path, content: bytes) -> None:
    """Replaces a small file as a whole; durable when it returns. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Makes names created, renamed or removed in a directory durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directories(path: Path) -> None:
    """Makes a directory and its missing parents, each durable in its parent. Raises OSError."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def software_version() -> str:
    """The version that manifests name; `checkout` where the package is not installed."""
    from importlib import metadata

    try:
        return metadata.version("ledger-engine")
    except metadata.PackageNotFoundError:
        return "checkout"


def _check_hashes(manifest: DataManifest | PartitionManifest | SegmentManifest) -> None:
    """Raises ValueError unless every chain hash is 32 bytes of hex."""
    if isinstance(manifest, PartitionManifest):
        parent = None if manifest.parent is None else manifest.parent.head
        records = (manifest.origin, manifest.stopped, parent)
    elif isinstance(manifest, SegmentManifest):
        records = (manifest.before, manifest.last)
    else:
        records = ()
    for record in records:
        if record is not None and len(bytes.fromhex(record.chain)) != 32:
            raise ValueError(f"{record.chain!r} is no chain hash")
