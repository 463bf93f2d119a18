"""Peers that are servers, started from packages: UmaDB, Postgres, Kafka; each syncs before it acknowledges."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from _bench_peer_stores import Absent, Peer, need, repeated
from _bench_result import check
from ledger.errors import Unavailable
from ledger.testing.servers import KafkaServer, Missing, PostgresServer, Server, free_port

CLIENTS: Final = 16
"""Threads of ours at most: past them each has several requests in flight, one after the other."""
UMADB_READY_S: Final = 10.0
KAFKA_RECORDS_MIN: Final = 150
"""As many at least come before each figure, to warm up."""
JAVA: Final = ("-Xmx512m", "-XX:+UseSerialGC")
_RATE: Final = re.compile(r"(\d+) steady state records sent, ([\d.]+) records/sec")


def _from_clients(clients: Sequence[Any], send: Callable[[Any, int], None]) -> Callable[[int], None]:
    """A store of so many events, from as many clients as there are for them at once."""

    def store(events: int) -> None:
        used = clients[: min(events, len(clients))]
        share = events // len(used)
        if len(used) == 1:
            send(used[0], share)
            return
        threads = [threading.Thread(target=send, args=(client, share)) for client in used]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return store


@contextmanager
def umadb(directory: Path, event: bytes) -> Iterator[Peer]:
    """UmaDB's server, one event a request."""
    need("umadb")
    import umadb as uma

    program = Path(sys.executable).with_name("umadb")
    if not program.exists():
        raise Absent("its server is not beside this Python")
    port = free_port()
    command = [str(program), "--listen", f"127.0.0.1:{port}", "--db-path", str(directory / "uma.db")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        clients = [_umadb_client(uma, port) for _ in range(CLIENTS)]

        def send(client: Any, events: int) -> None:
            for _ in range(events):
                client.append([uma.Event("OrderSubmitted", event)])

        yield Peer(repeated(_from_clients(clients, send)), lambda: clients[0].head() or 0)
    finally:
        server.terminate()
        server.wait(10)


def _umadb_client(uma: Any, port: int) -> Any:
    deadline = time.monotonic() + UMADB_READY_S
    while True:
        try:
            client = uma.Client(f"http://127.0.0.1:{port}")
            client.head()
            return client
        except Exception as error:
            if time.monotonic() > deadline:
                raise Absent(f"its server does not answer: {error}") from error
            time.sleep(0.05)


@contextmanager
def postgres_single(_directory: Path, event: bytes) -> Iterator[Peer]:
    """Postgres: each INSERT a transaction of its own, from up to 16 connections."""
    with _postgres() as connect, ExitStack() as stack:
        connections = [stack.enter_context(connect()) for _ in range(CLIENTS)]

        def send(db: Any, events: int) -> None:
            for _ in range(events):
                db.execute("INSERT INTO event (body) VALUES (%s)", (event,), prepare=True)

        yield Peer(repeated(_from_clients(connections, send)), lambda: _rows(connections[0]))


@contextmanager
def postgres_packed(_directory: Path, event: bytes) -> Iterator[Peer]:
    """Postgres: a pipeline of INSERTs, which is one transaction, on one connection."""
    with _postgres() as connect, connect() as db:

        def store(events: int) -> None:
            with db.pipeline():
                for _ in range(events):
                    db.execute("INSERT INTO event (body) VALUES (%s)", (event,), prepare=True)

        yield Peer(repeated(store), lambda: _rows(db))


def _rows(db: Any) -> int:
    return db.execute("SELECT count(*) FROM event").fetchone()[0]


@contextmanager
def _postgres() -> Iterator[Callable[[], Any]]:
    """Connections to a server with one table, which syncs."""
    need("psycopg")
    import psycopg

    # Not below our own directory, which a server that runs as another user cannot enter.
    with tempfile.TemporaryDirectory(prefix="ledger-bench-pg-") as place:
        Path(place).chmod(0o755)
        server = PostgresServer(Path(place) / "postgres")
        _start(server)
        try:

            def connect() -> Any:
                return psycopg.connect(**_parameters(server), autocommit=True)

            with connect() as db:
                for setting in ("fsync = on", "synchronous_commit = on"):
                    db.execute(f"ALTER SYSTEM SET {setting}")  # the tests' server is set to forget
                db.execute("SELECT pg_reload_conf()")
                db.execute("CREATE TABLE event (seq bigserial PRIMARY KEY, body bytea NOT NULL)")
            with connect() as db:
                row = db.execute("SELECT current_setting('fsync')").fetchone()
                check(row == ("on",), f"Postgres does not sync: {row}")
            yield connect
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


@contextmanager
def kafka(directory: Path, event: bytes) -> Iterator[Peer]:
    """Kafka on one node: acks=all, a flush of its log before each acknowledgement, what is in flight as one batch.

    The producer is Kafka's own program for this purpose, whose count of a run is its figure: no client of Python's is
    among the pinned packages.
    """
    properties = {"log.flush.interval.messages": "1"}
    server = KafkaServer(directory / "kafka", properties=properties, java_options=JAVA)
    _start(server)
    topic = "events"

    def store(flight: int, times: int) -> tuple[int, float]:
        records = warm_up = max(flight * times, KAFKA_RECORDS_MIN)
        given = {
            "acks": "all",
            "bootstrap.servers": "{}:{}".format(*server.address),
            "enable.idempotence": "false",
            # One batch of so many is on its way at a time; the next one fills meanwhile.
            "max.in.flight.requests.per.connection": "1",
            "batch.size": str(0 if flight == 1 else flight * (len(event) + 10)),
            "linger.ms": "0" if flight == 1 else "5",
        }
        said = server.tool(
            "org.apache.kafka.tools.ProducerPerformance",
            "--topic", topic, "--record-size", str(len(event)), "--throughput", "-1",
            "--num-records", str(warm_up + records), "--warmup-records", str(warm_up),
            "--command-property", *(f"{name}={value}" for name, value in given.items()),
        )  # fmt: skip
        found = _RATE.findall(said)
        check(bool(found) and int(found[-1][0]) == records, f"Kafka's producer said {said[-300:]!r}")
        return warm_up + records, float(found[-1][1])

    def count() -> int:
        said = server.tool(
            "org.apache.kafka.tools.GetOffsetShell",
            "--bootstrap-server", "{}:{}".format(*server.address), "--topic", topic,
        )  # fmt: skip
        return int(said.strip().rpartition(":")[2])

    try:
        yield Peer(store, count)
    finally:
        server.kill()


def _start(server: Server) -> None:
    try:
        server.start()
    except (Missing, Unavailable) as why:
        raise Absent(str(why)) from why
