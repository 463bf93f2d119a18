"""A writer that is killed when its frames are durable and LMDB's lock file does not say so, while others read the file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from journals import START_NS, events, make_commit, segment_paths
from ledger.journal import FrameDraft, Head, JournalReader, create_or_open
from ledger.journal.frame import Frame, chain_frame

LEAP = 1000
TOLD_AT = 48
"""Where the lock file has the number of the last transaction: behind two words and a mutex of 40 bytes."""


def frame_after(head: Head, seq: int) -> Frame:
    return chain_frame(head.chain_hash, FrameDraft(head.epoch + 1, seq, 1, START_NS + seq, events(seq, 1, 0)))


def write_and_die(directory: Path, journal: str) -> None:
    """Two commits; the lock file is as it was before the second one, whose transaction is not at its end."""
    data = create_or_open(directory, partitions=1, command="test")
    commit = make_commit("lmdb", data.journal(journal, 0))
    head = commit.open()
    for _ in range(2):
        commit.commit([frame_after(head, head.seq + 1)])
        head = commit.head
    environment = commit._handle.environment
    told = environment.info()["last_txnid"]
    [segment] = segment_paths(directory, journal)
    print("written", flush=True)
    sys.stdin.readline()  # somebody has the file open by now
    with segment.with_name(f"{segment.name}-lock").open("r+b", buffering=0) as lock:
        lock.seek(TOLD_AT)
        assert lock.read(8) == told.to_bytes(8, sys.byteorder), "LMDB keeps it elsewhere"
        with environment.begin(write=True):
            lock.seek(TOLD_AT)
            lock.write((told - 1).to_bytes(8, sys.byteorder))
            os.kill(os.getpid(), signal.SIGKILL)


def keep_open(directory: Path, journal: str) -> None:
    """As a follower does, in a process of its own."""
    with JournalReader(directory, journal, 0, wal=False) as reader:
        print(reader.settled().seq, flush=True)
        sys.stdin.readline()


def settled(directory: Path, journal: str) -> int:
    with JournalReader(directory, journal, 0, wal=False) as reader:
        return reader.settled().seq


def spawned(function: str, directory: Path, journal: str) -> subprocess.Popen[str]:
    call = f"import test_untold_commit as t; t.{function}(t.Path({str(directory)!r}), {journal!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", call], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
    )


@pytest.mark.parametrize("journal", ["market", "trading"])
def test_the_next_owner_goes_on_behind_what_its_predecessor_had_made_durable(
    tmp_path: Path, journal: str
) -> None:
    directory = tmp_path / "data"
    with spawned("write_and_die", directory, journal) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n", writer.communicate()
        with spawned("keep_open", directory, journal) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == "2\n", follower.communicate()
            _, said = writer.communicate("\n")
            assert writer.returncode == -signal.SIGKILL, said
            assert settled(directory, journal) == 1, "nothing is hidden from who looks"
            data = create_or_open(directory, partitions=1, command="test")
            commit = make_commit("lmdb", data.journal(journal, 0))
            head = commit.open()
            assert head.seq == 2
            commit.commit([frame_after(head, head.seq + (LEAP if journal == "market" else 1))])
            commit.close()
            data.close()
            follower.communicate("\n")
    with JournalReader(directory, journal, 0, wal=False) as reader:
        frames = [(frame.first_seq, frame.last_seq) for frame in reader.frames()]
    assert frames == [(1, 1), (2, 2), (3, 3) if journal == "trading" else (2 + LEAP, 2 + LEAP)]
