"""A real QuestDB on free ports, from its jar; for tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.testing.servers import Missing
from ledger.testing.servers.questdb import find_jar
from real_servers import lacking

READY_S = 180.0


def questdb_command() -> list[str]:
    """Java and the module path of the jar; the test is skipped, or fails, where they are not to be had."""
    java, jar = shutil.which("java"), find_jar()
    if java is None or jar is None:
        lacking(Missing("QuestDB needs Java 17 and its jar", "tools/servers up questdb"))
    return [java, "-p", jar]


class QuestdbProcess:
    """One server in a directory of its own; keeps its ports over restarts."""

    def __init__(self, folder: Path, user: str = "", password: str = "") -> None:
        self.folder = folder
        self.set_secrets(user, password)
        self.ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("tmp", "home"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def set_secrets(self, user: str, password: str) -> None:
        """From the next start on; without a user none is asked for."""
        self._secrets = {"QDB_HTTP_USER": user, "QDB_HTTP_PASSWORD": password} if user else {}
        if user:
            self._secrets |= {"QDB_PG_USER": user, "QDB_PG_PASSWORD": password}

    def sets(self) -> list[str]:
        """Its place, as settings."""
        ports = self.ports
        return [
            "questdb.server.host=127.0.0.1",
            f"questdb.server.http_port={ports['http-server']}",
            f"questdb.server.pg_port={ports['pg-server']}",
            f"questdb.ingestion.ilp.port={ports['tcp-line-server']}",
            f"questdb.server.ilp_port={ports['tcp-line-server']}",
        ]

    def start(self) -> None:
        """Start it and wait until it answers."""
        (java, *path), home = questdb_command(), self.folder / "home"
        doors = {
            "QDB_HTTP_BIND_TO": "http-server",
            "QDB_PG_NET_BIND_TO": "pg-server",
            "QDB_LINE_TCP_NET_BIND_TO": "tcp-line-server",
            "QDB_HTTP_MIN_NET_BIND_TO": "http-min-server",
        }
        environment = {
            **os.environ,
            **self._secrets,
            **{name: f"127.0.0.1:{self.ports.get(door, 0)}" for name, door in doors.items()},
            "QDB_TELEMETRY_ENABLED": "false",
            "QDB_DEV_MODE_ENABLED": "true",  # allows SUSPEND WAL
            "QDB_SHARED_WORKER_COUNT": "2",
            "QDB_LINE_AUTO_CREATE_NEW_TABLES": "false",
            "QDB_LINE_AUTO_CREATE_NEW_COLUMNS": "false",
        }
        log = self.folder / "log"
        command = [java, "-XX:+UseSerialGC", "-Xmx256m", f"-Djava.io.tmpdir={self.folder / 'tmp'}", *path]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "-m", "io.questdb/io.questdb.ServerMain", "-d", str(home)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
            )  # fmt: skip
        deadline = time.monotonic() + READY_S
        while not self._listens(log, set(doors.values())):
            assert self._process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "QuestDB was not ready in time"
            time.sleep(0.05)

    def _listens(self, log: Path, doors: set[str]) -> bool:
        text = log.read_text(errors="replace")
        for door in doors:
            if found := re.search(rf"{door} listening on 127\.0\.0\.1:(\d+)", text):
                self.ports[door] = int(found[1])
        return doors <= self.ports.keys() and all(f"{door} listening on" in text for door in doors)

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and not killed."""
        return self._process is not None

    def kill(self) -> None:
        """kill -9; what it acknowledged is on its disk."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
