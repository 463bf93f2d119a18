"""Redis: one standalone server with a password and nothing on disk."""

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

    @property
    def password_file(self) -> Path:
        """Holds the password."""
        return self.directory / "password"

    def command(self) -> Sequence[str]:
        program = find_program("redis-server") or find_program("valkey-server")
        if program is None:
            raise Missing("Redis is not installed", f"apt-get install {' '.join(self.packages)}")
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "requirepass": PASSWORD,
        }
        return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]

    def prepare(self) -> None:
        self.password_file.write_text(f"{PASSWORD}\n")

    def is_ready(self) -> bool:
        said = f"AUTH {PASSWORD}\r\nPING\r\n".encode()
        return answers(self.address, said, b"+OK")

    def settings(self) -> dict[str, Any]:
        standalone = {"host": "127.0.0.1", "port": self.port, "password_file": str(self.password_file)}
        return {
            "projections": {"redis": {"enabled": True}},
            "redis": {"connection": {"mode": "standalone", "standalone": standalone}},
        }
