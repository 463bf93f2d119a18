"""Disks that fail under a trading ledger: EIO and ENOSPC from each write and sync on, a full disk, and one that is slow.

After the first error nothing more is written and nothing more is acknowledged; what is asked is answered from what is
durable. The next start, on a disk that works, has all that was acknowledged and answers as the first did.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from _faults_calls import COUNTING, Point, counted, points_of
from _faults_day import Day, Died, Door, Failure, Stopped
from _faults_forks import Fork
from _faults_lives import BATCHES, Counts, Live, failed, follow, start, tail

MODES = ("wal", "lmdb")
SLOW_US = 5000
DISK_BYTES = 3 << 20
ROOMY_BYTES = 64 << 20
FILLING_BATCHES = 3000


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`count` failing disks, two thirds EIO, half of all at a birth; two full ones and two slow ones."""
    names = ("EIO", "ENOSPC", "ended by it", "not reached", "full disks", "slow", "acknowledged", "failed")
    counts: Counter[str] = Counter(dict.fromkeys(names, 0))
    for mode in MODES:
        base = folder / mode
        base.mkdir()
        for born in (True, False):
            calls = _count(base / f"counted-{born}", mode, seed, born=born)
            for error, each in (("EIO", count // 6), ("ENOSPC", count // 12)):
                for point in points_of(calls, max(1, each), seed):
                    _guarded(base, mode, f"{error} at {point}", counts, point, error, born=born)
        slow(base / "slow", mode, seed, counts)
        full_disk(base / "full", mode, seed, counts)
    return counts


def _guarded(
    base: Path, mode: str, what: str, counts: Counts, point: Point, error: str, *, born: bool
) -> None:
    data = base / "one"
    data.mkdir()
    try:
        _fail(data, mode, point, error, counts, born=born)
    except Failure as failure:
        failed(counts, f"{mode}: {what}, {'at a birth' if born else 'later'}", failure, data)
    shutil.rmtree(data)


def _begin(folder: Path, mode: str, *, born: bool) -> Day:
    """A day whose ledger is yet to be born, or has traded, stopped, and has an index and a snapshot."""
    day = Day(folder / "data", 0, 1, 1)
    day.give(("commands", day.desk.definitions()))
    if not born:
        with Fork(folder / "said", "serve", str(day.data), mode) as fork:
            start(day, fork, BATCHES // 2)
        follow(day.data, 0)
    return day


def _count(folder: Path, mode: str, seed: int, *, born: bool) -> Counter[tuple[str, str]]:
    """The calls of one start; a wal file is zero-written once, and its many pages are one point."""
    folder.mkdir()
    day = _begin(folder, mode, born=born)
    log = folder / "log"
    with Fork(
        folder / "said", "serve", str(day.data), mode, strace=lambda _: COUNTING, trace_log=log
    ) as fork:
        start(day, fork, BATCHES)
    calls = counted(log, day.data, fork.pid)
    return Counter(
        {key: number for key, number in calls.items() if key[0] != "mkdir" and not key[1].endswith("{pid}")}
    )


def _fail(folder: Path, mode: str, point: Point, error: str, counts: Counts, *, born: bool) -> None:
    day, said = _begin(folder, mode, born=born), folder / "said"
    counts[error] += 1
    with Fork(said, "serve", str(day.data), mode, strace=_failing(point, day.data, error)) as fork:
        live, stopped = _trade_until_it_stops(day, fork)
        code = fork.end()
    counts["ended by it"] += stopped or code != 0
    counts["not reached"] += not stopped and code == 0
    if code not in (0, 1, 2):
        raise Failure(f"it ended with {code}: {tail(said)}")
    if code and not any(word in tail(said) for word in ("failed", "cannot", "Error", "error")):
        raise Failure(f"it did not say why it ended with {code}: {tail(said)}")
    if (day.data / "manifest.json").exists():
        day.check()
        day.check_past(live)
    _trade_well(day, mode, said)
    counts["acknowledged"] += len(day.acked)


def _failing(point: Point, data: Path, error: str):
    def options(pid: int) -> Sequence[str]:
        wanted = point.strace(data)(pid)
        return [
            it.replace(f"signal=KILL:when={point.number}", f"error={error}:when={point.number}+")
            for it in wanted
        ]

    return options


def _trade_until_it_stops(day: Day, fork: Fork) -> tuple[Live, bool]:
    """(what it says of its state at the end, whether it took no more). Died at its start: ({}, True)."""
    door = Door(fork)
    stopped = False
    try:
        door.wait_ready()
        try:
            day.trade(door, BATCHES)
        except Stopped:
            stopped = True
        live = day.ask_digests(door)
        fork.terminate()
        return live, stopped
    except Died:
        return {}, True
    finally:
        door.close()


def _trade_well(day: Day, mode: str, said: Path) -> None:
    with Fork(said, "serve", str(day.data), mode, 1, None, 0) as fork:
        live = start(day, fork, 2, again=True)
        if fork.end():
            raise Failure(f"the next start ended with {fork.end()}: {tail(said)}")
    day.check(live)


def slow(folder: Path, mode: str, seed: int, counts: Counts) -> None:
    """Each sync takes 5 ms more: everything is as with a fast one, later."""
    folder.mkdir()
    took: list[float] = []
    for delay in ([], ["-e", f"inject=fdatasync,pwritev2:delay_enter={SLOW_US}"]):
        each = folder / str(len(delay))
        each.mkdir()
        day = _begin(each, mode, born=True)
        strace = (lambda _: ["-e", "trace=fdatasync,pwritev2", *delay]) if delay else None  # noqa: B023
        with Fork(each / "said", "serve", str(day.data), mode, strace=strace) as fork:
            began = time.monotonic()
            live = start(day, fork, 2 * BATCHES)
            took.append(time.monotonic() - began)
            if fork.end() or live is None:
                raise Failure(f"a slow disk ended it with {fork.end()}: {tail(each / 'said')}")
        day.check(live)
        counts["acknowledged"] += len(day.acked)
    counts["slow"] += 1
    print(
        f"{mode}: {2 * BATCHES} batches in {took[0]:.2f} s, with {SLOW_US / 1000:g} ms more a sync in {took[1]:.2f} s"
    )


def full_disk(disk: Path, mode: str, seed: int, counts: Counts) -> None:
    """A tmpfs of three mebibytes, filled by trading without a reserve, then given room; left out where this user may not mount."""
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        print(f"{mode}: a tmpfs cannot be mounted here: no full disk was tried")
        return
    said = disk.with_name("full-said")
    try:
        day = Day(disk / "data", 0, 1, seed)
        day.give(("commands", day.desk.definitions()))
        with Fork(said, "serve", str(day.data), mode, 1, None, 0) as fork:
            door = Door(fork)
            door.wait_ready()
            try:
                day.trade(door, FILLING_BATCHES)
                raise Failure("the disk did not become full")
            except (Stopped, Died):
                pass
            door.close()
            fork.terminate()
            fork.end()
        day.check()
        roomy = ["mount", "-o", f"remount,size={ROOMY_BYTES}", str(disk)]
        subprocess.run(roomy, check=True)
        _trade_well(day, mode, said)
        counts["full disks"] += 1
        counts["acknowledged"] += len(day.acked)
    except Failure as failure:
        counts["failed"] += 1
        print(f"{mode}: full disk: {failure}")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
