"""Peers on the same work: events of the usual size, durable before anything is acknowledged, so many in flight.

What is embedded (SQLite, eventsourcing, and the ledger's engine) takes what is in flight as one transaction, which is
the best that it can do. What is a server gets one event a request: UmaDB from as many clients as are in flight,
Postgres one INSERT a transaction, pipelined. The ledger decides each of its commands besides; the peers store bytes.
What is not installed is left out and named. Checked: every store is read back and counted.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import trio

import _bench_load
from _bench_engine import Feeding, settle_memory
from _bench_result import Figures, check, say
from ledger.engine import Engine, EngineSettings
from ledger.journal import create_or_open
from ledger.testing.servers import Missing, PostgresServer, free_port
from ledger.wire import Committed

FLIGHTS: Final = (1, 16, 256)
UMADB_READY_S: Final = 10.0
Store = Callable[[int], None]
"""Makes so many more events durable; the argument is also how many are in flight."""


class PeersBench:
    """Measures every peer that is here; one call of `round` each."""

    def __init__(
        self, figures: Figures, settings: EngineSettings, root: Path, seed: int, commits: int
    ) -> None:
        self._figures = figures
        self._settings = settings
        self._root = root
        self._seed = seed
        self._commits = commits
        self._event = _bench_load.typical_event()
        self._peers = {
            "sqlite": _sqlite,
            "eventsourcing": _eventsourcing,
            "umadb": _umadb,
            "postgres": _postgres,
        }
        self._absent: set[str] = set()

    def round(self) -> None:
        """One round: the ledger, then each peer at every number in flight."""
        for flight in FLIGHTS:
            rate = self._ledger(flight)
            self._figures.add(f"peer ledger {flight}", "events/s", rate, note="in process, decided")
        for name, peer in self._peers.items():
            if name not in self._absent:
                self._measure(name, peer)

    def _measure(self, name: str, peer: Callable[[Path, bytes], Any]) -> None:
        with tempfile.TemporaryDirectory(dir=self._root) as directory, ExitStack() as stack:
            try:
                store, count = stack.enter_context(peer(Path(directory), self._event))
            except Absent as why:
                self._absent.add(name)
                say(f"{name} is left out: {why}")
                return
            stored = 0
            for flight in FLIGHTS:
                begun = time.perf_counter()
                for _ in range(self._commits):
                    store(flight)
                seconds = time.perf_counter() - begun
                stored += flight * self._commits
                rate = flight * self._commits / seconds
                self._figures.add(f"peer {name} {flight}", "events/s", rate, f"peer ledger {flight}")
            found = count()
            check(found == stored, f"{name}: {stored} events stored, {found} found")
            self._figures.count(f"events found in {name}", found)

    def _ledger(self, flight: int) -> float:
        load = _bench_load.submits(self._seed, flight * self._commits, flight, f"f{flight}-")
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


class Absent(Exception):
    """This peer is not on this machine."""


def _need(module: str) -> None:
    if find_spec(module) is None:
        raise Absent(f"the package {module} is not installed")


@contextmanager
def _sqlite(directory: Path, event: bytes) -> Iterator[tuple[Store, Callable[[], int]]]:
    with closing(sqlite3.connect(directory / "raw.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")

        def store(events: int) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO event (body) VALUES (?)", [(event,)] * events)
            db.execute("COMMIT")

        yield store, lambda: db.execute("SELECT count(*) FROM event").fetchone()[0]


@contextmanager
def _eventsourcing(directory: Path, event: bytes) -> Iterator[tuple[Store, Callable[[], int]]]:
    _need("eventsourcing")
    from eventsourcing.persistence import StoredEvent
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

    datastore = SQLiteDatastore(str(directory / "peer.db"))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    with datastore.transaction(commit=False) as cursor:
        cursor.execute("PRAGMA synchronous")
        check(cursor.fetchone()[0] == 2, "eventsourcing's SQLite is not at synchronous=FULL")

    def store(events: int) -> None:
        recorder.insert_events([StoredEvent(uuid.uuid4(), 1, "OrderSubmitted", event) for _ in range(events)])

    try:
        yield store, lambda: recorder.max_notification_id() or 0
    finally:
        datastore.close()


@contextmanager
def _umadb(directory: Path, event: bytes) -> Iterator[tuple[Store, Callable[[], int]]]:
    _need("umadb")
    import umadb

    program = Path(sys.executable).with_name("umadb")
    if not program.exists():
        raise Absent("its server is not beside this Python")
    port = free_port()
    command = [str(program), "--listen", f"127.0.0.1:{port}", "--db-path", str(directory / "uma.db")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        clients = [_umadb_client(umadb, port) for _ in range(16)]

        def send(client: Any, events: int) -> None:
            for _ in range(events):
                client.append([umadb.Event("OrderSubmitted", event)])

        def store(events: int) -> None:
            if events == 1:
                send(clients[0], 1)
                return
            # A thread a client; past 16 each has a request in flight after the other, which is what 2 cores carry.
            share = -(-events // len(clients))
            threads = [threading.Thread(target=send, args=(client, share)) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        yield store, lambda: clients[0].head() or 0
    finally:
        server.terminate()
        server.wait(10)


def _umadb_client(umadb: Any, port: int) -> Any:
    deadline = time.monotonic() + UMADB_READY_S
    while True:
        try:
            client = umadb.Client(f"http://127.0.0.1:{port}")
            client.head()
            return client
        except Exception as error:
            if time.monotonic() > deadline:
                raise Absent(f"its server does not answer: {error}") from error
            time.sleep(0.05)


@contextmanager
def _postgres(_directory: Path, event: bytes) -> Iterator[tuple[Store, Callable[[], int]]]:
    _need("psycopg")
    import psycopg

    # Not below our own directory, which a server that runs as another user cannot enter.
    with tempfile.TemporaryDirectory(prefix="ledger-bench-pg-") as place:
        Path(place).chmod(0o755)
        server = PostgresServer(Path(place) / "postgres")
        try:
            server.start()
        except Missing as missing:
            raise Absent(str(missing)) from missing
        try:
            with psycopg.connect(**_parameters(server), autocommit=True) as db:
                for setting in ("fsync = on", "synchronous_commit = on"):
                    db.execute(f"ALTER SYSTEM SET {setting}")  # the tests' server is set to forget
                db.execute("SELECT pg_reload_conf()")
                db.execute("CREATE TABLE event (seq bigserial PRIMARY KEY, body bytea NOT NULL)")
            with psycopg.connect(**_parameters(server), autocommit=True) as db:
                row = db.execute("SELECT current_setting('fsync')").fetchone()
                check(row == ("on",), f"Postgres does not sync: {row}")

                def store(events: int) -> None:
                    with db.pipeline():
                        for _ in range(events):
                            db.execute("INSERT INTO event (body) VALUES (%s)", (event,), prepare=True)

                yield store, lambda: db.execute("SELECT count(*) FROM event").fetchone()[0]  # type: ignore[index]
        finally:
            server.stop()


def _parameters(server: PostgresServer) -> dict[str, Any]:
    connection = server.settings()["postgresql"]["connection"]
    return {
        "host": connection["host"],
        "port": connection["port"],
        "dbname": connection["database"],
        "user": connection["user"],
        "password": Path(connection["password_file"]).read_text().strip(),
        "sslmode": "disable",
    }
