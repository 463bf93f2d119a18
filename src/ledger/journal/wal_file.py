"""The write-ahead file: a frame is durable here first, at the next page of a file whose blocks exist already.

A partition has two such files, written with zeros at their making so that a sync has no blocks to allocate. A frame
starts at a page boundary and is padded to a whole number of pages: no page that holds an acknowledged frame is written
again before all frames of its file are settled. The bytes are fixed by journal/FORMAT.md.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.errors import Corrupt, Refused
from ledger.journal.frame import (
    FORMAT,
    FRAME_BYTES_MAX,
    HASH_BYTES,
    OVERHEAD_BYTES,
    Frame,
    Source,
    decode_frame,
    encode_frame,
)
from ledger.journal.manifest import make_directories, sync_directory
from ledger.journal.segments import WAL, JournalDirectory

WAL_NAMES: Final = ("0.wal", "1.wal")
WAL_BYTES: Final = 64 * 1024 * 1024
PAGE_BYTES: Final = 4096
PLACE_HASH_BYTES: Final = 16
KEEP_BOTH: Final = (
    "keep both files of the wal as they are, put the journal back from a copy, then: ledger verify"
)

_SALT_BYTES: Final = 16
_ZEROS: Final = bytes(1024 * 1024)
_BEGINS: Final = bytes([FORMAT, 0, 0, 0])
# count, first_seq, length, reserved, previous_hash of a frame's header
_PEEK: Final = struct.Struct(">4xI8xQ24xII32s")


@final
class WalHeader(msgspec.Struct, frozen=True):
    """What the first page of a file says."""

    bytes: int
    """Length of the file."""
    salt: bytes
    """Drawn at its making: no bytes inside an event can pass for a frame of this file."""


@final
class WalFrame(msgspec.Struct, frozen=True, gc=False):
    """An intact frame and where it was found."""

    source: Source
    offset: int
    frame: Frame


@final
class BrokenFrame(msgspec.Struct, frozen=True, gc=False):
    """A page that begins like a frame and is none: torn, damaged, or partly written over."""

    source: Source
    offset: int
    first_seq: int
    previous_hash: bytes


@final
class WalScan(msgspec.Struct, frozen=True):
    """What stands in both files, in the order of pages, from every use of them."""

    frames: list[WalFrame]
    broken: list[BrokenFrame]


@final
class WalFile:
    """A file open for appending; used by one thread at a time."""

    def __init__(self, path: Path, header: WalHeader) -> None:
        """Raises OSError."""
        self.path = path
        self.bytes = header.bytes
        self.last_seq = 0
        """The newest event in it since its reuse; 0: none."""
        self._salt = header.salt
        self._offset = PAGE_BYTES
        self._descriptor = os.open(path, os.O_RDWR)

    def fits(self, frame: Frame) -> bool:
        """Whether there is room for it behind what was written."""
        return self._offset + frame.bytes_count + PLACE_HASH_BYTES <= self.bytes

    def append(self, frame: Frame) -> None:
        """Writes a frame at the next page; durable when it returns. Raises OSError."""
        value = encode_frame(frame)
        parts = [value, place_hash(self._salt, self._offset, frame.chain_hash)]
        padding = -(len(value) + PLACE_HASH_BYTES) % PAGE_BYTES
        parts.append(bytes(padding))
        size = len(value) + PLACE_HASH_BYTES + padding
        written = os.pwritev(self._descriptor, parts, self._offset)
        if written < size:
            # A file that exists in full is cut short by a limit or a fault only: the rest says which.
            rest = b"".join(parts)
            while written < size:
                written += os.pwrite(self._descriptor, rest[written:], self._offset + written)
        os.fdatasync(self._descriptor)
        self._offset += size
        self.last_seq = frame.last_seq

    def begin_again(self) -> None:
        """From its first page on; the caller knows that all its frames are settled."""
        self._offset = PAGE_BYTES
        self.last_seq = 0

    def close(self) -> None:
        os.close(self._descriptor)


def place_hash(salt: bytes, offset: int, chain_hash: bytes) -> bytes:
    """What ends a frame in a wal file: it ties the frame to this file and this page."""
    return blake2b(offset.to_bytes(8, "big") + chain_hash, key=salt, digest_size=PLACE_HASH_BYTES).digest()


def wal_paths(directory: JournalDirectory) -> list[Path]:
    """The files that exist, in order."""
    paths = [directory.path / WAL / name for name in WAL_NAMES]
    return [path for path in paths if path.exists()]


def prepare_wal(directory: JournalDirectory, file_bytes: int) -> list[WalFile]:
    """Both files, open, made or made anew where there is none of this size; durable when it returns.

    For an owner who has settled all that the old ones held. Raises Corrupt, Refused, OSError (a disk without room).
    """
    assert file_bytes >= 2 * PAGE_BYTES, file_bytes
    assert file_bytes % PAGE_BYTES == 0, file_bytes
    make_directories(directory.path / WAL)
    files: list[WalFile] = []
    try:
        for name in WAL_NAMES:
            path = directory.path / WAL / name
            header = _header_of(path, directory) if path.exists() else None
            if header is None or header.bytes != file_bytes:
                header = _create(path, directory, file_bytes)
            files.append(WalFile(path, header))
    except BaseException:
        for file in files:
            file.close()
        raise
    return files


def remove_wal(directory: JournalDirectory) -> None:
    """Removes both files; the caller has settled all that they held. Raises OSError."""
    path = directory.path / WAL
    if not path.is_dir():
        return
    for name in WAL_NAMES:
        (path / name).unlink(missing_ok=True)
        _unfinished(path / name).unlink(missing_ok=True)
    path.rmdir()
    sync_directory(directory.path)


def scan_wal(directory: JournalDirectory, above_seq: int = -1) -> WalScan:
    """Every intact frame of both files that ends above `above_seq`, and what looks like a broken one.

    Costs one read of both files and a hash of each frame found. Raises Corrupt, Refused, OSError.
    """
    scan = WalScan([], [])
    for path in wal_paths(directory):
        with path.open("rb", buffering=0) as file:
            header = read_header(path, directory, os.pread(file.fileno(), PAGE_BYTES, 0))
            size = os.fstat(file.fileno()).st_size
            if size != header.bytes:
                raise Corrupt(str(path), "", f"truncated: {size} bytes of {header.bytes}", KEEP_BOTH)
            source = directory.source(path)
            for offset in _candidates(file.fileno(), size):
                found = _read_frame(file.fileno(), offset, header, source, above_seq)
                if isinstance(found, WalFrame):
                    scan.frames.append(found)
                elif found is not None:
                    scan.broken.append(found)
    return scan


def read_header(path: Path, directory: JournalDirectory, page: bytes) -> WalHeader:
    """Raises Corrupt where it is damaged, Refused where the file is of another format, lineage or partition."""
    if (
        len(page) < PAGE_BYTES
        or blake2b(page[:-HASH_BYTES], digest_size=HASH_BYTES).digest() != page[-HASH_BYTES:]
    ):
        raise Corrupt(str(path), "", "the header of the file is damaged", KEEP_BOTH)
    text = page[:-HASH_BYTES].rstrip(b"\0").decode("ascii")
    title, *lines = text.splitlines()
    if title != f"ledger wal format {FORMAT}":
        raise Refused(
            f"{path} is of {title!r}, this ledger reads format {FORMAT}", "use the ledger that wrote it"
        )
    fields = dict(line.split(" ", 1) for line in lines)
    owner = (fields["lineage"], fields["journal"], int(fields["partition"]))
    if owner != (directory.lineage, directory.journal, directory.partition):
        raise Refused(
            f"{path} is of {owner[1]}/{owner[2]}, lineage {owner[0]},"
            f" not {directory.journal}/{directory.partition} of {directory.lineage}",
            "put back the file that belongs here",
        )
    return WalHeader(int(fields["bytes"]), bytes.fromhex(fields["salt"]))


def _header_of(path: Path, directory: JournalDirectory) -> WalHeader:
    with path.open("rb", buffering=0) as file:
        return read_header(path, directory, os.pread(file.fileno(), PAGE_BYTES, 0))


def _create(path: Path, directory: JournalDirectory, file_bytes: int) -> WalHeader:
    """A file of zeros under a temporary name, which gets its own when it is durable as a whole."""
    header = WalHeader(file_bytes, os.urandom(_SALT_BYTES))
    text = (
        f"ledger wal format {FORMAT}\nlineage {directory.lineage}\njournal {directory.journal}\n"
        f"partition {directory.partition}\nbytes {file_bytes}\nsalt {header.salt.hex()}\n"
    )
    page = text.encode("ascii").ljust(PAGE_BYTES - HASH_BYTES, b"\0")
    unfinished = _unfinished(path)
    try:
        with unfinished.open("wb") as file:
            file.write(page + blake2b(page, digest_size=HASH_BYTES).digest())
            left = file_bytes - PAGE_BYTES
            while left:
                left -= file.write(_ZEROS[:left])
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        unfinished.unlink(missing_ok=True)  # room for whoever frees it
        raise
    unfinished.replace(path)
    sync_directory(path.parent)
    return header


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _candidates(descriptor: int, size: int) -> Iterator[int]:
    """The pages that begin like a frame."""
    for start in range(PAGE_BYTES, size, len(_ZEROS)):
        block = os.pread(descriptor, len(_ZEROS), start)
        for at in range(0, len(block), PAGE_BYTES):
            if block.startswith(_BEGINS, at):
                yield start + at


def _read_frame(
    descriptor: int, offset: int, header: WalHeader, source: Source, above_seq: int
) -> WalFrame | BrokenFrame | None:
    """The frame of a page; None: it ends at `above_seq` or below, or its length is no frame's."""
    count, first_seq, length, reserved, previous_hash = _PEEK.unpack(os.pread(descriptor, _PEEK.size, offset))
    size = OVERHEAD_BYTES + length
    if first_seq + count - 1 <= above_seq or reserved or size > FRAME_BYTES_MAX:
        return None
    broken = BrokenFrame(source, offset, first_seq, previous_hash)
    value = os.pread(descriptor, size + PLACE_HASH_BYTES, offset)
    if len(value) < size + PLACE_HASH_BYTES:
        return broken
    try:
        frame = decode_frame(value[16:24], value[:size], source)
    except Corrupt:
        return broken
    if value[size:] != place_hash(header.salt, offset, frame.chain_hash):
        return broken
    return WalFrame(source, offset, frame)
