"""The contract of every projection, on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ledger.config import load
from ledger.projections import Projection
from ledger.projections.redis import make
from ledger.testing.server_contract import ServerContract
from ledger.testing.servers import RedisServer
from real_servers import started

Place = tuple[str, tuple[Any, ...]]
PASSWORD = "the right one"
_process: list[RedisServer] = []


class RedisStore:
    """One server, emptied; a stop loses everything, as the seed configures it: the projection fills it again."""

    def __init__(self, directory: Path, process: RedisServer) -> None:
        self._directory = directory
        self._process = process
        self.address = process.address

    def sink(self) -> Projection:
        return self.sink_at(self.address)

    def sink_at(self, address: tuple[str, int], *, password: str | None = None) -> Projection:
        secret = self._directory / "password"
        secret.write_text(PASSWORD if password is None else password)
        place = "redis.connection.standalone"
        sets = [f"{place}.host={address[0]}", f"{place}.port={address[1]}", f"{place}.password_file={secret}"]
        return make(load(None, sets).settings, 0)

    def contents(self) -> Mapping[Place, tuple[Any, ...]]:
        found: dict[Place, tuple[Any, ...]] = {}
        client = self._process.client()
        for key in client.scan_iter("*"):
            table = key.split(":")[0]
            if table == "position":
                found[("position", (key,))] = _hash(client.hgetall(key), "position")
            elif table == "orderbook" and key.endswith(":meta"):
                found[("book", (key,))] = _hash(client.hgetall(key), "book")
            elif table == "orderbook":
                members = client.zrange(key, 0, -1, desc=key.endswith(":bid"))
                found[("levels", (key,))] = (" ".join(members),)
        return found

    def stop_server(self) -> None:
        self._process.kill()

    def start_server(self) -> None:
        self._process.start()

    def fill_space(self) -> None:
        self._process.client().config_set("maxmemory", 1)

    def free_space(self) -> None:
        self._process.client().config_set("maxmemory", 0)


def _hash(fields: dict[str, str], table: str) -> tuple[str, ...]:
    from ledger.projections.redis.rows import COLUMNS

    assert set(fields) == {*COLUMNS[table], "version"}
    return tuple(fields[name] for name in COLUMNS[table])


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with started(RedisServer(tmp_path_factory.mktemp("redis") / "server", password=PASSWORD)) as process:
        _process.append(process)
        yield
        _process.clear()


@pytest.mark.slow
class TestRedis(ServerContract):
    def store(self, directory: Path) -> RedisStore:
        _process[0].client().flushall()
        return RedisStore(directory, _process[0])
