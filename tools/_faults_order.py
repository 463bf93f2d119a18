"""The whole engine in one run with a virtual clock and a seeded schedule: the same seed writes the same bytes.

Inputs come in batches of random sizes while the disk is held back for a random number of them; trio's own choice among tasks that
are ready comes from the seed, too, and so does the lineage, with which each chain begins. Each seed runs twice: every frame, chain
hashes included, and every answer must be equal. With every other seed the disk fails in a seeded round, before or after the write;
the engine is started again and told the same: that failure, too, comes again from its seed. And every state is folded again.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import trio

from ledger.domain.commands import CancelOrder
from ledger.domain.facts import Quote
from ledger.journal import JournalReader, StorageError, encode_frame
from running_engine import Clock, Ids, Running, accepted, fill, replayed, running

ROUNDS = 25


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    counts: Counter[str] = Counter(
        {"seeds": 0, "inputs": 0, "frames": 0, "disk failures": 0, "other seeds differ": 0, "failed": 0}
    )
    before: list[bytes] = []
    for each in range(seed, seed + count):
        first, second = (_run_once(folder / f"{each}-{turn}", each, counts) for turn in range(2))
        counts["seeds"] += 1
        counts["frames"] += len(first.frames)
        counts["other seeds differ"] += bool(before) and first.frames != before
        before = first.frames
        if first.frames != second.frames or first.answers != second.answers:
            counts["failed"] += 1
            pairs = enumerate(zip(first.frames, second.frames, strict=False))
            at = next((at for at, pair in pairs if pair[0] != pair[1]), "the end, or in the answers")
            print(f"seed {each}: two runs differ from frame {at}: tools/faults order --count 1 --seed {each}")
    if count > 1 and counts["other seeds differ"] != count - 1:
        counts["failed"] += 1
        print("two seeds wrote the same: this check sees nothing")
    return counts


class _Run:
    """What one run wrote and said."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.answers: list[Any] = []


def _run_once(data: Path, seed: int, counts: Counter[str]) -> _Run:
    told = _Run()
    lineage = uuid.UUID(int=seed)
    with _seeded_schedule(seed), patch("ledger.journal.directory.uuid.uuid4", lambda: lineage):
        trio.run(_play, data, random.Random(seed), seed % 2 == 0, told, counts)
    for journal in ("trading", "market"):
        with JournalReader(data, journal, 0) as reader:
            told.frames += [encode_frame(frame) for frame in reader.frames()]
    return told


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


async def _play(data: Path, choose: random.Random, fails: bool, told: _Run, counts: Counter[str]) -> None:
    clock, ids = _VirtualClock(), Ids()
    failing = choose.randrange(2, ROUNDS - 2) if fails else ROUNDS
    desk = _Desk(choose)
    again: list[tuple[str, list[Any]]] = []
    for rounds in (range(failing), range(failing + 1, ROUNDS)):
        async with running(data, clock=clock, new_id=ids) as one:
            desk.one = one
            if not desk.names and not again:
                await one.define("AAPL", "MSFT")
                await one.settle()
            for door, inputs in again:
                told.answers.append(await one.ask(door, *inputs))
            for _ in rounds:
                told.answers += await _round(one, desk, choose, counts)
            if rounds.start == 0 and fails:
                again = await _failing_round(one, desk, choose, told)
                counts["disk failures"] += 1
            else:
                live = one.digests()
        if not fails:
            break
    if replayed(data) != live:
        counts["failed"] += 1
        print(f"{data.name}: the journal makes another state than the engine had")


async def _round(one: Running, desk: _Desk, choose: random.Random, counts: Counter[str]) -> list[Any]:
    """Some batches while the disk holds still; then it goes on, and all becomes durable. The answers."""
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
    return answers


async def _failing_round(
    one: Running, desk: _Desk, choose: random.Random, told: _Run
) -> list[tuple[str, list[Any]]]:
    """Batches whose frame the disk does not take, or takes and then says no; what is to be sent again."""
    held = one.commits["trading"]
    for commit in one.commits.values():
        commit.hold()
    sent = [desk.batch() for _ in range(3)]
    sent.append(
        ("commands", [one.order(f"last-{len(desk.names)}")])
    )  # so that there is a trading frame to fail
    for door, inputs in sent:
        one.send(door, inputs, told.answers.append)
        one.clock.now_ns += 1_000_000
        await one.engine.dispatcher.wait_idle()
    held.fail_with, held.fail_after_write = StorageError("the disk says no", "none"), choose.random() < 0.5
    one.commits["market"].fail_with = held.fail_with
    for commit in one.commits.values():
        commit.release()
    with trio.fail_after(20):
        await one.engine.wait_failed()
    one.crash()
    return sent


class _Desk:
    """Random inputs of one trader and one venue."""

    one: Running

    def __init__(self, choose: random.Random) -> None:
        self._choose = choose
        self.names: list[tuple[str, str]] = []
        self._numbers: Counter[str] = Counter()

    def batch(self) -> tuple[str, list[Any]]:
        kinds: dict[str, Callable[[], Any]] = {
            "commands": self._command,
            "reports": self._report,
            "market": self._quote,
        }
        door = self._choose.choice(list(kinds)) if self.names else "commands"
        return door, [kinds[door]() for _ in range(self._choose.randint(1, 8))]

    def _command(self) -> Any:
        if self.names and self._choose.random() < 0.25:
            name, symbol = self._choose.choice(self.names)
            self._numbers["request"] += 1
            return CancelOrder(self.one.new_id(), symbol, f"r{self._numbers['request']}", name)
        name, symbol = f"c{len(self.names)}", self._choose.choice(("AAPL", "MSFT"))
        self.names.append((name, symbol))
        return self.one.order(name, self._choose.randint(1, 90), symbol=symbol)

    def _report(self) -> Any:
        name, symbol = self._choose.choice(self.names)
        self._numbers["gw"] += 1
        number = self._numbers["gw"]
        if self._choose.random() < 0.5:
            return accepted(number, name, symbol)
        return fill(number, name, self._choose.randint(1, 40), symbol=symbol)

    def _quote(self) -> Any:
        self._numbers["md"] += 1
        px = self._choose.randint(99_000, 101_000)
        return Quote("md", 1, self._numbers["md"], "AAPL", "XNAS", px, 5, px + 100, 5)
