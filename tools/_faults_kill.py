"""SIGKILL at every system call that changes the disk, and at random under load; both commit modes, 1 and 3 partitions.

The victims: a ledger at its birth and at later starts, one engine of three, the `serve` above three, followers beside
a living engine, a feed. After each kill the journal is verified, continues what it was, holds once what was
acknowledged, and makes the same state with and without snapshot and index; the next start answers as the first did.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import _faults_kill_beside as beside
import _faults_kill_load as load
from _faults_calls import COUNTING, Point, counted, points_of, segments_of
from _faults_day import Day, Died, Door, Failure
from _faults_forks import Fork
from _faults_lives import BATCHES, Counts, failed, follow, start, tail, tally, tell

MODES = ("wal", "lmdb")
PARTITIONS = 3
LATER_IN_A_LIFE = 6
"""Deaths of one data directory after its birth."""
ENGINE_DEATHS = 6
"""Of one engine before another's turn."""
Strace = Callable[[int], Sequence[str]]


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """About `count` kills: 35 % of a ledger, 30 % of an engine of three, 25 % of what runs beside, the rest under load.

    Where a share has fewer calls than that, each of them is a point, and more is killed under load.
    """
    names = ("points", "killed", "not reached", "acknowledged", "random kills", "orders", "failed")
    counts: Counter[str] = Counter(dict.fromkeys(names, 0))
    for mode in MODES:
        ledgers(folder / f"ledger-{mode}", mode, max(4, count * 35 // 200), seed, counts)
        engines(folder / f"engines-{mode}", mode, max(3, count * 30 // 200), seed, counts)
        beside.followers(folder / f"followers-{mode}", mode, max(3, count * 19 // 200), seed, counts)
        beside.parents(folder / f"parents-{mode}", mode, count // 200, seed, counts)
    beside.feeds(folder / "feeds", max(2, count * 5 // 100), seed, counts)
    load.at_random(folder / "random", max(2, count // 10, count - counts["points"]), seed, counts)
    return counts


# ---- one ledger --------------------------------------------------------------------------------------------


def ledgers(folder: Path, mode: str, count: int, seed: int, counts: Counts) -> None:
    """A ledger killed at calls of its birth and of later starts, again and again on one directory."""
    folder.mkdir()
    born, later = _count_ledger(folder / "counted", mode, seed)
    births = points_of(born, max(1, count // 3), seed)
    deaths = iter(points_of(later, count - len(births), seed))
    lives = iter(births)
    number = 0
    while points := [*islice(lives, 1), *islice(deaths, LATER_IN_A_LIFE)]:
        life = folder / str(number)
        number += 1
        try:
            _live(life, mode, points, seed + number, counts)
        except Failure as failure:
            failed(counts, f"{mode}: a ledger killed at {', '.join(map(str, points))}", failure, life)
        shutil.rmtree(life)
    tell(f"ledger {mode}", counts)


def _count_ledger(folder: Path, mode: str, seed: int) -> tuple[Counter[tuple[str, str]], ...]:
    """The calls of a birth, and those of a start that finds journal, snapshot and index."""
    folder.mkdir()
    day = Day(folder / "data", 0, 1, seed)
    day.give(("commands", day.desk.definitions()))
    found: list[Counter[tuple[str, str]]] = []
    for number in range(2):
        log = folder / f"{number}.log"
        arguments, before = ("serve", str(day.data), mode), segments_of(day.data)
        with Fork(folder / "said", *arguments, strace=lambda _: COUNTING, trace_log=log) as fork:
            start(day, fork, BATCHES)
        found.append(counted(log, day.data, fork.pid, before))
        follow(day.data, 0)
    return tuple(found)


def _live(folder: Path, mode: str, points: list[Point], seed: int, counts: Counts) -> None:
    """One directory from its birth through its deaths to a clean stop."""
    folder.mkdir()
    day = Day(folder / "data", 0, 1, seed)
    day.give(("commands", day.desk.definitions()))
    said = folder / "said"
    for number, point in enumerate(points):
        with Fork(said, "serve", str(day.data), mode, strace=point.strace(day.data)) as fork:
            live = start(day, fork, BATCHES)
        tally(counts, fork, said)
        if (day.data / "manifest.json").exists():
            day.check(live)
            if number % 3 == 1:
                follow(day.data, 0)
    with Fork(said, "serve", str(day.data), mode) as fork:
        live = start(day, fork, 1, again=True)
    if fork.end():
        raise Failure(f"the last start ended with {fork.end()}: {tail(said)}")
    day.check(live)
    counts["acknowledged"] += len(day.acked)


# ---- one engine of three -----------------------------------------------------------------------------------


def engines(folder: Path, mode: str, count: int, seed: int, counts: Counts) -> None:
    """Three engines on one directory; one after the other is killed at calls of its own while the others go on."""
    folder.mkdir()
    try:
        _Engines(folder, mode, seed, counts).run(count)
    except Failure as failure:
        failed(counts, f"{mode}: engines", failure, folder)
    shutil.rmtree(folder)
    tell(f"engines {mode}", counts)


class _Engines:
    """Processes of three partitions, and what each was told."""

    def __init__(self, folder: Path, mode: str, seed: int, counts: Counts) -> None:
        self._folder, self._mode, self._seed, self._counts = folder, mode, seed, counts
        self.data = folder / "data"
        self.days = [Day(self.data, number, PARTITIONS, seed) for number in range(PARTITIONS)]
        self._doors: dict[int, Door] = {}
        self._forks: dict[int, Fork] = {}
        self._stack = ExitStack()

    def run(self, count: int) -> None:
        with self._stack:
            for number in range(PARTITIONS):
                self._run_well(number)
            for day in self.days:
                self.days[0].give(("commands", day.desk.definitions()))
            self.days[0].trade(self._doors[0], 0)
            self._kill_all_around(count)
            for number in range(PARTITIONS):
                self.days[number].send_all_again(self._doors[number])
            lives = [day.ask_digests(self._doors[number]) for number, day in enumerate(self.days)]
            for number in reversed(range(PARTITIONS)):
                self._stop(number)
            for day, live in zip(self.days, lives, strict=True):
                day.check(live)
                self._counts["acknowledged"] += len(day.acked)

    def _kill_all_around(self, count: int) -> None:
        queues: list[Iterator[Point]] = []
        for number in range(PARTITIONS):
            self._stop(number)
            calls = self._count(number)
            queues.append(iter(points_of(calls, -(-count // PARTITIONS), self._seed)))
            self._run_well(number)
        left = True
        while left:
            left = False
            for number, queue in enumerate(queues):
                points = list(islice(queue, ENGINE_DEATHS))
                left = left or bool(points)
                if points:
                    self._stop(number)
                    for point in points:
                        self._kill(number, point)
                    self._run_well(number)

    def _kill(self, number: int, point: Point) -> None:
        day = self.days[number]
        with self._fork(number, point.strace(self.data)) as fork:
            try:
                day.check(start(day, fork, BATCHES // 2))
            except Failure as failure:
                raise Failure(f"partition {number} killed at {point}: {failure}") from failure
        tally(self._counts, fork, self._folder / "said")
        for other in self._doors:
            if other != number:
                self.days[other].trade(self._doors[other], 1)

    def _count(self, number: int) -> Counter[tuple[str, str]]:
        log, before = self._folder / "counted.log", segments_of(self.data)
        with self._fork(number, lambda _: COUNTING, log) as fork:
            start(self.days[number], fork, BATCHES // 2)
        return counted(log, self.data, fork.pid, before)

    def _fork(self, number: int, strace: Strace | None = None, log: Path | None = None) -> Fork:
        arguments = (str(self.data), self._mode, PARTITIONS, number)
        return Fork(self._folder / "said", "serve", *arguments, strace=strace, trace_log=log)

    def _run_well(self, number: int) -> None:
        fork = self._forks[number] = self._stack.enter_context(self._fork(number))
        door = self._doors[number] = Door(fork)
        self._stack.callback(door.close)
        try:
            door.wait_ready()
            if self.days[number].acked:
                self.days[number].trade(door, 1)
        except Died:
            said = tail(self._folder / "said")
            raise Failure(f"partition {number} ended with {fork.end()}: {said}") from None

    def _stop(self, number: int) -> None:
        self._doors.pop(number).close()
        fork = self._forks.pop(number)
        fork.terminate()
        if fork.end():
            raise Failure(f"partition {number} stopped with {fork.end()}: {tail(self._folder / 'said')}")
