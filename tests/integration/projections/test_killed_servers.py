"""A server that is killed with SIGKILL while it works is started again at once, over what it left behind."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from ledger.testing.servers import PostgresServer
from ledger.testing.servers.postgres import DATABASE, PASSWORD, USER
from ledger.testing.servers.process import lives
from real_servers import started, wait_until

pytestmark = pytest.mark.slow
BUSY = "select count(*) from generate_series(1, 100000000000) g where g % 7 = 3"
"""Computes for hours, and looks for its postmaster at no time."""
STATE = "select 1 from pg_stat_activity where pid = %s and state = 'active'"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory("-ledger-killed") as folder:
        Path(folder).chmod(0o755)
        with started(PostgresServer(Path(folder) / "postgres")) as one:
            yield one


def connection(server: PostgresServer) -> psycopg.Connection:
    host, port = server.address
    return psycopg.connect(
        host=host, port=port, user=USER, password=PASSWORD, dbname=DATABASE, autocommit=True
    )


@contextmanager
def computing(server: PostgresServer) -> Iterator[int]:
    """The pid of a session that computes in the server while the block runs, and lost its connection at the end."""
    with closing(connection(server)) as busy:

        def compute() -> None:
            with suppress(psycopg.OperationalError):
                busy.execute(BUSY)

        pid = busy.info.backend_pid
        thread = threading.Thread(target=compute, daemon=True)
        thread.start()
        with connection(server) as other:
            wait_until(lambda: other.execute(STATE, (pid,)).fetchone(), "the query")
        yield pid
        thread.join(10)
        assert not thread.is_alive()


def test_postgres_starts_while_a_session_of_the_killed_one_still_computes(server: PostgresServer) -> None:
    with connection(server) as one:
        one.execute("create table kept (value bigint)")
        one.execute("insert into kept values (42)")
        one.execute("checkpoint")
    with computing(server) as orphan:
        server.kill()
        assert lives(orphan), "nothing keeps the next one from its start"
        server.start()
        assert not lives(orphan)
        with connection(server) as again:
            assert again.execute("select value from kept").fetchall() == [(42,)]


def test_nothing_of_a_killed_postgres_outlives_its_directory(server: PostgresServer) -> None:
    with computing(server) as orphan:
        server.kill()
        server.remove()
        assert not lives(orphan)
