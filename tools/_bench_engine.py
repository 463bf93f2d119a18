"""The engine in process, without sockets, beside its two floors on the same messages; then replay, and bytes an event.

Checked in every round: every input has its answer, Committed and not repeated; the engine's events are those of the
straight line to the byte; orders, positions and books agree; replay gives the running engine's digest.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

import _bench_straight
import _bench_straight_books
import _bench_writing
from _bench_load import SYMBOLS, Load, definitions
from _bench_result import Figures, check
from ledger.codec import decode_events, encode_events
from ledger.engine import Engine, EngineSettings
from ledger.engine.recovery import replay
from ledger.engine.settings import commit_as_set
from ledger.journal import JournalReader, create_or_open
from ledger.wire import Committed, FactCommitted, decode_batch

STEPS: Final = {"trading": "orders", "market": "market"}


@dataclass
class _Ran:
    """What the engine did with a load."""

    seconds: float
    digest: int
    base_seq: int
    head_seq: int
    orders: dict[tuple[str, str], tuple[int, int]]
    """(cum, cum_cost) by key."""
    positions: dict[tuple[str, str], tuple[int, ...]]
    books: dict[tuple[str, str], tuple[Any, ...]]


class EngineBench:
    """Measures one load in the engine and in both floors; one call of `round` each."""

    def __init__(
        self,
        journal: str,
        load: Load,
        settings: EngineSettings,
        figures: Figures,
        root: Path,
        seed: int,
        *,
        name: str = "",
        symbols: int = SYMBOLS,
    ) -> None:
        """`name`: of the figures; those that are not given one are the journal's own and are replayed as well."""
        self._journal = journal
        self._load = load
        self._settings = settings
        self._figures = figures
        self._root = root
        self._definitions = definitions(seed, symbols)
        self._rules = _bench_straight.Orders if journal == "trading" else _bench_straight_books.Books
        self._name = name or STEPS[journal]
        self._is_whole = not name
        self._unit = "inputs/s"

    def round(self) -> None:
        """One round: the engine, then the straight line, then the I/O floor, then replay."""
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            path = Path(directory)
            ran = self._engine(path / "engine")
            straight, events_of, all_bytes = self._straight(path / "straight", ran)
            if self._is_whole:
                self._io(path / "io", events_of)
            events = sum(map(len, events_of))
            payload_bytes = self._check_journal(path / "engine", ran, all_bytes, events)
            self._check_states(ran, straight)
            if self._is_whole:
                self._replay(path / "engine", ran, events, payload_bytes)

    # ---- engine --------------------------------------------------------------------------------------------

    def _engine(self, data: Path) -> _Ran:
        directory = create_or_open(data, partitions=1)
        heads = None
        engine = Engine(directory, 0, self._settings)
        try:
            ran = trio.run(self._in_trio, engine)
            heads = engine.close()
        finally:
            directory.close(heads)
        self._figures.add(
            f"{self._name} engine",
            self._unit,
            self._load.inputs / ran.seconds,
            f"{self._name} straight line",
        )
        return ran

    async def _in_trio(self, engine: Engine) -> _Ran:
        engine.open(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await Feeding(engine).all([("commands", self._definitions)])
            journal = engine.open_trading if self._journal == "trading" else engine.open_market
            base_seq = journal.next_seq - 1
            feeding = Feeding(engine, None if self._journal == "market" else _bench_writing.MESSAGES_WAITING)
            settle_memory()
            begun, cpu = time.perf_counter(), time.process_time()
            answers = await feeding.decoded(self._load)
            seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
            gc.unfreeze()
            self._add_cpu("engine", cpu, "straight line")
            self._check_answers(answers)
            engine.stop()
        partition = engine.partition
        fold = partition.trading if self._journal == "trading" else partition.market
        return _Ran(
            seconds,
            fold.digest(),
            base_seq,
            journal.next_seq - 1,
            {key: (it.cum, it.cum_cost) for key, it in partition.trading.orders.states.items()},
            {
                key: (it.qty, it.cost, it.realized, it.cash, sum(fee for _, fee in it.fees), it.fill_count)
                for key, it in partition.trading.positions.states.items()
            },
            {
                key: (it.bids.sizes, it.asks.sizes, it.quote and _whenever(it.quote))
                for key, it in partition.market.books.states.items()
            },
        )

    def _add_cpu(self, who: str, seconds: float, floor: str) -> None:
        """What it costs however slow the disk is and whoever else computes; the writer's thread included."""
        against = f"{self._name} {floor} cpu" if floor else ""
        self._figures.add(f"{self._name} {who} cpu", "us/input", 1e6 * seconds / self._load.inputs, against)

    def _check_answers(self, answers: list[Any]) -> None:
        good = sum(type(it) in (Committed, FactCommitted) and not it.repeated for it in answers)
        check(good == self._load.inputs, f"{self._load.inputs} inputs, {good} committed")
        self._figures.count("answers", good)

    # ---- floors --------------------------------------------------------------------------------------------

    def _floor_writer(self, data: Path) -> tuple[_bench_writing.FloorWriter, Any]:
        directory = create_or_open(data, partitions=1)
        wait_s = 0.0 if self._journal == "trading" else self._settings.market_sync_s
        commit = commit_as_set(directory.journal(self._journal, 0), self._settings)
        return _bench_writing.FloorWriter(commit, wait_s), directory

    def _straight(self, data: Path, ran: _Ran) -> tuple[Any, list[list[Any]], bytes]:
        writer, directory = self._floor_writer(data)
        straight = self._rules(ran.base_seq)
        floor = "I/O floor" if self._is_whole else ""
        events_of: list[list[Any]] = []

        def handle(_number: int, inputs: list[Any], answers: list[Any], now_ns: int) -> list[Any]:
            straight.now_ns = now_ns
            events = straight.take(inputs, answers)
            events_of.append(events)
            return events

        seconds = self._timed("straight line", writer, handle, floor)
        directory.close(None)
        check(seconds > 0, "no time passed")
        return straight, events_of, encode_events([event for events in events_of for event in events])

    def _io(self, data: Path, events_of: list[list[Any]]) -> None:
        writer, directory = self._floor_writer(data)

        def handle(number: int, inputs: list[Any], answers: list[Any], _now_ns: int) -> list[Any]:
            answers += inputs
            return events_of[number]

        self._timed("I/O floor", writer, handle, "")
        directory.close(None)

    def _timed(
        self,
        name: str,
        writer: _bench_writing.FloorWriter,
        handle: Callable[[int, list[Any], list[Any], int], list[Any]],
        floor: str,
    ) -> float:
        settle_memory()
        cpu = time.process_time()
        seconds, answers = _bench_writing.run(self._load, writer, handle)
        cpu = time.process_time() - cpu
        gc.unfreeze()
        self._add_cpu(name, cpu, floor)
        durable = writer.close()
        inputs = self._load.inputs
        check(len(answers) == inputs, f"{name}: {inputs} inputs, {len(answers)} answers")
        check(durable == inputs, f"{name}: {inputs} events, {durable} durable")
        against = f"{self._name} {floor}" if floor else ""
        self._figures.add(f"{self._name} {name}", self._unit, inputs / seconds, against)
        return seconds

    # ---- what was really done ------------------------------------------------------------------------------

    def _check_journal(self, data: Path, ran: _Ran, all_bytes: bytes, events: int) -> int:
        """The journal holds the straight line's events; the bytes that its frames take for them."""
        found: list[Any] = []
        size = 0
        with JournalReader(data, self._journal, 0) as reader:
            for frame in reader.frames():
                if frame.last_seq > ran.base_seq:
                    skip = max(0, ran.base_seq - frame.first_seq + 1)
                    found += decode_events(frame.payload)[skip:]
                    size += frame.bytes_count
        if self._journal == "market":
            # The copies of instruments stand between the facts; when a message came the straight line is not told.
            facts = [event for event in found if hasattr(event, "source_seq")]
            check(
                facts[0].received_at_ns > 0 and facts[0].actor != "",
                "nobody says when the first message came",
            )
            found = [_whenever(event) for event in facts]
        check(len(found) == events, f"{events} events wanted, {len(found)} in the journal")
        check(
            _digest(encode_events(found)) == _digest(all_bytes), "the journal's events are not those wanted"
        )
        self._figures.count("events equal to the straight line's", len(found))
        return size

    def _check_states(self, ran: _Ran, straight: Any) -> None:
        if self._journal == "market":
            wanted = {key: (it[0].sizes, it[1].sizes, it[3]) for key, it in straight.books.items()}
            check(ran.books == wanted, "the books differ from the straight line's")
            self._figures.count("books", len(wanted))
            return
        orders = {key: (it[5], it[6]) for key, it in straight.orders.items()}
        check(ran.orders == orders, "the orders differ from the straight line's")
        positions = {key: tuple(it[:6]) for key, it in straight.positions.items()}
        check(ran.positions == positions, "the positions differ from the straight line's")
        self._figures.count("orders and positions", len(orders) + len(positions))

    # ---- replay --------------------------------------------------------------------------------------------

    def _replay(self, data: Path, ran: _Ran, events: int, payload_bytes: int) -> None:
        settle_memory()
        begun = time.thread_time()  # both are one thread: what others compute meanwhile is nothing to them
        decoded = 0
        with JournalReader(data, self._journal, 0) as reader:
            for frame in reader.frames():
                decoded += len(decode_events(frame.payload))
        plain = time.thread_time() - begun
        gc.unfreeze()
        settle_memory()
        begun = time.thread_time()
        replayed = replay(data, self._journal, 0)
        seconds = time.thread_time() - begun
        gc.unfreeze()
        check(replayed.events == decoded, f"{decoded} events in the journal, {replayed.events} replayed")
        check(replayed.fold.digest() == ran.digest, "replay has another digest than the engine")
        self._figures.count("digests", 1)
        self._figures.add(f"{self._name} decode", "events/s", decoded / plain)
        self._figures.add(
            f"{self._name} replay", "events/s", replayed.events / seconds, f"{self._name} decode"
        )
        self._figures.add(
            f"{self._name} bytes per event", "bytes", payload_bytes / events, note="frames as stored"
        )


class Feeding:
    """Messages into an engine, a bounded number of them without an answer."""

    def __init__(self, engine: Engine, waiting_max: int | None = None) -> None:
        self._engine = engine
        self._waiting_max = waiting_max
        self._waiting: deque[int] = deque()
        self._moved = trio.Event()
        self._answers: list[list[Any]] = []

    async def decoded(self, load: Load) -> list[Any]:
        """All of a load's answers, from its bytes."""
        for number, (door, payload) in enumerate(load.messages):
            self._submit(door, decode_batch(payload, door, batch_max=4096).inputs)
            if self._waiting_max is not None and len(self._waiting) >= self._waiting_max:
                await self._wait_moved()
            elif number % _bench_writing.MESSAGES_A_TURN == 0:
                await trio.lowlevel.checkpoint()
        return await self._end()

    async def all(self, batches: list[tuple[str, list[Any]]]) -> list[Any]:
        """All answers to these batches."""
        for door, inputs in batches:
            self._submit(door, inputs)
        return await self._end()

    def _submit(self, door: str, inputs: list[Any]) -> None:
        self._waiting.append(len(inputs))
        self._engine.submit_nowait(
            door,
            inputs,
            actor=_bench_straight.ACTOR,
            received_at_ns=_bench_straight.RECEIVED_AT_NS,
            reply=self._reply,
        )

    def _reply(self, answers: list[Any]) -> None:
        self._answers.append(answers)
        self._waiting.popleft()
        self._moved.set()

    async def _wait_moved(self) -> None:
        self._moved = trio.Event()
        await self._moved.wait()

    async def _end(self) -> list[Any]:
        while self._waiting:
            await self._wait_moved()
        return [answer for answers in self._answers for answer in answers]


def settle_memory() -> None:
    """What was made before is not looked at by the collector while the clock runs, as in `serve` after recovery."""
    gc.collect()
    gc.freeze()


def _whenever(event: Any) -> Any:
    """A market event without when and through whom its message came."""
    return msgspec.structs.replace(event, received_at_ns=0, actor="")


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
