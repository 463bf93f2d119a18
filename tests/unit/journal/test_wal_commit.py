"""The wal beside a living owner: readers stop at the settled head, files are used again, full files wait."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from journals import frames_after, segment_paths, wal_files, write_journal
from ledger.journal import (
    DataDirectory,
    Frame,
    JournalReader,
    StorageError,
    WalCommit,
    create_or_open,
    verify,
)
from ledger.journal.environment import SegmentHandle
from ledger.journal.wal_file import place_hash

PAGE = 4096
NEVER_S = 3600.0


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    opened = create_or_open(tmp_path, partitions=1)
    yield opened
    opened.close()


def test_the_worked_example_of_the_format_page_is_what_is_written() -> None:
    text = (Path(__file__).parents[3] / "journal" / "FORMAT.md").read_text()
    chain_hash = bytes.fromhex(text.split("## Worked example")[1].split("chain hash\n")[0].split()[-1])
    assert f"`{place_hash(bytes(range(16)), PAGE, chain_hash).hex()}`" in text


def test_beside_an_owner_readers_stop_at_the_settled_head(data: DataDirectory, tmp_path: Path) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=64 * PAGE, settle_wait_s=NEVER_S)
    frames = frames_after(commit.open(), [3] * 5)
    commit.commit(frames)
    assert (commit.head.seq, commit.settled.seq) == (15, 0)
    with JournalReader(tmp_path, "trading", 0) as reader:
        assert (reader.head().seq, reader.settled().seq, list(reader.frames())) == (0, 0, [])
    report = verify(tmp_path)
    assert report.ok
    assert "up to what was settled" in report.notices[0]
    assert (report.heads[0].head.seq, report.heads[0].settled.seq) == (0, 0)
    with JournalReader(tmp_path, "trading", 0, wal=True) as owner:
        assert list(owner.frames()) == frames
        assert (owner.head().seq, owner.settled().seq) == (15, 0)
    commit.close()
    assert commit.settled == frames[-1].head


def test_who_follows_sees_settled_frames_only(data: DataDirectory, tmp_path: Path) -> None:
    write_commit = WalCommit(data.journal("trading", 0), wal_bytes=64 * PAGE, settle_wait_s=NEVER_S)
    write_commit.commit(frames_after(write_commit.open(), [3] * 5))
    with JournalReader(tmp_path, "trading", 0, wal=False) as follower:
        assert list(follower.frames()) == []
        write_commit.close()
        assert [frame.last_seq for frame in follower.frames()] == [3, 6, 9, 12, 15]


def test_settling_follows_by_itself(data: DataDirectory) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=64 * PAGE, settle_wait_s=0.001)
    frames = frames_after(commit.open(), [3] * 5)
    commit.commit(frames)
    with commit._changed:  # pyright: ignore[reportPrivateUsage]
        assert commit._changed.wait_for(lambda: commit.settled == frames[-1].head, 30)
    commit.close()


def test_much_is_settled_without_waiting(data: DataDirectory) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=1 << 24, settle_wait_s=NEVER_S)
    frames = frames_after(commit.open(), [1] * 9, size=1 << 20)
    commit.commit(frames)
    with commit._changed:  # pyright: ignore[reportPrivateUsage]
        assert commit._changed.wait_for(lambda: commit.settled.seq >= 7, 30)
    commit.close()


def test_files_are_used_again_and_again(data: DataDirectory, tmp_path: Path) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=8 * PAGE, segment_bytes_max=64 * 1024)
    frames = frames_after(commit.open(), [3] * 100, size=1200)
    for frame in frames:
        commit.commit([frame])
    commit.close()
    assert [path.stat().st_size for path in wal_files(tmp_path)] == [8 * PAGE] * 2
    with JournalReader(tmp_path, "trading", 0) as reader:
        assert list(reader.frames()) == frames
    assert len(segment_paths(tmp_path)) > 3


def test_when_both_files_are_full_commits_wait_for_settling(data: DataDirectory, tmp_path: Path) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=8 * PAGE, settle_wait_s=0.0)
    head = commit.open()
    [first, *frames] = frames_after(head, [1] * 30)
    commit.commit([first])
    with commit._changed:  # pyright: ignore[reportPrivateUsage]
        assert commit._changed.wait_for(lambda: commit.settled == first.head, 30)
    holder = SegmentHandle(segment_paths(tmp_path)[0], writable=True)

    def write() -> None:
        for frame in frames:
            commit.commit([frame])

    writer = threading.Thread(target=write)
    with holder.environment.begin(write=True):  # the settler waits for this transaction to end
        writer.start()
        with commit._changed:  # pyright: ignore[reportPrivateUsage]
            assert commit._changed.wait_for(lambda: commit._writer_waits, 30)  # pyright: ignore[reportPrivateUsage]
        assert commit.head.seq == 14  # seven pages of frames in each file
        assert commit.settled == first.head
    holder.close()
    writer.join(30)
    assert commit.head == frames[-1].head
    commit.close()
    with JournalReader(tmp_path, "trading", 0) as reader:
        assert list(reader.frames()) == [first, *frames]


def test_a_write_that_fails_ends_the_writing_and_what_was_durable_stays(
    data: DataDirectory, tmp_path: Path
) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=64 * PAGE, settle_wait_s=NEVER_S)
    frames = frames_after(commit.open(), [3] * 5)
    commit.commit(frames[:3])
    descriptor = commit._files[0]._descriptor  # pyright: ignore[reportPrivateUsage]
    with (tmp_path / "manifest.json").open() as unwritable:
        os.dup2(unwritable.fileno(), descriptor)
    with pytest.raises(StorageError, match="committing trading/0:10"):
        commit.commit(frames[3:4])
    with pytest.raises(StorageError, match="committing trading/0:10"):
        commit.commit(frames[3:4])
    assert commit.head == frames[2].head
    with JournalReader(tmp_path, "trading", 0, wal=True) as owner:
        assert list(owner.frames()) == frames[:3]
    commit.close()
    assert commit.settled.seq == 0, "nothing is written after an error"
    data.close()
    assert verify(tmp_path).heads[0].head == frames[2].head


def test_a_settle_that_fails_ends_the_writing(data: DataDirectory, tmp_path: Path) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=64 * PAGE, settle_wait_s=0.0)
    frames = frames_after(commit.open(), [3] * 3)
    (tmp_path / "trading/0/segments/.new.lmdb").mkdir()  # where the first segment would be written
    commit.commit(frames[:1])
    with commit._changed:  # pyright: ignore[reportPrivateUsage]
        assert commit._changed.wait_for(lambda: commit._failed is not None, 30)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(StorageError):
        commit.commit(frames[1:2])
    commit.close()
    (tmp_path / "trading/0/segments/.new.lmdb").rmdir()
    again = WalCommit(data.journal("trading", 0), wal_bytes=64 * PAGE)
    assert again.open() == frames[0].head
    again.close()


def test_another_size_makes_the_files_anew_and_keeps_the_frames(tmp_path: Path) -> None:
    frames: list[Frame] = []
    for size in (64 * PAGE, 16 * PAGE, 128 * PAGE):
        frames += write_journal(tmp_path, [2, 3], mode="wal", wal_bytes=size)
        assert [path.stat().st_size for path in wal_files(tmp_path)] == [size] * 2
    with JournalReader(tmp_path, "trading", 0) as reader:
        assert list(reader.frames()) == frames


def test_a_making_cut_short_is_begun_anew(tmp_path: Path) -> None:
    write_journal(tmp_path, [2], mode="wal")
    wal_files(tmp_path)[1].rename(tmp_path / "trading/0/wal/.1.wal.new")
    write_journal(tmp_path, [2], mode="wal")
    assert len(list((tmp_path / "trading/0/wal").iterdir())) == 2


def test_a_page_with_an_acknowledged_frame_is_not_written_again_before_it_is_settled(
    data: DataDirectory, tmp_path: Path
) -> None:
    commit = WalCommit(data.journal("trading", 0), wal_bytes=64 * PAGE, settle_wait_s=NEVER_S)
    path = tmp_path / "trading/0/wal/0.wal"
    for index, frame in enumerate(frames_after(commit.open(), [1] * 20)):
        before = path.read_bytes()
        commit.commit([frame])
        after = path.read_bytes()
        changed = [page for page in range(64) if before[page * PAGE :][:PAGE] != after[page * PAGE :][:PAGE]]
        assert changed == [1 + index]
    commit.close()
