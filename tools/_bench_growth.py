"""Growth: what one input costs when ten times as much is there already, as a table of slopes.

Each size has the size below as its floor: a ratio of 1.00 is a flat line. CPU of the whole process, sync included, so
that a slow disk or a busy machine moves it little. Grown are open orders, symbols, events of the running engine (quotes
and depth), and the history that an engine starts from: a journal of closed orders with its snapshot and index.
Checked: all answers, and how many orders and events are there.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

import _bench_load
from _bench_engine import Feeding
from _bench_memory import EVENTS_AN_ORDER, follow, write
from _bench_result import Figures, check
from ledger.collecting import collect_rarely
from ledger.engine import Engine, EngineSettings
from ledger.journal import create_or_open
from ledger.wire import Committed, FactCommitted

PROBE: Final = 4_000
"""Inputs of which the cost is measured at each size."""
A_MESSAGE: Final = 64
WAITING_MAX: Final = 64
SYMBOL_SIZES: Final = (10, 100, 1_000)
OPEN_IN_HISTORY: Final = 1_000
Grow = Callable[[Engine], Awaitable[None]]


class GrowthBench:
    """Measures the same probe at each size; one call of `round` each."""

    def __init__(
        self,
        sizes: tuple[int, ...],
        histories: tuple[int, ...],
        settings: EngineSettings,
        figures: Figures,
        root: Path,
        seed: int,
    ) -> None:
        """`sizes`: of open orders and of events while it runs; `histories`: events of the journals to start from."""
        self._sizes = sizes
        self._histories = histories
        self._settings = settings
        self._figures = figures
        self._root = root
        self._seed = seed

    def round(self) -> None:
        """One round: open orders, events, symbols, history."""
        self._with_engine(self._open_orders, self._settings)
        self._with_engine(self._events, self._settings)
        before = ""
        for symbols in SYMBOL_SIZES:
            load = _bench_load.submits(self._seed, PROBE, A_MESSAGE, "s-", symbols)
            name = f"growth symbols {symbols:,}"
            self._with_engine(self._only_probe(load, name, before), self._settings, symbols=symbols)
            before = name
        before = ""
        for events in self._histories:
            name = f"growth history {events:,}"
            load = _bench_load.submits(self._seed, PROBE, A_MESSAGE, "h-")
            probe = self._only_probe(load, name, before)
            self._with_engine(probe, msgspec.structs.replace(self._settings, passivates=True), events=events)
            before = name

    def _with_engine(
        self, grow: Grow, settings: EngineSettings, *, symbols: int = _bench_load.SYMBOLS, events: int = 0
    ) -> None:
        """An engine of its own, that starts from `events` of history."""
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            path = Path(directory) / "data"
            if events:
                written = write(path, events // EVENTS_AN_ORDER, OPEN_IN_HISTORY)
                check(abs(written - events) <= 4 * OPEN_IN_HISTORY, f"{written} events, {events} wanted")
                follow(path, say=lambda _sentence: None)
            data = create_or_open(path, partitions=1)
            engine = Engine(data, 0, settings)
            heads = None
            try:
                trio.run(self._run, engine, grow, symbols)
                heads = engine.close()
            finally:
                gc.unfreeze()
                data.close(heads)

    async def _run(self, engine: Engine, grow: Grow, symbols: int) -> None:
        engine.open(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await Feeding(engine).all([("commands", _bench_load.definitions(self._seed, symbols))])
            await grow(engine)
            engine.stop()

    def _only_probe(self, load: _bench_load.Load, name: str, before: str) -> Grow:
        async def grow(engine: Engine) -> None:
            await self._probe(engine, load, name, before)

        return grow

    async def _open_orders(self, engine: Engine) -> None:
        before, there = "", 0
        for size in self._sizes:
            load = _bench_load.submits(self._seed, size - there, A_MESSAGE, f"g{size}-")
            await self._feed(engine, load)
            name = f"growth open orders {size:,}"
            load = _bench_load.submits(self._seed, PROBE, A_MESSAGE, f"p{size}-")
            await self._probe(engine, load, name, before)
            before, there = name, size + PROBE
            found = len(engine.partition.trading.orders)
            check(found == there, f"{there} open orders wanted, {found} are there")

    async def _events(self, engine: Engine) -> None:
        load = _bench_load.market(self._seed, self._sizes[-1] + PROBE * len(self._sizes), A_MESSAGE)
        messages, at, before = load.messages, 0, ""
        for size in self._sizes:
            end, probe_end = size // A_MESSAGE, (size + PROBE) // A_MESSAGE
            if end > at:
                await self._feed(engine, _bench_load.Load(messages[at:end], (end - at) * A_MESSAGE))
            name = f"growth market events {size:,}"
            probe = _bench_load.Load(messages[end:probe_end], (probe_end - end) * A_MESSAGE)
            await self._probe(engine, probe, name, before)
            before, at = name, probe_end

    async def _probe(self, engine: Engine, load: _bench_load.Load, name: str, before: str) -> None:
        collect_rarely()  # as a start with so much would
        begun = time.process_time()
        await self._feed(engine, load)
        cpu = time.process_time() - begun
        self._figures.add(name, "us/input", 1e6 * cpu / load.inputs, before, "CPU")

    async def _feed(self, engine: Engine, load: _bench_load.Load) -> None:
        answers: list[Any] = await Feeding(engine, WAITING_MAX).decoded(load)
        good = sum(type(it) in (Committed, FactCommitted) and not it.repeated for it in answers)
        check(good == load.inputs, f"{load.inputs} inputs, {good} committed")
        self._figures.count("answers while growing", good)
