"""The real engine over a real journal, in this process: opened, asked, crashed and opened again by tests."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trio

from ledger.codec import decode_events
from ledger.domain.commands import DefineInstrument, DefineStrategy, SubmitOrder
from ledger.domain.context import OrderRules
from ledger.domain.enums import OrderType, Side
from ledger.domain.facts import ReportAccepted, ReportFill
from ledger.engine import Engine, EngineSettings, replay
from ledger.engine.settings import commit_as_set
from ledger.journal import (
    Commit,
    Frame,
    Head,
    JournalDirectory,
    JournalReader,
    Reserve,
    StorageError,
    create_or_open,
)
from ledger.wire import Query

START_NS = 1_763_650_000_000_000_000
"""2025-11-20, the first reading of a test's clock."""
MS = 1_000_000
SETTINGS = EngineSettings(
    segment_bytes_max=1 << 24,
    map_size_bytes=1 << 30,
    market_sync_s=0.001,
    turns_max=256,
    queue_max=4096,
    queue_reserved=64,
    frame_bytes_max=8 << 20,
    idempotence_window_ns=7 * 86_400 * 10**9,
    clock_step_max_ns=5 * 10**9,
    rules=OrderRules(),
)


class Clock:
    """A clock that a test sets; it moves a microsecond with every reading, so that frames have times of their own."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        self.now_ns += 1000
        return self.now_ns


class Ids:
    """command_ids: UUIDv7s, made at a fixed time, each another."""

    def __init__(self, at_ns: int = START_NS) -> None:
        self.at_ns = at_ns
        self.made = 0

    def __call__(self, at_ns: int | None = None) -> bytes:
        self.made += 1
        milliseconds = (self.at_ns if at_ns is None else at_ns) // MS
        return milliseconds.to_bytes(6, "big") + b"\x70\x00\x80\x00" + self.made.to_bytes(6, "big")


class Machine:
    """A wall clock that a test sets, and a steady one that it only lets go on."""

    def __init__(self) -> None:
        self.wall = Clock()
        self._set = 0

    def set(self, step_ns: int) -> None:
        self.wall.now_ns += step_ns
        self._set += step_ns

    def steady(self) -> int:
        return self.wall.now_ns - self._set

    def ids(self) -> Ids:
        return Ids(self.wall.now_ns)


class HeldCommit:
    """A real commit whose syncs a test can hold back, count, or make fail."""

    def __init__(self, inner: Commit) -> None:
        self._inner = inner
        self._may_go = threading.Event()
        self._may_go.set()
        self.waiting = threading.Event()
        """Set while a commit is held back."""
        self.fail_with: StorageError | None = None
        self.fail_after_write = False
        self.frames: list[Frame] = []
        self.threads: list[str] = []
        """The thread of each commit, by name."""

    def hold(self) -> None:
        self._may_go.clear()

    def release(self) -> None:
        self._may_go.set()

    @property
    def journal(self) -> str:
        return self._inner.journal

    @property
    def partition(self) -> int:
        return self._inner.partition

    @property
    def head(self) -> Head:
        return self._inner.head

    @property
    def settled(self) -> Head:
        return self._inner.settled

    @property
    def torn_end(self) -> str:
        return self._inner.torn_end

    def open(self) -> Head:
        return self._inner.open()

    def commit(self, frames: Sequence[Frame]) -> None:
        self.threads.append(threading.current_thread().name)
        if not self._may_go.is_set():
            self.waiting.set()
            assert self._may_go.wait(20), "nobody released the held commit"
            self.waiting.clear()
        if self.fail_with is not None:
            if self.fail_after_write:
                self._inner.commit(frames)
            raise self.fail_with
        self._inner.commit(frames)
        self.frames += frames

    def check_readers(self) -> int:
        return self._inner.check_readers()

    def close(self) -> None:
        self._inner.close()


class Published:
    """A publisher that keeps what left, with what was durable then."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int, Any]] = []
        """(journal, seq, event)."""
        self.durable: dict[str, list[int]] = {"trading": [], "market": []}
        self.positions: list[tuple[int, Any]] = []

    def publish(self, journal, epoch, first_seq, events, positions, durable_seq, instruments) -> None:
        self.events += [(journal, first_seq + index, event) for index, event in enumerate(events)]
        self.durable[journal].append(durable_seq)
        self.positions += positions

    def names(self, journal: str) -> list[str]:
        return [type(event).__name__ for name, _seq, event in self.events if name == journal]


