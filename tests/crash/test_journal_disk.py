"""A full or read-only disk ends the writing, is named with its cure, and loses nothing that was acknowledged."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from full_disk import mounted
from journals import COMMIT_MODES, frames_after, make_commit, write_journal
from ledger.journal import (
    Frame,
    JournalReader,
    Refused,
    StorageError,
    create_or_open,
    verify,
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte."""
    with mounted(tmp_path / "disk", 1024 * 1024) as path:
        yield path


@pytest.mark.parametrize("mode", COMMIT_MODES)
def test_a_full_disk_ends_the_writing_and_loses_nothing(disk: Path, mode: str) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(300 * 1024))
    data = create_or_open(disk / "data", partitions=1)
    commit = make_commit(mode, data.journal("trading", 0), segment_bytes_max=128 * 1024, wal_bytes=32 * 1024)
    frames = frames_after(commit.open(), [5] * 200, size=800)
    durable: list[Frame] = []

    def fill() -> None:
        for frame in frames:
            commit.commit([frame])
            durable.append(frame)

    with pytest.raises(StorageError, match="free space on that disk"):
        fill()
    ballast.unlink()  # there is room again, and still nothing is tried again
    with pytest.raises(StorageError):
        commit.commit(frames[len(durable) : len(durable) + 1])
    assert commit.head == durable[-1].head
    commit.close()
    data.close()
    with JournalReader(disk / "data", "trading", 0) as reader:
        assert list(reader.frames()) == durable
    assert verify(disk / "data").ok
    more = write_journal(disk / "data", [5], mode=mode, wal_bytes=32 * 1024)
    assert more[0].previous_hash == durable[-1].chain_hash


def test_a_disk_without_room_for_the_wal_refuses_the_start_and_leaves_nothing_half_made(disk: Path) -> None:
    frames = write_journal(disk / "data", [1, 2])
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(600 * 1024))
    data = create_or_open(disk / "data", partitions=1)
    commit = make_commit("wal", data.journal("trading", 0), wal_bytes=512 * 1024)
    with pytest.raises(StorageError, match=r"preallocating .* free space on that disk"):
        commit.open()
    assert not list((disk / "data/trading/0/wal").iterdir())
    data.close()
    assert verify(disk / "data").heads[0].head == frames[-1].head
    ballast.unlink()
    write_journal(disk / "data", [5], mode="wal")


def test_a_disk_too_full_for_a_birth_is_named(disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(1024 * 1024))
    with pytest.raises(StorageError, match="free space on that disk"):
        create_or_open(disk / "data", partitions=1)


def test_a_read_only_disk_is_refused_and_still_read(disk: Path) -> None:
    frames = write_journal(disk / "data", [1, 2, 3])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(Refused, match=r"cannot be written: Read-only file system; .*--data"):
        create_or_open(disk / "data", partitions=1)
    with pytest.raises(Refused, match="Read-only"):
        create_or_open(disk / "new", partitions=1)
    with JournalReader(disk / "data", "trading", 0) as reader:
        assert list(reader.frames()) == frames
    assert verify(disk / "data").ok
