"""What every Commit promises, whatever it writes to. A new implementation joins in `make_commit` and COMMIT_MODES."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from journals import COMMIT_MODES, frames_after, make_commit
from ledger.journal import (
    Commit,
    DataDirectory,
    JournalDirectory,
    JournalReader,
    chain_frame,
    create_or_open,
)
from ledger.journal.frame import FrameDraft

CommitMaker = Callable[[JournalDirectory], Commit]


@pytest.fixture(params=COMMIT_MODES)
def make(request: pytest.FixtureRequest) -> CommitMaker:
    return partial(make_commit, request.param)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    opened = create_or_open(tmp_path / "data", partitions=1)
    yield opened
    opened.close()


def test_a_new_journal_opens_at_its_genesis(make: CommitMaker, data: DataDirectory) -> None:
    directory = data.journal("trading", 0)
    commit = make(directory)
    assert commit.open() == directory.origin == commit.head
    commit.close()


def test_what_was_committed_is_the_head_after_reopening(make: CommitMaker, data: DataDirectory) -> None:
    commit = make(data.journal("trading", 0))
    frames = frames_after(commit.open(), [1, 100, 3])
    commit.commit(frames[:1])
    commit.commit(frames[1:])
    assert commit.head == frames[-1].head
    commit.close()
    again = make(data.journal("trading", 0))
    assert again.open() == frames[-1].head
    again.close()


def test_reopened_it_goes_on_where_it_ended(make: CommitMaker, data: DataDirectory, tmp_path: Path) -> None:
    everything = []
    for epoch in (1, 2, 3):
        commit = make(data.journal("trading", 0))
        frames = frames_after(commit.open(), [2, 5], epoch=epoch)
        commit.commit(frames)
        everything += frames
        commit.close()
    with JournalReader(tmp_path / "data", "trading", 0) as reader:
        assert list(reader.frames()) == everything


def test_a_frame_out_of_order_is_our_fault_and_changes_nothing(
    make: CommitMaker, data: DataDirectory
) -> None:
    commit = make(data.journal("trading", 0))
    first, second, third = frames_after(commit.open(), [1, 1, 1])
    commit.commit([first])
    for wrong in ([first], [third], [third, second]):
        with pytest.raises(AssertionError):
            commit.commit(wrong)
    assert commit.head == first.head
    commit.commit([second, third])
    assert commit.head == third.head
    commit.close()


def test_a_frame_of_another_chain_is_our_fault(make: CommitMaker, data: DataDirectory) -> None:
    commit = make(data.journal("trading", 0))
    commit.open()
    stranger = chain_frame(data.journal("market", 0).origin.chain_hash, FrameDraft(1, 1, 1, 0, b"\x91\x01"))
    with pytest.raises(AssertionError, match="another chain"):
        commit.commit([stranger])
    commit.close()


def test_one_thread_may_open_and_another_commit(make: CommitMaker, data: DataDirectory) -> None:
    commit = make(data.journal("trading", 0))
    frames = frames_after(commit.open(), [1] * 20)

    def write() -> None:
        for frame in frames:
            commit.commit([frame])

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(30)
    assert commit.head == frames[-1].head
    assert commit.check_readers() == 0
    commit.close()


def test_settled_is_never_above_the_head_and_equals_it_after_reopening(
    make: CommitMaker, data: DataDirectory
) -> None:
    commit = make(data.journal("trading", 0))
    frames = frames_after(commit.open(), [3] * 30)
    for frame in frames:
        commit.commit([frame])
        assert commit.settled.seq <= commit.head.seq == frame.last_seq
    commit.close()
    again = make(data.journal("trading", 0))
    assert again.open() == again.settled == frames[-1].head
    again.close()


def test_the_other_mode_goes_on_where_this_one_ended(
    make: CommitMaker, data: DataDirectory, tmp_path: Path
) -> None:
    everything = []
    for maker in (make, partial(make_commit, "lmdb"), make, partial(make_commit, "wal"), make):
        commit = maker(data.journal("trading", 0))
        frames = frames_after(commit.open(), [2, 5])
        for frame in frames:
            commit.commit([frame])
        everything += frames
        commit.close()
    data.close()
    with JournalReader(tmp_path / "data", "trading", 0) as reader:
        assert list(reader.frames()) == everything
        assert reader.settled() == reader.head() == everything[-1].head
