"""Where PostgreSQL is and how a connection to it is made: TLS, timeouts, keepalives, and the password as it is now."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, final

import msgspec
import psycopg

from ledger.config import Settings
from ledger.projections.errors import SinkDown

_CONNECT_S = 5
_USER_TIMEOUT_MS = 15_000
"""Unacknowledged data ends a connection after this."""


@final
class Target(msgspec.Struct, frozen=True):
    """A server, a role, and what a connection obeys. `password` is for tests; programs name a file."""

    host: str
    port: int
    database: str
    user: str
    password_file: str = ""
    password: str = ""
    sslmode: str = "verify-full"
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    statement_timeout_ms: int = 30_000
    lock_timeout_ms: int = 5000
    keepalives_idle_s: int = 60
    keepalives_interval_s: int = 10
    keepalives_count: int = 5

    @classmethod
    def of(cls, settings: Settings) -> Target:
        """As the configuration's section `postgresql` says."""
        connection, limits = settings.postgresql.connection, settings.postgresql.performance
        ssl = connection.ssl
        return cls(
            host=connection.host,
            port=connection.port,
            database=connection.database,
            user=connection.user,
            password_file=connection.password_file,
            sslmode=ssl.mode if ssl.enabled else "disable",
            ca_file=ssl.ca_file,
            cert_file=ssl.cert_file,
            key_file=ssl.key_file,
            statement_timeout_ms=limits.statement_timeout,
            lock_timeout_ms=limits.lock_timeout,
            keepalives_idle_s=limits.tcp_keepalives_idle,
            keepalives_interval_s=limits.tcp_keepalives_interval,
            keepalives_count=limits.tcp_keepalives_count,
        )

    def parameters(self, purpose: str) -> dict[str, Any]:
        """libpq's parameters, the password read anew, so that a rotated one is taken at the next connection.

        Raises SinkDown where the password file cannot be read.
        """
        found: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "sslmode": self.sslmode,
            "application_name": f"ledger {purpose} {socket.gethostname()[:30]}:{os.getpid()}"[:63],
            "connect_timeout": _CONNECT_S,
            "keepalives_idle": self.keepalives_idle_s,
            "keepalives_interval": self.keepalives_interval_s,
            "keepalives_count": self.keepalives_count,
            "tcp_user_timeout": _USER_TIMEOUT_MS,
            "options": (
                f"-c statement_timeout={self.statement_timeout_ms} -c lock_timeout={self.lock_timeout_ms}"
                f" -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
                f" -c tcp_keepalives_idle={self.keepalives_idle_s}"
                f" -c tcp_keepalives_interval={self.keepalives_interval_s}"
                f" -c tcp_keepalives_count={self.keepalives_count}"
            ),
        }
        for name, value in (
            ("sslrootcert", self.ca_file or ("system" if self._by_system() else "")),
            ("sslcert", self.cert_file),
            ("sslkey", self.key_file),
            ("password", self._password()),
        ):
            if value:
                found[name] = value
        return found

    def connect(self, purpose: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A new connection. Raises SinkDown, whose words never hold the password."""
        try:
            return psycopg.connect(**self.parameters(purpose), autocommit=True)
        except psycopg.Error as error:
            raise self.down(error) from None

    def down(self, error: Exception) -> SinkDown:
        """What the server or the network said, in one line."""
        said = " ".join(str(error).split()) or type(error).__name__
        return SinkDown(f"PostgreSQL at {self.host}:{self.port}: {said[:300]}")

    def _by_system(self) -> bool:
        """Whether the system's certificates vouch for the server; libpq knows them by name from version 16 on."""
        return self.sslmode == "verify-full" and psycopg.pq.version() >= 160000

    def _password(self) -> str:
        if not self.password_file:
            return self.password
        try:
            return Path(self.password_file).read_text().strip("\r\n")
        except OSError as error:
            raise SinkDown(
                f"the password file {self.password_file} cannot be read: {error.strerror}"
            ) from None
