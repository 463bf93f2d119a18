"""The whole engine in one run with a virtual clock and a seeded schedule: the same seed writes the same bytes.

Inputs come in batches of random sizes while the disk is held back for a random number of them; trio's own choice among tasks that
are ready comes from the seed, too. Each seed runs twice; every frame must be equal. And every state is folded again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from ledger.domain.commands import CancelOrder
from ledger.domain.facts import Quote
from ledger.journal import JournalReader, encode_frame
from running_engine import Clock, Ids, Running, accepted, fill, replayed, running

ROUNDS = 25


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    counts: Counter[str] = Counter({"seeds": 0, "inputs": 0, "frames": 0, "failed": 0})
    for each in range(seed, seed + count):
        twice = [_run_once(folder / f"{each}-{turn}", each, counts) for turn in range(2)]
        counts["seeds"] += 1
        counts["frames"] += len(twice[0])
        if twice[0] != twice[1]:
            counts["failed"] += 1
            first = next(
                (at for at, pair in enumerate(zip(*twice, strict=False)) if pair[0] != pair[1]), "the end"
            )
            print(
                f"seed {each}: two runs differ from frame {first}: tools/faults order --count 1 --seed {each}"
            )
    return counts


def _run_once(data: Path, seed: int, counts: Counter[str]) -> list[bytes]:
    with _seeded_schedule(seed):
        trio.run(_play, data, random.Random(seed), counts)
    frames: list[bytes] = []
    for journal in ("trading", "market"):
        with JournalReader(data, journal, 0) as reader:
            # Lineages are random, and each chain begins with one: what is compared is all but the chain.
            frames += [_without_chain(encode_frame(frame)) for frame in reader.frames()]
    return frames


def _without_chain(frame: bytes) -> bytes:
    return frame[:56] + frame[88:-32]


class _VirtualClock(Clock):
    """Stands still until the play moves it, however often it is read."""

    def __call__(self) -> int:
        return self.now_ns


class _seeded_schedule:
    """trio's choice among ready tasks from a seed, as its own tests do."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __enter__(self) -> None:
        import trio._core._run as scheduler

        self._scheduler: Any = scheduler
        self._before = (scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate())
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
        scheduler._r.seed(self._seed)

    def __exit__(self, *_error: object) -> None:
        self._scheduler._ALLOW_DETERMINISTIC_SCHEDULING = self._before[0]
        self._scheduler._r.setstate(self._before[1])


async def _play(data: Path, choose: random.Random, counts: Counter[str]) -> None:
    async with running(data, clock=_VirtualClock(), new_id=Ids()) as one:
        await one.define("AAPL", "MSFT")
        await one.settle()
        desk = _Desk(choose, one)
        for _ in range(ROUNDS):
            await _round(one, desk, choose, counts)
        live = one.digests()
    if replayed(data) != live:
        counts["failed"] += 1
        print(f"{data.name}: the journal makes another state than the engine had")


async def _round(one: Running, desk: _Desk, choose: random.Random, counts: Counter[str]) -> None:
    """Some batches while the disk holds still; then it goes on, and all becomes durable."""
    for commit in one.commits.values():
        commit.hold()
    answers: list[Any] = []
    for _ in range(choose.randint(1, 6)):
        door, inputs = desk.batch()
        one.send(door, inputs, answers.append)
        counts["inputs"] += len(inputs)
        one.clock.now_ns += 1_000_000
        # Between batches the dispatcher comes to rest: how soon a thread wakes it must decide nothing.
        await one.engine.dispatcher.wait_idle()
    for commit in one.commits.values():
        commit.release()
    await one.settle()


class _Desk:
    """Random inputs of one trader and one venue."""

    def __init__(self, choose: random.Random, one: Running) -> None:
        self._choose, self._one = choose, one
        self._names: list[tuple[str, str]] = []
        self._numbers: Counter[str] = Counter()

    def batch(self) -> tuple[str, list[Any]]:
        kinds: dict[str, Callable[[], Any]] = {
            "commands": self._command,
            "reports": self._report,
            "market": self._quote,
        }
        door = self._choose.choice(list(kinds)) if self._names else "commands"
        return door, [kinds[door]() for _ in range(self._choose.randint(1, 8))]

    def _command(self) -> Any:
        if self._names and self._choose.random() < 0.25:
            name, symbol = self._choose.choice(self._names)
            self._numbers["request"] += 1
            return CancelOrder(self._one.new_id(), symbol, f"r{self._numbers['request']}", name)
        name, symbol = f"c{len(self._names)}", self._choose.choice(("AAPL", "MSFT"))
        self._names.append((name, symbol))
        return self._one.order(name, self._choose.randint(1, 90), symbol=symbol)

    def _report(self) -> Any:
        name, symbol = self._choose.choice(self._names)
        self._numbers["gw"] += 1
        number = self._numbers["gw"]
        if self._choose.random() < 0.5:
            return accepted(number, name, symbol)
        return fill(number, name, self._choose.randint(1, 40), symbol=symbol)

    def _quote(self) -> Any:
        self._numbers["md"] += 1
        px = self._choose.randint(99_000, 101_000)
        return Quote("md", 1, self._numbers["md"], "AAPL", "XNAS", px, 5, px + 100, 5)
