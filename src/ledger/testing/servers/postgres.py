"""PostgreSQL: a cluster of its own with TLS, a password, and a role that comes with a client certificate."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final, final

from ledger.errors import Unavailable
from ledger.testing.servers.certificates import make_certificates
from ledger.testing.servers.process import Missing, Server, answers, find_program

USER: Final = "ledger"
DATABASE: Final = "ledger"
PASSWORD: Final = "ledger-test"  # of a server on loopback that lives as long as a test
CERTIFIED: Final = "certified"
"""A role that logs in with its certificate only."""
ORPHANS_S: Final = 5.0
"""How long the sessions of a killed postmaster may take to notice it; one that computes never does, and is killed."""
_PLACES: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
_HBA: Final = """
hostssl all {certified} 127.0.0.1/32 cert
host    all all         127.0.0.1/32 scram-sha-256
"""
_CONF: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
ssl_cert_file = '{certificates}/server.crt'
ssl_key_file = '{certificates}/server.key'
ssl_ca_file = '{certificates}/ca.crt'
max_connections = 60
shared_buffers = 64MB
max_wal_size = 512MB
synchronous_commit = off
fsync = off
log_min_messages = warning
"""


@final
class PostgresServer(Server):
    """One cluster with the database and role `ledger`."""

    name: ClassVar[str] = "postgres"
    packages: ClassVar[tuple[str, ...]] = ("postgresql-15",)

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.directory / "data"

    @property
    def certificates(self) -> Path:
        """ca.crt, client.crt and client.key (of the role `certified`), and the server's own."""
        return self.directory / "certificates"

    @property
    def password_file(self) -> Path:
        """Holds the password of the role `ledger`."""
        return self.directory / "password"

    def command(self) -> Sequence[str]:
        return [self._program("postgres"), "-D", str(self.data), "-p", str(self.port)]

    def user(self) -> str | None:
        """PostgreSQL refuses to run as root."""
        return None if os.geteuid() else "postgres"

    def stop_signal(self) -> signal.Signals:
        """Fast shutdown: sessions are ended, everything is written."""
        return signal.SIGINT

    def prepare(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        self.directory.chmod(0o755)
        make_certificates(self.certificates, CERTIFIED)
        self.password_file.write_text(f"{PASSWORD}\n")
        self._own(self.directory)
        initdb = [self._program("initdb"), "-D", str(self.data), "-U", USER, "-A", "scram-sha-256"]
        self._run([*initdb, "--pwfile", str(self.password_file), "-E", "UTF8", "--locale=C", "-N"])
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(_CONF.format(certificates=self.certificates))
        (self.data / "pg_hba.conf").write_text(_HBA.format(certified=CERTIFIED))
        script = f"create database {DATABASE};\ncreate role {CERTIFIED} login superuser;\n"
        single = [self._program("postgres"), "--single", "-D", str(self.data), "postgres"]
        self._run(single, script)
        self.password_file.chmod(0o644)

    def clear(self) -> None:
        """The children of a killed postmaster hold its shared memory, and until they are gone no other one starts."""
        patience = time.monotonic() + ORPHANS_S
        while orphans := self._processes():
            if time.monotonic() > patience:
                for pid in orphans:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def is_ready(self) -> bool:
        # A startup packet of an unknown protocol is answered with an error once it takes connections.
        return answers(self.address, b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S") and self._takes_logins()

    def settings(self) -> dict[str, Any]:
        return {
            "projections": {"postgres": {"enabled": True}},
            "postgresql": {
                "connection": {
                    "host": "127.0.0.1",
                    "port": self.port,
                    "database": DATABASE,
                    "user": USER,
                    "password_file": str(self.password_file),
                    "ssl": {
                        "enabled": True,
                        "mode": "verify-full",
                        "ca_file": str(self.certificates / "ca.crt"),
                    },
                }
            },
        }

    def _takes_logins(self) -> bool:
        import psycopg

        parameters = {"host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD}
        try:
            psycopg.connect(**parameters, dbname=DATABASE, connect_timeout=2).close()  # type: ignore[arg-type]
        except psycopg.OperationalError:
            return False
        return True

    def _program(self, name: str) -> str:
        # The alternatives of a distribution may put only some of the programs on the path.
        found = find_program("initdb", *_PLACES)
        path = Path(found).resolve().with_name(name) if found else None
        if path is None or not path.exists():
            raise Missing("PostgreSQL is not installed", f"apt-get install {' '.join(self.packages)}")
        return str(path)

    def _processes(self) -> list[int]:
        """The server processes of this cluster: each works in its directory."""
        found: list[int] = []
        data = str(self.data.resolve())
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # of a process that has ended, or another user's
                works_here = os.readlink(entry / "cwd") == data
                if works_here and (entry / "comm").read_text().strip() == "postgres":
                    found.append(int(entry.name))
        return found

    def _own(self, directory: Path) -> None:
        if not self.user():
            return
        owner = pwd.getpwnam("postgres")
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, owner.pw_uid, owner.pw_gid)

    def _run(self, command: Sequence[str], said: str = "") -> None:
        done = subprocess.run(
            command,
            input=said.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            cwd=self.directory,
            user=self.user(),
            group=self.user(),
            extra_groups=[] if self.user() else None,
        )
        if done.returncode:
            raise Unavailable(
                f"{Path(command[0]).name} failed: {done.stdout.decode(errors='replace')[-500:]}"
            )
