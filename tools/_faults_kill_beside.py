"""Kills of what runs beside an engine: followers, feeds, and the `serve` above several engines."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import given_capture as capture
from _faults_calls import COUNTING, SENDING, Point, counted, of_busiest, points_of
from _faults_day import Day, Died, Door, Failure
from _faults_forks import PATIENCE_S, Fork
from _faults_lives import BATCHES, Counts, failed, tail, tally
from ledger.codec import decode_events
from ledger.domain.events import MarketTraded
from ledger.errors import Corrupt, Unavailable
from ledger.journal import JournalReader, owner_of, verify
from ledger.wire import Query

PARTITIONS = 3
MESSAGES = 120
SPEED = "100"
"""Of a recording of ten messages a second: about ten at once."""
Strace = Callable[[int], Sequence[str]]
FORGOTTEN = 8
"""So many deaths of followers, then index and snapshots are removed and begun anew."""


# ---- followers ---------------------------------------------------------------------------------------------


def followers(folder: Path, mode: str, count: int, seed: int, counts: Counts) -> None:
    """Of partition 0 and of the last of three, beside their living engines."""
    folder.mkdir()
    for partition, partitions in ((0, 1), (PARTITIONS - 1, PARTITIONS)):
        each = folder / str(partitions)
        each.mkdir()
        try:
            _follow(each, mode, partition, partitions, -(-count // 2), seed, counts)
        except Failure as failure:
            failed(counts, f"{mode}: follower of {partition} of {partitions}", failure, each)
    shutil.rmtree(folder)


def _follow(
    folder: Path, mode: str, partition: int, partitions: int, count: int, seed: int, counts: Counts
) -> None:
    data, said = folder / "data", folder / "said"
    with ExitStack() as stack:
        first = Day(data, 0, partitions, seed)
        day = first if partition == 0 else Day(data, partition, partitions, seed)
        doors: list[Door] = []
        for number in sorted({0, partition}):
            arguments = (str(data), mode, partitions, number if partitions > 1 else None)
            fork = stack.enter_context(Fork(said, "serve", *arguments))
            doors.append(Door(fork))
            stack.callback(doors[-1].close)
            doors[-1].wait_ready()
        first.give(("commands", day.desk.definitions()))
        first.trade(doors[0], 0)
        points = iter(points_of(_count_follower(folder, day, doors[-1]), count, seed))
        while some := list(islice(points, FORGOTTEN)):
            shutil.rmtree(data / "index", ignore_errors=True)
            shutil.rmtree(data / "snapshots", ignore_errors=True)
            for point in some:
                _kill_follower(day, doors[-1], said, point, counts)
        counts["acknowledged"] += len(day.acked)


def _count_follower(folder: Path, day: Day, door: Door) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for number in range(3):  # its first run, and runs that find index and snapshot
        day.trade(door, BATCHES)
        log = folder / f"{number}.log"
        arguments = ("follow", str(day.data), day.partition)
        with Fork(folder / "said", *arguments, strace=lambda _: COUNTING, trace_log=log) as fork:
            if fork.said() is None:
                raise Failure(f"a follower ended with {fork.end()}: {tail(folder / 'said')}")
        found |= of_busiest(log)
    return found


def _kill_follower(day: Day, door: Door, said: Path, point: Point, counts: Counts) -> None:
    day.trade(door, BATCHES // 2)
    arguments = ("follow", str(day.data), day.partition)
    with Fork(said, *arguments, strace=point.strace(day.data)) as fork:
        fork.said()
    tally(counts, fork, said)
    try:
        day.check_states(beside=True)
    except (Failure, Corrupt, Unavailable) as failure:
        raise Failure(f"follower killed at {point}: {failure}") from failure


# ---- serve above several engines ---------------------------------------------------------------------------


def parents(folder: Path, mode: str, count: int, seed: int, counts: Counts) -> None:
    """The process that keeps three engines, at its birth and at a start; its engines end, the next one serves."""
    if not count:
        return
    folder.mkdir()
    try:
        born = _count_parent(folder, mode)
        later = _count_parent(folder, mode)
        for number, point in enumerate(points_of(born, count // 2, seed)):
            shutil.rmtree(
                folder / "data", ignore_errors=True
            )  # one killed at its first call has made nothing
            _kill_parent(folder, mode, point, counts, again=number % 3 == 0)
        for number, point in enumerate(points_of(later, count - count // 2, seed)):
            _kill_parent(folder, mode, point, counts, again=number % 5 == 0)
    except Failure as failure:
        failed(counts, f"{mode}: serve above {PARTITIONS} engines", failure, folder)
    shutil.rmtree(folder)


def _parent(folder: Path, mode: str, strace: Strace | None = None, log: Path | None = None) -> Fork:
    arguments = (str(folder / "data"), mode, PARTITIONS)
    return Fork(folder / "said", "parent", *arguments, strace=strace, trace_log=log, threads=False)


def _count_parent(folder: Path, mode: str) -> Counter[tuple[str, str]]:
    with _parent(folder, mode, lambda _: COUNTING, folder / "log") as fork:
        _serve_and_stop(folder, fork)
    return counted(folder / "log", folder / "data", fork.pid)


def _serve_and_stop(folder: Path, fork: Fork) -> None:
    if fork.said() is None:
        raise Failure(f"serve ended with {fork.end()}: {tail(folder / 'said')}")
    fork.terminate()
    if fork.end():
        raise Failure(f"serve stopped with {fork.end()}: {tail(folder / 'said')}")


def _kill_parent(folder: Path, mode: str, point: Point, counts: Counts, *, again: bool) -> None:
    data = folder / "data"
    with _parent(folder, mode, point.strace(data)) as fork:
        if fork.said() is not None:
            fork.terminate()
        fork.end()
    tally(counts, fork, folder / "said")
    until = time.monotonic() + PATIENCE_S
    while any(owner_of(each) for each in data.glob("trading/*")):
        if time.monotonic() > until:
            raise Failure(f"killed at {point}: its engines did not end")
        time.sleep(0.02)
    if (data / "manifest.json").exists() and not (report := verify(data)).ok:
        raise Failure(f"killed at {point}: {report.problems[0]}")
    if again:
        with _parent(folder, mode) as fork:
            _serve_and_stop(folder, fork)


# ---- feeds -------------------------------------------------------------------------------------------------


def feeds(folder: Path, count: int, seed: int, counts: Counts) -> None:
    """A feed killed at what it writes and sends; fed again the book is the venue's and no trade is there twice."""
    folder.mkdir()
    data, said = folder / "data", folder / "said"
    try:
        with ExitStack() as stack:
            fork = stack.enter_context(Fork(said, "serve", str(data), "wal"))
            door = Door(fork)
            stack.callback(door.close)
            door.wait_ready()
            points = points_of(_count_feed(folder, _Capture(folder, 0, seed)), count, seed)
            for number, point in enumerate(points, 1):
                one = _Capture(folder, number, seed)
                with Fork(said, "command", *one.words, strace=point.strace(data)) as feed:
                    while feed.said() is not None:
                        pass
                tally(counts, feed, said)
                one.feed_and_compare(door, said, str(point))
    except (Failure, Died) as failure:
        failed(counts, "feeds", failure, folder)
    shutil.rmtree(folder)


