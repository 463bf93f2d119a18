"""SIGKILL at every system call of `serve --data DEST --new-lineage`'s beginning: the copy is the copy still, or the new lineage.

Never half: a plain start is refused as a copy, or serves the new lineage whole; the command again ends well in both cases.
The state is the parent's, the parent's journals are in `parents/` and verify, no second journal was begun.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from _faults_calls import COUNTING, Point, counted, of_busiest, points_of
from _faults_day import Day, Door, Failure
from _faults_forks import Fork
from _faults_lives import BATCHES, Counts, failed, tail, tally
from ledger.engine import replay
from ledger.engine.lineage import begin_lineage
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.journal import Refused, copy_journal, create_or_open, open_readonly, verify

JOURNALS = ("trading", "market")


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """Copies of a ledger with one partition and of one with three; every call, or `count` of them."""
    names = ("points", "killed", "not reached", "still the copy", "the new lineage", "failed")
    counts: Counter[str] = Counter(dict.fromkeys(names, 0))
    for partitions in (1, 3):
        each = folder / str(partitions)
        each.mkdir()
        copy, digests = _copy(each, partitions, seed)
        calls = _count(each, copy)
        for point in points_of(calls, -(-count // 2), seed):
            try:
                _kill(each, copy, point, partitions, digests, counts)
            except (Failure, Corrupt, Rejected, Unavailable) as failure:
                failed(counts, f"{partitions} partitions, killed at {point}", failure, each / "data")
            shutil.rmtree(each / "data")
    return counts


Digests = dict[tuple[str, int], int]


def _copy(folder: Path, partitions: int, seed: int) -> tuple[Path, Digests]:
    """A hot copy of a ledger that has traded, and the state of each of its journals."""
    data, said = folder / "original", folder / "said"
    with Fork(said, "serve", str(data), "wal", partitions, 0 if partitions > 1 else None) as fork:
        door = Door(fork)
        door.wait_ready()
        day = Day(data, 0, partitions, seed)
        day.give(("commands", day.desk.definitions()))
        day.trade(door, BATCHES)
        door.close()
        fork.terminate()
        fork.end()
    copy_journal(data, folder / "copy")
    return folder / "copy", _digests(folder / "copy", partitions)


def _digests(data: Path, partitions: int) -> Digests:
    return {
        (name, number): replay(data, name, number, wal=True).fold.digest()
        for name in JOURNALS
        for number in range(partitions)
    }


def _count(folder: Path, copy: Path) -> Counter[tuple[str, str]]:
    """All its calls: it is one thread, so each is counted whatever its file is."""
    data, log = folder / "data", folder / "log"
    shutil.copytree(copy, data)
    with Fork(folder / "said", "new_lineage", str(data), strace=lambda _: COUNTING, trace_log=log) as fork:
        if fork.said() is None:
            raise Failure(f"it ended with {fork.end()}: {tail(folder / 'said')}")
    assert counted(log, data, fork.pid), "no call on the directory was seen"
    shutil.rmtree(data)
    return of_busiest(log)


def _kill(folder: Path, copy: Path, point: Point, partitions: int, digests: Digests, counts: Counts) -> None:
    data = folder / "data"
    shutil.copytree(copy, data)
    parent = open_readonly(copy).lineage
    with Fork(folder / "said", "new_lineage", str(data), strace=point.strace(data)) as fork:
        fork.said()
    tally(counts, fork, folder / "said")
    try:
        create_or_open(data, partitions=partitions).close()
        counts["the new lineage"] += 1
    except Refused as refused:
        if "is a copy" not in str(refused):
            raise
        counts["still the copy"] += 1
        begin_lineage(data)
    lineage = open_readonly(data).lineage
    if lineage == parent:
        raise Failure("it was served under its parent's lineage")
    if not (report := verify(data)).ok:
        raise Failure(f"false damage: {report.problems[0]}")
    if _digests(data, partitions) != digests:
        raise Failure("its state is not the parent's")
    if _digests(data / "parents" / parent, partitions) != digests:
        raise Failure("the parent's journals are not what they were")
    if list(data.glob(".new-lineage/*")) or (data / "copy.json").exists():
        raise Failure("what was prepared lies there still")
