"""Peers that are embedded: what is in flight is one transaction, which is the best that they can do."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from _bench_result import check


class Absent(Exception):
    """This peer is not on this machine."""


@dataclass(frozen=True)
class Peer:
    """A store that has been started."""

    store: Callable[[int, int], tuple[int, float]]
    """(in flight, how often) -> (events made durable in all, events a second)."""
    count: Callable[[], int]
    """How many events it holds."""


def need(module: str) -> None:
    """Raises Absent where a package is not installed."""
    if find_spec(module) is None:
        raise Absent(f"the package {module} is not installed")


def repeated(store: Callable[[int], None]) -> Callable[[int, int], tuple[int, float]]:
    """`store` makes so many events durable and returns; as often as asked, timed."""

    def run(flight: int, times: int) -> tuple[int, float]:
        begun = time.perf_counter()
        for _ in range(times):
            store(flight)
        return flight * times, flight * times / (time.perf_counter() - begun)

    return run


@contextmanager
def sqlite(directory: Path, event: bytes) -> Iterator[Peer]:
    """SQLite by itself: WAL, synchronous=FULL, one table."""
    with closing(sqlite3.connect(directory / "raw.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")

        def store(events: int) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO event (body) VALUES (?)", [(event,)] * events)
            db.execute("COMMIT")

        yield Peer(repeated(store), lambda: db.execute("SELECT count(*) FROM event").fetchone()[0])


@contextmanager
def eventsourcing(directory: Path, event: bytes) -> Iterator[Peer]:
    """eventsourcing's application recorder on SQLite, as it sets it: WAL, synchronous=FULL."""
    need("eventsourcing")
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
        yield Peer(repeated(store), lambda: recorder.max_notification_id() or 0)
    finally:
        datastore.close()
