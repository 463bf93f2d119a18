"""PostgreSQL passes the contract of projections, against a real server."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest

from ledger.projections.postgres import PostgresSink, Target
from ledger.testing.server_contract import ServerContract
from ledger.testing.servers.postgres import DATABASE, PASSWORD, USER, PostgresServer
from real_servers import real_server

pytestmark = pytest.mark.slow
WAL_SEGMENT = 16 << 20
"""A limit of files below it would end the server at its next log record, as a full disk of the log does."""


class PostgresStore:
    """A schema of its own on the server that all tests share."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.schema = f"t{uuid.uuid4().hex[:12]}"
        self.address = server.address

    def target(self, address: tuple[str, int] | None = None, password: str | None = None) -> Target:
        host, port = address or self.address
        return Target(
            host, port, DATABASE, USER, password=password or PASSWORD, sslmode="verify-full",
            ca_file=str(self._server.certificates / "ca.crt"),
        )  # fmt: skip

    def sink(self) -> PostgresSink:
        return PostgresSink(self.target(), schema=self.schema)

    def sink_at(self, address: tuple[str, int], *, password: str | None = None) -> PostgresSink:
        return PostgresSink(self.target(address, password), schema=self.schema)

    def contents(self):
        sink = self.sink()
        try:
            if sink.offset("trading") is None:
                return {}
            with sink.look("trading") as view:
                return {(row.table, row.key): row.values for row in view.rows()}
        finally:
            sink.close()

    def stop_server(self) -> None:
        self._server.stop()

    def start_server(self) -> None:
        self._server.start()

    def fill_space(self) -> None:
        """Keys fill a file of WAL_SEGMENT bytes, and none may be larger: the next one needs a page more."""
        with psycopg.connect(**self.target().parameters("test")) as connection:
            connection.execute(f"set search_path to {self.schema}")
            connection.execute("alter table order_keys set (autovacuum_enabled = off)")
            connection.commit()
            connection.execute("alter table order_keys drop constraint order_keys_pkey")
            connection.execute(
                "insert into order_keys (symbol, client_order_id, order_id, created_at, version)"
                " select repeat('x', 32), repeat('x', 50), 1, now(), 1 from generate_series(1, 130000)"
            )
            (size,) = connection.execute("select pg_relation_size('order_keys')").fetchone()
            assert size > WAL_SEGMENT
            connection.rollback()  # the rows are gone, the file stays as large
        self._server.limit_files(WAL_SEGMENT)

    def free_space(self) -> None:
        self._server.limit_files(None)

    def sql(self, text: str, *values):
        """Rows of a statement, in this store's schema, past the projection."""
        with psycopg.connect(**self.target().parameters("test"), autocommit=True) as connection:
            connection.execute(f"set search_path to {self.schema}")
            cursor = connection.execute(text, values)
            return cursor.fetchall() if cursor.description else cursor.rowcount


class TestPostgres(ServerContract):
    def store(self, directory: Path) -> PostgresStore:
        server = real_server("postgres")
        assert isinstance(server, PostgresServer)
        return PostgresStore(server)
