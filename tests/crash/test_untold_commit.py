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
        environment.begin(write=True)
        lock.seek(TOLD_AT)
        lock.write((told - 1).to_bytes(8, sys.byteorder))
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("journal", ["market", "trading"])
def test_the_next_owner_goes_on_behind_what_its_predecessor_had_made_durable(
    tmp_path: Path, journal: str
) -> None:
    call = f"import test_untold_commit as t; t.write_and_die(t.Path({str(tmp_path / 'data')!r}), {journal!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [sys.executable, "-c", call], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n", child.communicate()
        with JournalReader(tmp_path / "data", journal, 0, wal=False) as other:  # a follower, say
            assert other.settled().seq == 2
            _, said = child.communicate("\n")
            assert child.returncode == -signal.SIGKILL, said
            assert other.settled().seq == 1, "nothing is hidden from who looks"
            data = create_or_open(tmp_path / "data", partitions=1, command="test")
            commit = make_commit("lmdb", data.journal(journal, 0))
            head = commit.open()
            assert head.seq == 2
            commit.commit([frame_after(head, head.seq + (LEAP if journal == "market" else 1))])
            commit.close()
            data.close()
            frames = [(frame.first_seq, frame.last_seq) for frame in other.frames()]
    assert frames == [(1, 1), (2, 2), (3, 3) if journal == "trading" else (2 + LEAP, 2 + LEAP)]
