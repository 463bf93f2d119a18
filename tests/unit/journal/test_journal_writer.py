"""The writer makes frames durable in order, tells once, and ends at the first error."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue

import pytest

from journals import draft
from ledger.journal import (
    DataDirectory,
    Frame,
    Head,
    JournalFull,
    JournalReader,
    LmdbCommit,
    StorageError,
    WriterThread,
    create_or_open,
)

LONG_S = 3600.0
WAIT_S = 30.0


class Told:
    """What a writer told its owner."""

    def __init__(self) -> None:
        self.durable: SimpleQueue[tuple[Head, Sequence[Frame]]] = SimpleQueue()
        self.failed: SimpleQueue[Exception] = SimpleQueue()
        self.threads: set[str] = set()

    def on_durable(self, head: Head, frames: Sequence[Frame]) -> None:
        self.threads.add(threading.current_thread().name)
        self.durable.put((head, frames))

    def on_failed(self, error: Exception) -> None:
        self.failed.put(error)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    opened = create_or_open(tmp_path, partitions=1)
    yield opened
    opened.close()


@pytest.fixture
def told() -> Told:
    return Told()


def start(
    data: DataDirectory, told: Told, journal: str = "trading", **options: float
) -> tuple[LmdbCommit, WriterThread]:
    commit = LmdbCommit(data.journal(journal, 0))
    commit.open()
    return commit, WriterThread(commit, on_durable=told.on_durable, on_failed=told.on_failed, **options)  # type: ignore[arg-type]


def test_a_trading_frame_is_durable_when_it_is_told(data: DataDirectory, told: Told, tmp_path: Path) -> None:
    commit, writer = start(data, told)
    with JournalReader(tmp_path, "trading", 0) as reader:
        for seq in (1, 4, 7):
            writer.submit(draft(seq, 3))
            head, frames = told.durable.get(timeout=WAIT_S)
            assert head == reader.head() == frames[-1].head
            assert (head.seq, writer.unsynced_bytes) == (seq + 2, 0)
    writer.close()
    commit.close()
    assert told.threads == {"writer-trading-0"}


class HeldCommit:
    """A commit that waits on the way to the disk until it is let go."""

    def __init__(self, inner: LmdbCommit) -> None:
        self.inner = inner
        self.journal, self.partition = inner.journal, inner.partition
        self.open, self.check_readers, self.close = inner.open, inner.check_readers, inner.close
        self.entered = threading.Event()
        self.let_go = threading.Event()

    @property
    def head(self) -> Head:
        return self.inner.head

    def commit(self, frames: Sequence[Frame]) -> None:
        self.entered.set()
        assert self.let_go.wait(WAIT_S)
        self.inner.commit(frames)


def test_two_unsynced_trading_frames_are_our_fault(data: DataDirectory, told: Told) -> None:
    commit = HeldCommit(LmdbCommit(data.journal("trading", 0)))
    commit.open()
    writer = WriterThread(commit, on_durable=told.on_durable, on_failed=told.on_failed)
    writer.submit(draft(1))
    assert commit.entered.wait(WAIT_S)
    with pytest.raises(AssertionError, match="on its way"):
        writer.submit(draft(2))
    commit.let_go.set()
    assert told.durable.get(timeout=WAIT_S)[0].seq == 1
    writer.submit(draft(2))
    writer.close()
    assert commit.head.seq == 2
    commit.close()


def test_the_thread_that_submits_may_write_a_frame_itself_once_commits_were_quick(
    data: DataDirectory, told: Told, tmp_path: Path
) -> None:
    commit, writer = start(data, told, quick_s=3600.0)
    assert not writer.quick
    writer.submit(draft(1))
    assert told.durable.get(timeout=WAIT_S)[0].seq == 1
    assert writer.quick
    with JournalReader(tmp_path, "trading", 0) as reader:
        assert writer.write(draft(2, 3)) == reader.head() == commit.head
    assert (commit.head.seq, writer.unsynced_bytes) == (4, 0)
    assert told.durable.empty()
    writer.submit(draft(5))
    writer.close()
    assert commit.head.seq == 5
    commit.close()


def test_a_write_that_fails_ends_the_writing(data: DataDirectory, told: Told, tmp_path: Path) -> None:
    commit, writer = start(data, told, quick_s=3600.0)
    durable = writer.write(draft(1))
    (tmp_path / "trading/0/segments/.new.lmdb").mkdir()  # where the next day's segment would be written
    with pytest.raises(StorageError, match="trading/0:2"):
        writer.write(draft(2, at_ns=2 * durable.recorded_at_ns))
    (tmp_path / "trading/0/segments/.new.lmdb").rmdir()
    for again in (writer.write, writer.submit):
        with pytest.raises(StorageError, match="has stopped"):
            again(draft(3, at_ns=2 * durable.recorded_at_ns))
    writer.close()
    assert commit.head == durable
    assert told.failed.empty()
    commit.close()


def test_a_disk_that_hangs_does_not_hold_the_stop_for_ever(data: DataDirectory, told: Told) -> None:
    commit = HeldCommit(LmdbCommit(data.journal("trading", 0)))
    commit.open()
    writer = WriterThread(commit, on_durable=told.on_durable, on_failed=told.on_failed)
    writer.submit(draft(1))
    with pytest.raises(StorageError, match="did not end"):
        writer.close(timeout_s=0.01)
    commit.let_go.set()
    writer.close()
    assert commit.head.seq == 1
    commit.close()


def test_market_frames_of_one_interval_share_a_commit(
    data: DataDirectory, told: Told, tmp_path: Path
) -> None:
    commit, writer = start(data, told, "market", group_wait_s=LONG_S)
    for seq in range(1, 51):
        writer.submit(draft(seq))
    assert told.durable.empty()
    writer.close()
    head, frames = told.durable.get_nowait()
    assert told.durable.empty()
    assert (head.seq, len(frames)) == (50, 50)
    commit.close()
    with JournalReader(tmp_path, "market", 0) as reader:
        assert list(reader.frames()) == frames


def test_a_large_market_group_does_not_wait_for_the_interval(data: DataDirectory, told: Told) -> None:
    commit, writer = start(data, told, "market", group_wait_s=LONG_S)
    for seq in range(1, 6):
        writer.submit(draft(seq, size=2 * 1024 * 1024))
    assert told.durable.get(timeout=WAIT_S)[0].seq >= 4
    writer.close()
    assert commit.head.seq == 5
    commit.close()


def test_what_waits_for_the_disk_is_bounded(data: DataDirectory, told: Told) -> None:
    commit, writer = start(data, told, "market", group_wait_s=LONG_S, unsynced_bytes_max=1000)
    writer.submit(draft(1, size=700))
    with pytest.raises(JournalFull):
        writer.submit(draft(2, size=700))
    writer.close()
    assert commit.head.seq == 1
    commit.close()


@pytest.mark.parametrize("wrong", [draft(1), draft(3), draft(2, epoch=0), draft(2, at_ns=0)])
def test_a_frame_out_of_order_is_our_fault_at_once(data: DataDirectory, told: Told, wrong: object) -> None:
    commit, writer = start(data, told, "market", group_wait_s=LONG_S)
    writer.submit(draft(1))
    with pytest.raises(AssertionError):
        writer.submit(wrong)  # type: ignore[arg-type]
    writer.submit(draft(2))
    writer.close()
    assert commit.head.seq == 2
    commit.close()


def test_after_the_first_storage_error_nothing_is_written_any_more(
    data: DataDirectory, told: Told, tmp_path: Path
) -> None:
    commit, writer = start(data, told)
    writer.submit(draft(1))
    durable = told.durable.get(timeout=WAIT_S)[0]
    (tmp_path / "trading/0/segments/.new.lmdb").mkdir()  # where the next day's segment would be written
    writer.submit(draft(2, at_ns=2 * durable.recorded_at_ns))
    error = told.failed.get(timeout=WAIT_S)
    assert isinstance(error, StorageError)
    assert "trading/0:2" in str(error)
    (tmp_path / "trading/0/segments/.new.lmdb").rmdir()  # the cause is gone: still nothing is tried again
    with pytest.raises(StorageError, match="has stopped"):
        writer.submit(draft(3, at_ns=2 * durable.recorded_at_ns))
    writer.close()
    frame = told.durable
    assert frame.empty()
    with pytest.raises(StorageError, match="trading/0:2"):
        commit.commit([])
    assert told.failed.empty()
    assert commit.head == durable
    commit.close()
    with JournalReader(tmp_path, "trading", 0) as reader:
        assert reader.head() == durable
