"""Growth: what one command or quote costs when ten times as much is there already, as a table of slopes.

Each size has the size below as its floor: a ratio of 1.00 is a flat line. CPU of the whole process, sync included, so
that a slow disk or a busy machine moves it little. Checked: all answers, and how many orders and events are there.
"""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path
from typing import Final

import trio

import _bench_load
from _bench_engine import Feeding, settle_memory
from _bench_result import Figures, check
from ledger.engine import Engine, EngineSettings
from ledger.journal import create_or_open
from ledger.wire import Committed, FactCommitted

PROBE: Final = 4_000
"""Inputs of which the cost is measured at each size."""
A_MESSAGE: Final = 64
WAITING_MAX: Final = 64


class GrowthBench:
    """Measures the same probe at each size; one call of `round` each."""

    def __init__(
        self, sizes: tuple[int, ...], settings: EngineSettings, figures: Figures, root: Path, seed: int
    ) -> None:
        self._sizes = sizes
        self._settings = settings
        self._figures = figures
        self._root = root
        self._seed = seed

    def round(self) -> None:
        """One round: grow by open orders, then by events of history."""
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            for number, grow in enumerate((self._open_orders, self._history)):
                data = create_or_open(Path(directory) / str(number), partitions=1)
                engine = Engine(data, 0, self._settings)
                heads = None
                try:
                    trio.run(self._run, engine, grow)
                    heads = engine.close()
                finally:
                    gc.unfreeze()
                    data.close(heads)

    async def _run(self, engine: Engine, grow: object) -> None:
        engine.open(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await Feeding(engine).all([("commands", _bench_load.definitions(self._seed))])
            await grow(engine)  # type: ignore[operator]
            engine.stop()

    async def _open_orders(self, engine: Engine) -> None:
        before, there = "", 0
        for size in self._sizes:
            await self._feed(engine, _bench_load.submits(self._seed, size - there, A_MESSAGE, f"g{size}-"))
            name = f"growth open orders {size:,}"
            await self._probe(
                engine, _bench_load.submits(self._seed, PROBE, A_MESSAGE, f"p{size}-"), name, before
            )
            before, there = name, size + PROBE
            found = len(engine.partition.trading.orders)
            check(found == there, f"{there} open orders wanted, {found} are there")

    async def _history(self, engine: Engine) -> None:
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
        settle_memory()
        begun = time.process_time()
        await self._feed(engine, load)
        cpu = time.process_time() - begun
        self._figures.add(name, "us/input", 1e6 * cpu / load.inputs, before, "CPU")

    async def _feed(self, engine: Engine, load: _bench_load.Load) -> None:
        answers = await Feeding(engine, WAITING_MAX).decoded(load)
        good = sum(type(it) in (Committed, FactCommitted) and not it.repeated for it in answers)
        check(good == load.inputs, f"{load.inputs} inputs, {good} committed")
        self._figures.count("answers while growing", good)
