"""PostgreSQL passes the contract of projections, against a real server."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest

from ledger.projections.postgres import PostgresSink, Target
from ledger.testing.projection_contract import ServerContract
from ledger.testing.servers.postgres import DATABASE, PASSWORD, USER, PostgresServer
from real_servers import real_server

pytestmark = pytest.mark.slow


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
