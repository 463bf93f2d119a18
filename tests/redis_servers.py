"""Real Redis processes on free ports: one, a master with replica and sentinels, a cluster; for tests."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from ledger.testing.servers import Missing
from real_servers import lacking

READY_S = 20.0


def require_redis() -> str:
    """The server's program; the test is skipped, or fails, where it is absent."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        lacking(Missing("Redis is not installed", "tools/servers up redis"))
    return program


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, low enough that port + 10000 exists for a cluster's bus."""
    found: list[int] = []
    held = [socket.socket() for _ in range(count * 4)]
    for each in held:
        each.bind(("127.0.0.1", 0))
        port = each.getsockname()[1]
        found.append(port if port < 55_000 else port - 30_000)
    for each in held:
        each.close()
    return found[:count]


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = READY_S) -> None:
    """Poll a condition that may raise what a server raises while it is not ready."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if condition():
                return
        except (redis.RedisError, OSError):
            pass
        assert time.monotonic() < deadline, f"{what} took more than {timeout_s} s"
        time.sleep(0.02)


class RedisProcess:
    """One server process in a directory of its own; without persistence, as the seed wants it."""

    def __init__(self, folder: Path, port: int, *options: str, sentinel: bool = False) -> None:
        self.folder, self.port = folder, port
        folder.mkdir(parents=True, exist_ok=True)
        self._command = [require_redis()]
        if sentinel:
            conf = folder / "sentinel.conf"
            conf.write_text("\n".join((f"port {port}", f"dir {folder}", "bind 127.0.0.1", *options)) + "\n")
            self._command += [str(conf), "--sentinel"]
        else:
            self._command += ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
            self._command += ["--appendonly", "no", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def client(self, **options: Any) -> redis.Redis:
        """A plain connection to it."""
        return redis.Redis(host="127.0.0.1", port=self.port, decode_responses=True, **options)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            # Signals as Python has them: a file that may not grow is then an error of the write, not the server's end.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, restore_signals=False
            )
        wait_until(self._answers, f"redis on {self.port}")

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.AuthenticationError:
            return True

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
        """kill -9; everything in it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """Stop answering, as a machine that swaps."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
