"""QuestDB from its jar on Java: HTTP for lines and SQL, TCP for lines, the PostgreSQL wire for reading."""

from __future__ import annotations

import base64
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, final

import msgspec

from ledger.testing.servers.process import Missing, Server, fetched_by_maven, find_program, free_port

VERSION: Final = "9.3.4"
JAR: Final = "LEDGER_QUESTDB_JAR"
"""Environment variable that names the jar; otherwise Maven fetches it once into the user's cache."""


@final
class QuestdbServer(Server):
    """One server; `port` is that of HTTP. Without a user it asks for none."""

    name: ClassVar[str] = "questdb"
    packages: ClassVar[tuple[str, ...]] = ("openjdk-17-jre-headless", "maven")

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        user: str = "",
        password: str = "",
        is_developing: bool = False,
    ) -> None:
        """`user` and `password` may be set anew and hold from the next start on. `is_developing`: SUSPEND WAL is allowed."""
        super().__init__(directory, port)
        self.user_name, self.password = user, password
        self._is_developing = is_developing
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
            java, "-XX:+UseSerialGC", "-Xmx256m", f"-Djava.io.tmpdir={temporary}", "-p", str(jar),
            "-m", "io.questdb/io.questdb.ServerMain", "-d", str(self.directory / "data"),
        ]  # fmt: skip

    def environment(self) -> Mapping[str, str]:
        secrets: dict[str, str] = {}
        if self.user_name:
            for door in ("HTTP", "PG"):
                secrets |= {f"QDB_{door}_USER": self.user_name, f"QDB_{door}_PASSWORD": self.password}
        return {
            **secrets,
            "QDB_DEV_MODE_ENABLED": str(self._is_developing).lower(),
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
        try:
            return bool(self.ask("select 1"))
        except OSError:
            return False

    def ask(self, statement: str) -> list[list[Any]]:
        """The rows of a statement, by HTTP. Raises OSError."""
        url = f"http://127.0.0.1:{self.port}/exec?{urllib.parse.urlencode({'query': statement})}"
        token = base64.b64encode(f"{self.user_name}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"} if self.user_name else {}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10.0) as answer:
            return msgspec.json.decode(answer.read()).get("dataset", [])

    def settings(self) -> dict[str, Any]:
        server = {
            "host": "127.0.0.1",
            "http_port": self.port,
            "pg_port": self.pg_port,
            "ilp_port": self.line_port,
        }
        lines = {"ilp": {"port": self.line_port}}
        questdb = {"server": server, "ingestion": lines}
        return {"projections": {"questdb": {"enabled": True}}, "questdb": questdb}


def find_jar() -> Path | None:
    """The jar; None: it is not to be had."""
    name = f"questdb-{VERSION}.jar"
    wanted = (f"-Dartifact=org.questdb:questdb:{VERSION}", "-DoutputDirectory=.")
    return fetched_by_maven(JAR, name, ("dependency:copy", *wanted), {})
