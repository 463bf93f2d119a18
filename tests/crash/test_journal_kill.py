"""Whenever the writer dies, every acknowledged frame is there, in order, whole, and the next owner goes on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from journals import COMMIT_MODES, make_commit, segment_paths
from ledger.errors import Unavailable
from ledger.journal import JournalReader, create_or_open, owner_of, verify

KINDS = [("trading", "lmdb"), ("trading", "wal"), ("market", "lmdb")]
WRITER = Path(__file__).with_name("journal_writer.py")


def start(directory: Path, journal: str, seed: int, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITER), str(directory), journal, str(seed), *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def kill_after(child: subprocess.Popen[str], lines: int, random_bytes: int) -> list[tuple[int, str]]:
    """The acknowledgements of a child killed after so many lines and, at a moment not of its choosing, some more."""
    assert child.stdout is not None
    text = "".join(child.stdout.readline() for _ in range(lines))
    text += child.stdout.read(random_bytes)
    child.kill()
    # Not by communicate(): it reads the pipe past what this file object has buffered, and tears a line in the middle.
    rest, said = rest_of(child)
    assert said == ""
    acknowledged = [line.split() for line in (text + rest).rpartition("\n")[0].splitlines()]
    assert {len(chain) for _, chain in acknowledged} == {64}, "an acknowledgement was read in part"
    return [(int(seq), chain) for seq, chain in acknowledged]


def rest_of(child: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed until its end, on both streams."""
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        return child.stdout.read(), child.stderr.read()


def heads_on_disk(directory: Path, journal: str) -> list[tuple[int, str]]:
    with JournalReader(directory, journal, 0) as reader:
        return [(frame.last_seq, frame.chain_hash.hex()) for frame in reader.frames()]


@pytest.mark.parametrize(("journal", "mode"), KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_acknowledged_survives_kills(tmp_path: Path, journal: str, mode: str, seed: int) -> None:
    check_kills(tmp_path, journal, seed, kills=3, modes=[mode])


def test_what_was_acknowledged_survives_kills_with_the_mode_changing_at_every_start(tmp_path: Path) -> None:
    check_kills(tmp_path, "trading", 4, kills=4, modes=["wal", "lmdb"])


@pytest.mark.slow
@pytest.mark.parametrize(("journal", "mode"), KINDS)
def test_what_was_acknowledged_survives_many_kills(tmp_path: Path, journal: str, mode: str) -> None:
    check_kills(tmp_path, journal, seed=3, kills=25 if journal == "trading" else 12, modes=[mode])


def check_kills(directory: Path, journal: str, seed: int, kills: int, modes: list[str]) -> None:
    seeded = random.Random(seed)
    lines_max = (
        60 if journal == "trading" else 8
    )  # a line for each commit: market puts up to 32 frames in one
    before: list[tuple[int, str]] = []
    for kill in range(kills):
        child = start(directory, journal, seed + 100 * kill, "--commit", modes[kill % len(modes)])
        acknowledged = kill_after(child, 1 + seeded.randrange(lines_max), 1 + seeded.randrange(2000))
        after = heads_on_disk(directory, journal)
        assert after[: len(before)] == before, "a frame of an earlier life changed"
        assert acknowledged[0][0] == (before[-1][0] if before else 0), "the next life began elsewhere"
        lost = set(acknowledged[1:]) - set(after)
        assert not lost
        assert owner_of(directory) is None
        report = verify(directory)
        assert report.ok, report.problems
        before = after
    data = create_or_open(directory, partitions=1)
    commit = make_commit(modes[0], data.journal(journal, 0))
    assert commit.open().seq == before[-1][0]
    commit.close()
    data.close()
    assert len(segment_paths(directory, journal)) > 1


@pytest.mark.parametrize("mode", COMMIT_MODES)
def test_a_reader_in_another_process_sees_only_whole_frames_beside_a_living_writer(
    tmp_path: Path, mode: str
) -> None:
    child = start(tmp_path, "trading", 5, "--commit", mode)
    assert child.stdout is not None
    child.stdout.readline()
    seen = 0
    with JournalReader(tmp_path, "trading", 0) as reader:
        for _ in range(30):
            promised = int(child.stdout.readline().split()[0])
            for frame in reader.frames(seen + 1):
                assert frame.first_seq == seen + 1
                seen = frame.last_seq
            # The wal is the owner's alone: beside it a reader stops where LMDB has followed.
            assert seen >= promised or mode == "wal"
        assert owner_of(tmp_path) is not None
        child.kill()
        rest, _ = rest_of(child)
        promised = max([promised, *(int(line.split()[0]) for line in rest.splitlines()[:-1])])
        seen = max([seen, *(frame.last_seq for frame in reader.frames(seen + 1))])
        assert reader.head().seq == seen >= promised


@pytest.mark.parametrize("mode", COMMIT_MODES)
def test_a_file_size_limit_ends_the_writing_and_loses_nothing(tmp_path: Path, mode: str) -> None:
    options = ("--frames", "400", "--file-bytes-max", "100000", "--commit", mode)
    child = start(tmp_path, "trading", 7, *options)
    said, errors = child.communicate()
    assert child.returncode == 1
    assert "StorageError" in errors
    assert "ulimit -f" in errors
    acknowledged = [(int(seq), chain) for seq, chain in (line.split() for line in said.splitlines())]
    assert len(acknowledged) > 1
    after = heads_on_disk(tmp_path, "trading")
    assert set(acknowledged[1:]) <= set(after)
    assert verify(tmp_path).ok
    child = start(tmp_path, "trading", 8, "--frames", "5", "--commit", mode)
    said, errors = child.communicate()
    assert (child.returncode, errors) == (0, "")
    assert int(said.splitlines()[0].split()[0]) == after[-1][0]


def test_a_file_size_limit_below_a_wal_file_refuses_the_start_with_the_cure(tmp_path: Path) -> None:
    options = ("--file-bytes-max", "100000", "--commit", "wal", "--wal-bytes", "131072")
    child = start(tmp_path, "trading", 7, *options)
    said, errors = child.communicate()
    assert (child.returncode, said) == (1, "")
    assert "StorageError: preallocating" in errors
    assert "ulimit -f" in errors
    assert not list((tmp_path / "trading/0/wal").iterdir())
    child = start(tmp_path, "trading", 7, "--commit", "wal", "--frames", "3")
    child.communicate()
    assert child.returncode == 0


@pytest.mark.parametrize("where", ["segments", "."])
def test_a_file_that_cannot_be_read_says_who_could(tmp_path: Path, where: str) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read anything")
    child = start(tmp_path, "trading", 1, "--frames", "3")
    child.communicate()
    (tmp_path / "trading" / "0" / where).chmod(0)
    with pytest.raises(Unavailable), JournalReader(tmp_path, "trading", 0) as reader:
        reader.head()
    (tmp_path / "trading" / "0" / where).chmod(0o755)
