"""Journals for tests: frames with predictable content, written through the real commit."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ledger.journal import (
    Commit,
    Frame,
    FrameDraft,
    Head,
    JournalDirectory,
    LmdbCommit,
    WalCommit,
    chain_frame,
    create_or_open,
)

START_NS = 1_763_650_000_000_000_000
DAY_NS = 86_400 * 10**9
COMMIT_MODES = ("lmdb", "wal")
WAL_BYTES = 256 * 1024
"""Small enough that a file is used many times in a test."""


def make_commit(
    mode: str, directory: JournalDirectory, *, segment_bytes_max: int = 1 << 30, wal_bytes: int = WAL_BYTES
) -> Commit:
    """The commit of a mode as the engine makes it, with small wal files."""
    if mode == "wal":
        return WalCommit(directory, wal_bytes=wal_bytes, segment_bytes_max=segment_bytes_max)
    return LmdbCommit(directory, segment_bytes_max=segment_bytes_max)


def events(first_seq: int, count: int, size: int = 0) -> bytes:
    return msgspec.msgpack.encode([[seq, "x" * size] for seq in range(first_seq, first_seq + count)])


def draft(
    first_seq: int, count: int = 1, *, epoch: int = 1, at_ns: int | None = None, size: int = 0
) -> FrameDraft:
    at_ns = START_NS + first_seq if at_ns is None else at_ns
    return FrameDraft(epoch, first_seq, count, at_ns, events(first_seq, count, size))


def frames_after(head: Head, counts: Sequence[int], *, epoch: int = 1, size: int = 0) -> list[Frame]:
    """A chain of frames with these numbers of events."""
    frames: list[Frame] = []
    seq, chain_hash = head.seq + 1, head.chain_hash
    for count in counts:
        frame = chain_frame(chain_hash, draft(seq, count, epoch=epoch, size=size))
        frames.append(frame)
        seq, chain_hash = seq + count, frame.chain_hash
    return frames


def write_journal(
    directory: Path,
    counts: Sequence[int],
    *,
    journal: str = "trading",
    clean: bool = True,
    segment_bytes_max: int = 1 << 30,
    size: int = 0,
    mode: str = "lmdb",
    wal_bytes: int = WAL_BYTES,
) -> list[Frame]:
    """Appends frames to a journal as one start and stop of an owner, one commit a frame; returns them."""
    data = create_or_open(directory, partitions=1, command="test")
    commit = make_commit(
        mode, data.journal(journal, 0), segment_bytes_max=segment_bytes_max, wal_bytes=wal_bytes
    )
    frames = frames_after(commit.open(), counts, size=size)
    for frame in frames:
        commit.commit([frame])
    commit.close()
    data.close({(journal, 0): commit.head} if clean else None)
    return frames


def crash_unsettled(
    directory: Path,
    counts: Sequence[int],
    *,
    size: int = 0,
    wal_bytes: int = WAL_BYTES,
    image_before: Path | None = None,
) -> list[Frame]:
    """Leaves in `directory` what an owner leaves who dies with these frames in the wal only; returns them.

    `directory` may hold a journal already. `image_before`: the same one frame earlier.
    """
    living = directory.with_name(f"{directory.name}-living")
    if directory.exists():
        directory.rename(living)
    data = create_or_open(living, partitions=1, command="test")
    commit = WalCommit(data.journal("trading", 0), wal_bytes=wal_bytes, settle_wait_s=3600)
    frames = frames_after(commit.open(), counts, size=size)
    for frame in frames:
        if frame is frames[-1] and image_before is not None:
            shutil.copytree(living, image_before)
        commit.commit([frame])
    shutil.copytree(living, directory)
    commit.close()
    data.close()
    shutil.rmtree(living)
    return frames


def wal_files(directory: Path) -> list[Path]:
    return sorted((directory / "trading" / "0" / "wal").glob("[01].wal"))


def segment_paths(directory: Path, journal: str = "trading") -> list[Path]:
    return sorted((directory / journal / "0" / "segments").glob("[0-9]*.lmdb"))
