"""Projections from a cold start, beside the same client writing the same rows, prepared, with no journal.

One journal with orders, their reports, quotes and depth, made by the engine once. Each round empties each server, writes
the prepared batches one after the other (the floor), empties it again, and runs the projector from nothing to the
head. Checked: every row that then stands there is the one that a whole fold of the journal says.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import trio
from msgspec.structs import replace

import _bench_sink_floors
from _bench_engine import Feeding, settle_memory
from _bench_load import Load, definitions
from _bench_result import Figures, check, say
from ledger.config import Settings, load
from ledger.engine import Engine, EngineSettings
from ledger.journal import create_or_open
from ledger.projections import Batch, Feed, Fencing, Filling, Parking, Projection, Runner, registry
from ledger.projections.audit import audit
from ledger.testing.servers import SERVERS, Missing, Server

WAITING_MAX: Final = 64
UNIT: Final = {"postgres": "events/s", "redis": "events/s", "questdb": "rows/s"}
"""What the goal of each counts."""


class ProjectionBench:
    """One journal, and a server for each sink; one call of `round` each. `close` ends the servers."""

    def __init__(
        self, figures: Figures, root: Path, seed: int, loads: tuple[Load, Load], settings: EngineSettings
    ) -> None:
        self._figures = figures
        self._seed = seed
        self._loads = loads
        self._engine_settings = settings
        self._root = root / "projections"
        self._data = self._root / "data"
        self._servers: dict[str, Server] = {}

    def round(self) -> None:
        """Each sink in turn: the floors, then the projector."""
        if not self._servers:
            self._prepare()
        for name, server in self._servers.items():
            settings = settings_of(server, self._root)
            self._floor(name, settings)
            if name == "redis":
                self._pipelines(settings)
            self._projected(name, settings)

    def close(self) -> None:
        """Nothing runs any more."""
        for server in self._servers.values():
            server.remove()

    # ---- once ----------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._root.mkdir(parents=True)
        for path in (self._root, *self._root.parents[:1]):
            path.chmod(0o755)  # a server that does not run as us must get through
        make_journal(self._data, self._seed, self._loads, self._engine_settings)
        for name, kind in SERVERS.items():
            try:
                server = self._servers[name] = kind(self._root / name).start()
            except Missing as missing:
                say(f"{name}: {missing}")
                continue
            settings = settings_of(server, self._root)
            self._write(settings, name, self._batches(settings, name))  # warms the server up

    def _batches(self, settings: Settings, name: str) -> list[Batch]:
        """The rows as a projector makes them, all in memory."""
        sink = registry.make(settings, name, 0)
        events_max = registry.batch_events(settings, name)
        batches: list[Batch] = []
        for journal in sink.journals:
            feed = Feed(self._data, journal, 0, sink.builders(journal), Parking(), events_max=events_max)
            while (batch := feed.batch()) is not None:
                # A floor publishes no hints: they are of the fold as it was then.
                batches.append(replace(batch, ready=_ready(sink, batch)))
            feed.close()
        return batches

    # ---- each round ----------------------------------------------------------------------------------------

    def _floor(self, name: str, settings: Settings) -> None:
        batches = self._batches(settings, name)
        amount = _amount(name, batches)
        rows = sum(len(batch.rows) for batch in batches)
        seconds, cpu = self._write(settings, name, batches)
        self._add(f"{name} prepared rows", UNIT[name], amount / seconds, note=f"{rows:,} rows")
        self._add(f"{name} prepared rows cpu", "us/event", 1e6 * cpu / _events(batches))

    def _write(self, settings: Settings, name: str, batches: list[Batch]) -> tuple[float, float]:
        """(seconds, CPU seconds of the client) of the sink's own writing, one batch after the other, with what it makes
        beforehand and afterwards, such as tables and indexes."""
        _bench_sink_floors.empty(name, settings)
        sink = registry.make(settings, name, 0)

        def write() -> None:
            for journal in sink.journals:
                check(sink.offset(journal) is None, f"{name} is not empty")
            if isinstance(sink, Fencing):
                sink.claim(batches[0].to.lineage)
            for batch in batches:
                sink.apply(batch)
            if isinstance(sink, Filling):
                sink.filled()

        seconds, cpu = _timed(write)
        for journal in sink.journals:
            found = sink.offset(journal)
            ends = [batch.to for batch in batches if batch.to.journal == journal]
            check(found == ends[-1], f"{name} stands at {found}, not at {ends[-1]}")
        sink.close()
        return seconds, cpu

    def _pipelines(self, settings: Settings) -> None:
        """Redis without a function, a version or an offset: plain commands, packed ahead, by pipelines."""
        batches = self._batches(settings, "redis")
        each = _bench_sink_floors.rows_of_each_event(self._data, registry.make(settings, "redis", 0))
        for name, rows, events in (
            ("redis prepared pipelines", [row for batch in batches for row in batch.rows], _events(batches)),
            ("redis a write for each event", each.rows, each.events),
        ):
            _bench_sink_floors.empty("redis", settings)
            with _bench_sink_floors.Pipelines(settings, rows) as pipelines:
                seconds, _ = _timed(pipelines.write)
            note = f"{len(rows):,} keys written"
            self._add(name, "events/s", events / seconds, note=note)

    def _projected(self, name: str, settings: Settings) -> None:
        _bench_sink_floors.empty(name, settings)
        events_max = registry.batch_events(settings, name)
        sink = registry.make(settings, name, 0)
        runner = Runner(self._data, sink, 0, events_max=events_max, shadow=True)
        seconds, cpu = _timed(lambda: runner.run(until_head=True))
        pulse = runner.pulse
        amount = pulse.rows if UNIT[name] == "rows/s" else pulse.events
        self._add(f"{name} rebuild", UNIT[name], amount / seconds, f"{name} prepared rows")
        self._add(f"{name} rebuild cpu", "us/event", 1e6 * cpu / pulse.events, f"{name} prepared rows cpu")
        if name == "redis":
            for floor in ("prepared pipelines", "a write for each event"):
                against = f"redis {floor}"
                self._add(f"redis rebuild against {floor}", UNIT[name], amount / seconds, against)
        self._check(name, settings)

    def _check(self, name: str, settings: Settings) -> None:
        sink = registry.make(settings, name, 0)
        for journal in sink.journals:
            found = audit(self._data, sink, journal, 0)
            check(not found.differences, f"{name}: {len(found.differences)} rows differ from the fold")
            self._figures.count(f"rows of {name} equal to a fold", found.rows)
        sink.close()

    def _add(self, name: str, unit: str, value: float, floor: str = "", note: str = "") -> None:
        self._figures.add(f"projections {name}", unit, value, floor and f"projections {floor}", note)


def make_journal(data: Path, seed: int, loads: tuple[Load, Load], settings: EngineSettings) -> None:
    """Both journals of one partition, as the engine makes them of these loads."""
    directory = create_or_open(data, partitions=1)
    engine = Engine(directory, 0, settings)

    async def run() -> None:
        engine.open(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await Feeding(engine).all([("commands", definitions(seed))])
            for each in loads:
                await Feeding(engine, WAITING_MAX).decoded(each)
            engine.stop()

    heads = None
    try:
        trio.run(run)
        heads = engine.close()
    finally:
        directory.close(heads)


def settings_of(server: Server, root: Path) -> Settings:
    """The defaults, with this server."""
    overlay = root / f"{server.name}.yaml"
    overlay.write_bytes(msgspec.json.encode(server.settings()))
    return load(overlay).settings


def _ready(sink: Projection, batch: Batch) -> Any:
    """Redis' hints of market data must be made while the fold stands there; all else is the floor's to do."""
    return sink.prepare(batch) if sink.name == "redis" else None  # type: ignore[attr-defined]


def _timed(act: Callable[[], Any]) -> tuple[float, float]:
    settle_memory()
    begun, cpu = time.perf_counter(), time.process_time()
    act()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    gc.unfreeze()
    return seconds, cpu


def _events(batches: list[Batch]) -> int:
    return sum(batch.events for batch in batches)


def _amount(name: str, batches: list[Batch]) -> int:
    return sum(len(batch.rows) for batch in batches) if UNIT[name] == "rows/s" else _events(batches)
