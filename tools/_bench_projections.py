"""Projections: events into each sink from a cold start, beside the same client writing the same rows with no journal."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from _bench_result import Figures, check, say
from ledger.config import Settings, load
from ledger.projections import Batch, Feed, Fencing, Parking, Projection, Runner, registry
from ledger.projections.audit import audit
from ledger.testing.made_journal import MadeJournal
from ledger.testing.servers import SERVERS, Missing, Server

ORDERS: Final = 1500
QUOTES: Final = 5000
IN_A_FRAME: Final = 50


class ProjectionBench:
    """One journal, and a server for each sink, which begins each measurement empty."""

    def __init__(self, figures: Figures, scale: int) -> None:
        self._figures = figures
        self._scale = scale

    def round(self) -> None:
        """Each sink in turn: the floor, then the projection."""
        with tempfile.TemporaryDirectory(prefix="ledger-bench-") as directory:
            root = Path(directory)
            root.chmod(0o755)  # a server that does not run as us must get through
            with MadeJournal(root / "data") as made:
                made.trade(ORDERS * self._scale, in_a_frame=IN_A_FRAME)
                made.quote(QUOTES * self._scale, in_a_frame=IN_A_FRAME)
            for name in SERVERS:
                server = SERVERS[name](root / name)
                try:
                    self._floor(server, root)
                    self._projected(server, root)
                except Missing as missing:
                    say(f"{name}: {missing}")
                finally:
                    server.remove()

    def _floor(self, server: Server, root: Path) -> None:
        settings = _started(server, root)
        sink = registry.make(settings, server.name, 0)
        prepared = [batch for journal in sink.journals for batch in _batches(settings, sink, root, journal)]
        if isinstance(sink, Fencing):
            sink.claim(prepared[0].to.lineage)
        begun = time.perf_counter()
        for batch in prepared:
            sink.apply(batch)
        seconds = time.perf_counter() - begun
        sink.close()
        rows = sum(len(batch.rows) for batch in prepared)
        events = sum(batch.events for batch in prepared)
        self._figures.add(
            f"{server.name}: prepared rows",
            "events/s",
            events / seconds,
            note=f"{rows / seconds:,.0f} rows/s",
        )

    def _projected(self, server: Server, root: Path) -> None:
        settings = _started(server, root)
        events_max = registry.batch_events(settings, server.name)
        runner = Runner(
            root / "data", registry.make(settings, server.name, 0), 0, events_max=events_max, shadow=True
        )
        begun = time.perf_counter()
        runner.run(until_head=True)
        seconds = time.perf_counter() - begun
        floor = f"{server.name}: prepared rows"
        self._figures.add(
            f"{server.name}: from the journal", "events/s", runner.pulse.events / seconds, floor
        )
        sink = registry.make(settings, server.name, 0)
        for journal in sink.journals:
            found = audit(root / "data", sink, journal, 0)
            check(not found.differences, f"{server.name}: {len(found.differences)} rows differ from the fold")
            self._figures.count(f"rows of {server.name} equal to a fold", found.rows)
        sink.close()


def _started(server: Server, root: Path) -> Settings:
    """An empty server, and the settings that point at it."""
    server.remove()
    server.__init__(server.directory)  # its state is gone with its directory
    server.start()
    overlay = root / f"{server.name}.yaml"
    overlay.write_bytes(msgspec.json.encode(server.settings()))
    return load(overlay).settings


def _batches(settings: Settings, sink: Projection, root: Path, journal: str) -> list[Batch]:
    events_max = registry.batch_events(settings, sink.name)
    feed = Feed(root / "data", journal, 0, sink.builders(journal), Parking(), events_max=events_max)
    batches: list[Any] = []
    while (batch := feed.batch()) is not None:
        batches.append(batch)
    feed.close()
    return batches