class Running:
    """An engine that runs, as a door sees it."""

    def __init__(self, engine: Engine, commits: dict[str, HeldCommit], clock: Clock, new_id: Ids) -> None:
        self.engine = engine
        self.commits = commits
        self.clock = clock
        self.new_id = new_id
        self.crashed = False

    def send(
        self, door: str, inputs: Sequence[Any], reply: Callable[[list[Any]], None], actor: str = "test"
    ) -> None:
        self.engine.submit_nowait(
            door, list(inputs), actor=actor, received_at_ns=self.clock.now_ns, reply=reply
        )

    async def ask(self, door: str, *inputs: Any) -> list[Any]:
        """The answers to one batch, once they may be seen."""
        answers: list[Any] = []
        answered = trio.Event()

        def reply(got: list[Any]) -> None:
            assert not answered.is_set(), "answered twice"
            answers.extend(got)
            answered.set()

        self.send(door, inputs, reply)
        with trio.fail_after(20):
            await answered.wait()
        return answers

    async def rows(self, what: str, **filters: str) -> list[dict[str, Any]]:
        (page,) = await self.ask("query", Query("q", what, filters))
        return page.rows

    async def settle(self) -> None:
        """All that exists is durable and nothing waits for its turn, suspended facts of defined symbols included."""
        with trio.fail_after(20):
            await self.engine.dispatcher.wait_idle()
            await self.engine.wait_durable()
            while self.engine.partition.facts.resumption.symbols:
                await self.engine.wait_durable()

    async def settle_or_fail(self) -> None:
        """The same, or fail-stop."""
        with suppress(StorageError):
            await self.settle()

    def digests(self) -> dict[str, int]:
        return {
            "trading": self.engine.partition.trading.digest(),
            "market": self.engine.partition.market.digest(),
        }

    async def define(self, *symbols: str, price_scale: int = 4, qty_scale: int = 0) -> None:
        """The strategy S1 and these instruments."""
        await self.ask(
            "commands",
            DefineStrategy(self.new_id(), "S1", "ACC"),
            *(DefineInstrument(self.new_id(), symbol, "XNAS", price_scale, qty_scale) for symbol in symbols),
        )

    def crash(self) -> None:
        """From here on nothing more is done for a clean stop: the journal ends with what is durable now."""
        self.crashed = True

    def order(self, client_order_id: str, qty: int = 100, px: int = 100_000, symbol: str = "AAPL", **more):
        more = {"side": Side.BUY, "order_type": OrderType.LIMIT, **more}
        return SubmitOrder(
            self.new_id(),
            client_order_id,
            "S1",
            symbol,
            "XNAS",
            more.pop("side"),
            more.pop("order_type"),
            qty,
            px,
            **more,
        )


@asynccontextmanager
async def running(
    directory: Path,
    *,
    settings: EngineSettings = SETTINGS,
    clock: Clock | None = None,
    new_id: Ids | None = None,
    publisher: Published | None = None,
    reserve: Reserve | None = None,
    steady: Callable[[], int] | None = None,
) -> AsyncIterator[Running]:
    """An engine on the journal in `directory`; stopped cleanly at the end unless it was crashed or failed."""
    clock = clock or Clock()
    commits: dict[str, HeldCommit] = {}

    def commit_of(journal: JournalDirectory, given: EngineSettings) -> Commit:
        held = commits[journal.journal] = HeldCommit(commit_as_set(journal, given))
        return held

    data = create_or_open(directory, partitions=1, command="test")
    engine = Engine(
        data,
        0,
        settings,
        publisher=publisher,
        clock=clock,
        steady=steady,
        commit_of=commit_of,
        reserve=reserve,
    )
    engine.open(trio.lowlevel.current_trio_token())
    one = Running(engine, commits, clock, new_id or Ids())
    heads = None
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            yield one
            if one.crashed:
                nursery.cancel_scope.cancel()
            engine.stop()
    finally:
        for commit in commits.values():
            commit.release()
        heads = engine.close()
        data.close(None if one.crashed else heads)


def journaled(directory: Path, journal: str = "trading") -> list[tuple[int, Any]]:
    """(seq, event) of a whole journal, as it is on disk, settled or not; beside an engine that is at rest, too."""
    events: list[tuple[int, Any]] = []
    with JournalReader(directory, journal, 0, wal=True) as reader:
        for frame in reader.frames():
            events += list(enumerate(decode_events(frame.payload), frame.first_seq))
    return events


def replayed(directory: Path) -> dict[str, int]:
    """The digests of both journals, folded from what is on disk."""
    return {journal: replay(directory, journal, 0).fold.digest() for journal in ("trading", "market")}


def names(directory: Path, journal: str = "trading") -> list[str]:
    """The event types of a whole journal, in order."""
    return [type(event).__name__ for _seq, event in journaled(directory, journal)]


def accepted(seq: int, client_order_id: str, symbol: str = "AAPL", **more) -> ReportAccepted:
    more.setdefault("venue_order_id", f"v-{client_order_id}")
    source = more.pop("source", "gw")
    return ReportAccepted(source, more.pop("epoch", 1), seq, symbol, "XNAS", client_order_id, **more)


def fill(
    seq: int, client_order_id: str, qty: int, px: int = 100_000, symbol: str = "AAPL", **more
) -> ReportFill:
    execution_id = more.pop("execution_id", f"x{seq}")
    side = more.pop("side", Side.BUY)
    epoch = more.pop("epoch", 1)
    return ReportFill(
        more.pop("source", "gw"),
        epoch,
        seq,
        symbol,
        "XNAS",
        client_order_id,
        execution_id,
        "2025-11-20",
        side,
        qty,
        px,
        **more,
    )
