"""QuestDB from its jar on Java: HTTP for lines and SQL, TCP for lines, the PostgreSQL wire for reading."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, final

from ledger.testing.servers.process import Missing, Server, find_program, free_port

VERSION: Final = "9.3.4"
JAR: Final = "LEDGER_QUESTDB_JAR"
"""Environment variable that names the jar; otherwise Maven fetches it once into the user's cache."""


@final
class QuestdbServer(Server):
    """One server; `port` is that of HTTP."""

    name: ClassVar[str] = "questdb"
    packages: ClassVar[tuple[str, ...]] = ("openjdk-17-jre-headless", "maven")

    def __init__(self, directory: Path, port: int = 0) -> None:
        super().__init__(directory, port)
        self.pg_port: int = self.more.setdefault("pg_port", free_port())
        self.line_port: int = self.more.setdefault("line_port", free_port())
        self.health_port: int = self.more.setdefault("health_port", free_port())

    def command(self) -> Sequence[str]:
        java, jar = find_program("java"), find_jar()
        if java is None or jar is None:
            raise Missing(
                "QuestDB needs Java 17 and its jar",
                f"apt-get install {' '.join(self.packages)}, or set {JAR}",
            )
        temporary = self.directory / "tmp"
        temporary.mkdir(exist_ok=True)
        return [
            java, "-XX:+UseSerialGC", "-Xmx256m", f"-Djava.io.tmpdir={temporary}", "-p", jar,
            "-m", "io.questdb/io.questdb.ServerMain", "-d", str(self.directory / "data"),
        ]  # fmt: skip

    def environment(self) -> Mapping[str, str]:
        return {
            "QDB_HTTP_BIND_TO": f"127.0.0.1:{self.port}",
            "QDB_PG_NET_BIND_TO": f"127.0.0.1:{self.pg_port}",
            "QDB_LINE_TCP_NET_BIND_TO": f"127.0.0.1:{self.line_port}",
            "QDB_HTTP_MIN_NET_BIND_TO": f"127.0.0.1:{self.health_port}",
            "QDB_TELEMETRY_ENABLED": "false",
            "QDB_SHARED_WORKER_COUNT": "2",
            "QDB_LINE_AUTO_CREATE_NEW_TABLES": "false",
            "QDB_LINE_AUTO_CREATE_NEW_COLUMNS": "false",
        }

    def prepare(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)

    def is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/exec?query=select%201"
        try:
            with urllib.request.urlopen(url, timeout=1.0) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def settings(self) -> dict[str, Any]:
        server = {
            "host": "127.0.0.1",
            "http_port": self.port,
            "pg_port": self.pg_port,
            "ilp_port": self.line_port,
        }
        return {"projections": {"questdb": {"enabled": True}}, "questdb": {"server": server}}


def find_jar() -> str | None:
    """The jar: as named, as fetched before, or fetched now; None: it is not to be had."""
    named = os.environ.get(JAR)
    if named:
        return named if Path(named).exists() else None
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ledger"
    jar = cache / f"questdb-{VERSION}.jar"
    if jar.exists():
        return str(jar)
    maven = shutil.which("mvn")
    if maven is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    fetched = cache / f"fetch-{os.getpid()}-{time.monotonic_ns()}"
    command = [maven, "-q", "-B", "dependency:copy", f"-Dartifact=org.questdb:questdb:{VERSION}",
               f"-DoutputDirectory={fetched}"]  # fmt: skip
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, cwd=cache
    )
    found = [path for path in fetched.glob("*.jar") if re.search(r"questdb", path.name)]
    if done.returncode == 0 and found:
        found[0].replace(jar)
    shutil.rmtree(fetched, ignore_errors=True)
    return str(jar) if jar.exists() else None