def _count_feed(folder: Path, one: _Capture) -> Counter[tuple[str, str]]:
    log = folder / "log"
    with Fork(folder / "said", "command", *one.words, strace=lambda _: SENDING, trace_log=log) as fork:
        if fork.said() != "0":
            raise Failure(f"feed ended with {fork.end()}: {tail(folder / 'said')}")
    return of_busiest(log)


class _Capture:
    """A made recording of one symbol, its book and its trades."""

    def __init__(self, folder: Path, number: int, seed: int) -> None:
        choose = random.Random(f"{number} {seed}")
        self.symbol, self._data = f"F{number}", folder / "data"
        self._book: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
        messages: list[Any] = [capture.snapshot(10, [("90.00", "5.00")], [("110.00", "5.00")])]
        self._change("90.00", "5.00", "110.00", "5.00")
        self._trades: list[str] = []
        for turn in range(MESSAGES):
            update = 10 + len(messages) - len(self._trades)
            if turn % 3:
                bid = f"{choose.randint(80, 99)}.00"
                ask = f"{choose.randint(101, 120)}.00"
                qty, other = f"{choose.randint(0, 3)}.00", f"{choose.randint(0, 3)}.00"
                messages.append(capture.depth(update, update, [(bid, qty)], [(ask, other)]))
                self._change(bid, qty, ask, other)
            else:
                messages.append(capture.trade("100.00", "1.00", turn))
                self._trades.append(str(turn))
        path = capture.write(folder / f"{number}.txt", messages)
        words = ("feed", "binance", str(path), "--symbol", self.symbol, "--speed", SPEED)
        self.words = (*words, "--data", str(self._data))

    def _change(self, bid: str, qty: str, ask: str, other: str) -> None:
        self._book["bids"][Decimal(bid)] = Decimal(qty)
        self._book["asks"][Decimal(ask)] = Decimal(other)

    def feed_and_compare(self, door: Door, said: Path, after: str) -> None:
        """Feed what is missing. Raises Failure where the ledger then has another book, or a trade not once."""
        with Fork(said, "command", *self.words) as feed:
            if feed.said() != "0":
                raise Failure(f"fed again after {after} it ended with {feed.end()}: {tail(said)}")
        (page,) = door.ask("query", [Query("q", "book", {"symbol": self.symbol, "depth": "1000"})])
        for side, levels in self._book.items():
            wanted = {px: qty for px, qty in levels.items() if qty}
            found = {Decimal(px): Decimal(qty) for px, qty in page.rows[0][side]}
            if found != wanted:
                raise Failure(f"killed at {after}, fed again: {side} are {found}, not {wanted}")
        there: Counter[str] = Counter()
        with JournalReader(self._data, "market", 0, wal=False) as reader:
            for frame in reader.frames():
                for event in decode_events(frame.payload):
                    if type(event) is MarketTraded and event.symbol == self.symbol:
                        there[event.trade_id] += 1
        if there != Counter(self._trades):
            raise Failure(
                f"killed at {after}, fed again: trades {there - Counter(self._trades)} too many or missing"
            )
