"""Kafka from its jars on Java: one node that is broker and controller (KRaft)."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, final

from ledger.errors import Unavailable
from ledger.testing.servers.process import Missing, Server, answers, fetched_by_maven, find_program, free_port

VERSION: Final = "4.3.1"
JARS: Final = "LEDGER_KAFKA_JARS"
"""Environment variable that names a directory of jars; otherwise Maven fetches them once into the user's cache."""
CLUSTER: Final = "bGVkZ2VyLXRlc3RzLWthZg"
_ARTIFACTS: Final = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"),  # without it the broker says nothing
)
QUICK_TO_START: Final = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A broker for tests: small, and compiled no further than pays within seconds."""
_ASKS_VERSIONS: Final = b"\0\0\0\x0a" + b"\0\x12\0\0" + b"\0\0\0\1" + b"\xff\xff"
"""ApiVersions, which a broker answers once it takes requests."""


@final
class KafkaServer(Server):
    """One broker without a password; `properties` are laid over its own before its first start."""

    name: ClassVar[str] = "kafka"
    packages: ClassVar[tuple[str, ...]] = ("openjdk-17-jre-headless", "maven")

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        properties: Mapping[str, str] | None = None,
        java_options: Sequence[str] = QUICK_TO_START,
    ) -> None:
        super().__init__(directory, port)
        self._java_options = java_options
        self.controller_port: int = self.more.setdefault("controller_port", free_port())
        self._properties = properties or {}

    def command(self) -> Sequence[str]:
        return [*self._java(), "kafka.Kafka", str(self._file)]

    def tool(self, main: str, *options: str) -> str:
        """What a program of its jars says, such as org.apache.kafka.tools.TopicCommand. Raises Missing, Unavailable."""
        done = subprocess.run(
            [*self._java(), main, *options],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise Unavailable(f"{main} ended with {done.returncode}: {' '.join(said)}")
        return done.stdout

    def prepare(self) -> None:
        if self._file.exists():
            return
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller_port}",
            "log.dirs": str(self.directory / "data"),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.cleaner.dedupe.buffer.size": str(4 << 20),  # of the heap; 128 MiB unless told
            # Or a killed node is refused for 9 s when it starts again.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "300",
            **self._properties,
        }
        lines = [f"{name}={value}\n" for name, value in properties.items()]
        self._file.write_text("".join(lines), encoding="utf-8")
        format_as = ("format", "--standalone", "-t", CLUSTER, "-c", str(self._file))
        self.tool("kafka.tools.StorageTool", *format_as)

    def is_ready(self) -> bool:
        return answers(self.address, _ASKS_VERSIONS, b"\0\0")

    def settings(self) -> dict[str, Any]:
        return {"message_queues": {"kafka": {"brokers": [f"127.0.0.1:{self.port}"]}}}

    @property
    def _file(self) -> Path:
        return self.directory / "server.properties"

    def _java(self) -> list[str]:
        java, jars = find_program("java"), find_jars()
        if java is None or jars is None:
            raise Missing(
                "Kafka needs Java 17 and its jars",
                f"apt-get install {' '.join(self.packages)}, or set {JARS}",
            )
        return [java, *self._java_options, "-cp", f"{jars}/*"]


def find_jars() -> Path | None:
    """The directory of the jars; None: they are not to be had."""
    name = f"kafka-{VERSION}"
    wanted = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={name}")
    return fetched_by_maven(JARS, name, ("-f", "pom.xml", *wanted), {"pom.xml": _pom()})


def _pom() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in _ARTIFACTS
    )
    head = "<modelVersion>4.0.0</modelVersion><groupId>ledger</groupId><artifactId>kafka</artifactId><version>1</version>"
    return f"<project>{head}<dependencies>{dependencies}</dependencies></project>"
