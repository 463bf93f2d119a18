"""Redis: one standalone server with nothing on disk, by default with a password; a sentinel that watches one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, final

from ledger.testing.servers.process import Missing, Server, answers, find_program

PASSWORD: Final = "ledger-test"  # of a server on loopback that lives as long as a test


@final
class RedisServer(Server):
    """One server; after a stop it is empty."""

    name: ClassVar[str] = "redis"
    packages: ClassVar[tuple[str, ...]] = ("redis-server",)
    restores_signals: ClassVar[bool] = False

    def __init__(
        self, directory: Path, port: int = 0, *, password: str = PASSWORD, options: Sequence[str] = ()
    ) -> None:
        """`password` "": none is asked for. `options`: further words of its command line."""
        super().__init__(directory, port)
        self._password = password
        self._options = options

    @property
    def password_file(self) -> Path:
        """Holds the password."""
        return self.directory / "password"

    def command(self) -> Sequence[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            **({"requirepass": self._password} if self._password else {}),
        }
        words = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [_program(self.packages), *words, *self._options]

    def prepare(self) -> None:
        self.password_file.write_text(f"{self._password}\n")

    def is_ready(self) -> bool:
        if not self._password:
            return answers(self.address, b"PING\r\n", b"+PONG")
        return answers(self.address, f'AUTH "{self._password}"\r\nPING\r\n'.encode(), b"+OK")

    def client(self) -> Any:
        """A connection to it that answers in text."""
        import redis

        password = self._password or None
        return redis.Redis(host="127.0.0.1", port=self.port, password=password, decode_responses=True)

    def settings(self) -> dict[str, Any]:
        password = {"password_file": str(self.password_file)} if self._password else {}
        standalone = {"host": "127.0.0.1", "port": self.port, **password}
        return {
            "projections": {"redis": {"enabled": True}},
            "redis": {"connection": {"mode": "standalone", "standalone": standalone}},
        }


@final
class SentinelServer(Server):
    """Watches a master without a password; quick to call it dead."""

    name: ClassVar[str] = "sentinel"
    packages: ClassVar[tuple[str, ...]] = RedisServer.packages

    def __init__(self, directory: Path, master_port: int, quorum: int) -> None:
        super().__init__(directory)
        self._master_port = master_port
        self._quorum = quorum

    def command(self) -> Sequence[str]:
        return [_program(self.packages), str(self.directory / "sentinel.conf"), "--sentinel"]

    def prepare(self) -> None:
        lines = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.directory}",
            f"sentinel monitor mymaster 127.0.0.1 {self._master_port} {self._quorum}",
            "sentinel down-after-milliseconds mymaster 1000",
            "sentinel failover-timeout mymaster 4000",
        )
        (self.directory / "sentinel.conf").write_text("".join(f"{line}\n" for line in lines))

    def is_ready(self) -> bool:
        return answers(self.address, b"PING\r\n", b"+PONG")

    def settings(self) -> dict[str, Any]:
        """With all of its fellows: see `redis_topologies`."""
        return {}


def _program(packages: Sequence[str]) -> str:
    program = find_program("redis-server") or find_program("valkey-server")
    if program is None:
        raise Missing("Redis is not installed", f"apt-get install {' '.join(packages)}")
    return program
