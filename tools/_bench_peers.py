"""Peers on the same work: events of the usual size, durable before anything is acknowledged, so many in flight.

Each is measured against the ledger in its own shape, one after the other at each number in flight:

- **batch**: what is in flight is one transaction in process, with one sync (SQLite, eventsourcing; the ledger's engine);
- **single**: one event a request to a server, each acknowledged by itself (UmaDB, Postgres with an INSERT a transaction
  from up to 16 clients; the ledger's door with one command a message);
- **packed**: a client packs what is in flight into requests (Postgres with a pipeline that is one transaction, Kafka
  with batches; the ledger's door with up to 64 commands a message).

The ledger decides each of its commands besides; the peers store bytes. What is not installed is left out and named.
Checked: every store is read back and counted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import trio
import zmq

import _bench_load
from _bench_client import PATIENT, Context, ask, converse
from _bench_engine import Feeding, settle_memory
from _bench_peer_servers import kafka, postgres_packed, postgres_single, umadb
from _bench_peer_stores import Absent, Peer, eventsourcing, sqlite
from _bench_result import Figures, check, say
from ledger.engine import Engine, EngineSettings
from ledger.journal import create_or_open
from ledger.testing import Child
from ledger.wire import Committed, encode_messages

FLIGHTS: Final = (1, 16, 256)
A_MESSAGE: Final = 64
PEERS: Final[dict[str, tuple[str, Callable[[Path, bytes], Any]]]] = {
    "sqlite": ("batch", sqlite),
    "eventsourcing": ("batch", eventsourcing),
    "umadb": ("single", umadb),
    "postgres single": ("single", postgres_single),
    "postgres packed": ("packed", postgres_packed),
    "kafka": ("packed", kafka),
}
"""Name to its shape and what starts it."""


class PeersBench:
    """Measures every peer that is here; one call of `round` each."""

    def __init__(
        self, figures: Figures, settings: EngineSettings, root: Path, seed: int, commits: int
    ) -> None:
        """`commits`: how often so many in flight are made durable."""
        self._figures = figures
        self._settings = settings
        self._root = root
        self._seed = seed
        self._commits = commits
        self._event = _bench_load.typical_event()
        self._absent: set[str] = set()
        self._prefixes = 0

    def round(self) -> None:
        """One round: at each number in flight the ledger in the three shapes, then each peer."""
        with tempfile.TemporaryDirectory(dir=self._root) as directory, ExitStack() as stack:
            path = Path(directory)
            peers = self._started(path, stack)
            context: Context = stack.enter_context(zmq.Context())
            door = stack.enter_context(Child(path / "data", sets=(PATIENT,))).start()["endpoints"]["commands"]
            ask(context, door, encode_messages(_bench_load.definitions(self._seed)))
            stored = dict.fromkeys(peers, 0)
            for flight in FLIGHTS:
                self._ledger(path, context, door, flight)
                for name, peer in peers.items():
                    events, rate = peer.store(flight, self._commits)
                    stored[name] += events
                    floor = f"peer ledger {PEERS[name][0]} {flight}"
                    self._figures.add(f"peer {name} {flight}", "events/s", rate, floor)
            for name, peer in peers.items():
                found = peer.count()
                check(found == stored[name], f"{name}: {stored[name]} events stored, {found} found")
                self._figures.count(f"events found in {name}", found)

    def _started(self, path: Path, stack: ExitStack) -> dict[str, Peer]:
        peers: dict[str, Peer] = {}
        for name, (_, start) in PEERS.items():
            if name in self._absent:
                continue
            place = path / name.replace(" ", "-")
            place.mkdir()
            try:
                peers[name] = stack.enter_context(start(place, self._event))
            except Absent as why:
                self._absent.add(name)
                say(f"{name} is left out: {why}")
        return peers

    def _ledger(self, path: Path, context: Context, door: str, flight: int) -> None:
        rate = self._in_process(flight)
        self._figures.add(f"peer ledger batch {flight}", "events/s", rate, note="in process, decided")
        for shape, each in (("single", 1), ("packed", min(flight, A_MESSAGE))):
            load = self._submits(flight, each)
            payloads = [payload for _, payload in load.messages]
            talk = converse(context, [(door, payloads)], max(1, flight // each))
            good = talk.of(Committed)
            check(good == load.inputs, f"{load.inputs} commands beside the peers, {good} committed")
            note = f"over its door, {each} a message, decided"
            self._figures.add(
                f"peer ledger {shape} {flight}", "events/s", load.inputs / talk.seconds, note=note
            )

    def _submits(self, flight: int, a_message: int) -> _bench_load.Load:
        self._prefixes += 1
        return _bench_load.submits(self._seed, flight * self._commits, a_message, f"f{self._prefixes}-")

    def _in_process(self, flight: int) -> float:
        load = self._submits(flight, flight)
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            data = create_or_open(Path(directory) / "data", partitions=1)
            engine = Engine(data, 0, self._settings)
            heads = None
            try:
                seconds = trio.run(_one_after_another, engine, load, self._seed)
                heads = engine.close()
            finally:
                data.close(heads)
        return load.inputs / seconds


async def _one_after_another(engine: Engine, load: _bench_load.Load, seed: int) -> float:
    engine.open(trio.lowlevel.current_trio_token())
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        await Feeding(engine).all([("commands", _bench_load.definitions(seed))])
        settle_memory()
        begun = time.perf_counter()
        answers = await Feeding(engine, 1).decoded(load)
        seconds = time.perf_counter() - begun
        check(sum(type(it) is Committed for it in answers) == load.inputs, "not all was committed")
        engine.stop()
    return seconds
