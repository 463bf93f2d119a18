"""The contract of every projection, on a real QuestDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.config import load
from ledger.projections import Projection
from ledger.projections.questdb import make
from ledger.projections.questdb.tables import COLUMNS, names_of
from ledger.testing.server_contract import ServerContract
from ledger.testing.servers import QuestdbServer
from real_servers import sets_of, started

Place = tuple[str, tuple[Any, ...]]
USER, PASSWORD = "desk", "the right one"
_process: list[QuestdbServer] = []


class QuestdbStore:
    """One server with its tables dropped; HTTP can be sent elsewhere, as it carries rows and statements."""

    def __init__(self, directory: Path, process: QuestdbServer) -> None:
        self._directory = directory
        self._process = process
        self.address = process.address

    def sink(self) -> Projection:
        return self.sink_at(self.address)

    def sink_at(self, address: tuple[str, int], *, password: str | None = None) -> Projection:
        secret = self._directory / "password"
        secret.write_text(PASSWORD if password is None else password)
        sets = [
            *sets_of(self._process),
            f"questdb.server.http_port={address[1]}",
            f"questdb.server.user={USER}",
        ]
        return make(load(None, [*sets, f"questdb.server.password_file={secret}"]).settings, 0)

    def contents(self) -> Mapping[Place, tuple[Any, ...]]:
        found: dict[Place, tuple[Any, ...]] = {}
        with psycopg.connect(**self.reading()) as connection:
            there = {name for (name,) in connection.execute("select table_name from tables()")}
            for table, columns in COLUMNS.items():
                if table not in there:
                    continue
                rows = connection.execute(
                    f"select seq, {', '.join(names_of(table))} from {table}", binary=True
                )  # type: ignore[arg-type]
                for row in rows.fetchall():
                    values = zip(row[1:], columns, strict=True)
                    assert (table, (row[0],)) not in found, "a row stands there twice"
                    found[table, (row[0],)] = tuple(
                        "" if value is None and kind.startswith(("SYMBOL", "VARCHAR")) else value
                        for value, (_, kind) in values
                    )
        return found

    def reading(self) -> dict[str, Any]:
        port = self._process.pg_port
        return {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, "dbname": "qdb",
                "autocommit": True, "prepare_threshold": None}  # fmt: skip

    def drop_all(self) -> None:
        with psycopg.connect(**self.reading()) as connection:
            for table in (*COLUMNS, "ledger_offset"):
                connection.execute(f"DROP TABLE IF EXISTS {table}")  # type: ignore[arg-type]

    def stop_server(self) -> None:
        self._process.kill()

    def start_server(self) -> None:
        self._process.start()

    def fill_space(self) -> None:
        self._process.limit_files(4096)

    def free_space(self) -> None:
        self._process.limit_files(None)


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    directory = tmp_path_factory.mktemp("questdb") / "server"
    with started(QuestdbServer(directory, user=USER, password=PASSWORD)) as process:
        _process.append(process)
        yield
        _process.clear()


@pytest.mark.slow
class TestQuestdb(ServerContract):
    def store(self, directory: Path) -> QuestdbStore:
        store = QuestdbStore(directory, _process[0])
        store.drop_all()
        return store
