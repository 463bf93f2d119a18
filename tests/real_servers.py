"""Real servers for tests: each is started once a session, by the first test that asks; a missing one is a named skip.

With LEDGER_REQUIRE_SERVERS=1 (`tools/test` sets it where they could be installed) a missing one fails instead.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import pytest
import redis

from ledger.testing.servers import EVERY_SERVER, SERVERS, Missing, Server

S = TypeVar("S", bound=Server)
READY_S = 20.0


@cache
def real_server(name: str) -> Server:
    """The running server of that name, in a directory of this test process that ends with it."""
    directory = Path(tempfile.mkdtemp(prefix=f"ledger-test-{name}-"))
    directory.chmod(0o755)
    server = EVERY_SERVER[name](directory / name)
    pid = os.getpid()

    def remove() -> None:
        if os.getpid() == pid:  # a forked child must not take it away
            server.remove()
            directory.rmdir()

    atexit.register(remove)
    try:
        server.start()
    except Missing as missing:
        lacking(missing)
    return server


@contextmanager
def started(server: S) -> Iterator[S]:
    """A server of the test's own; gone with the block."""
    try:
        server.start()
    except Missing as missing:
        lacking(missing)
    try:
        yield server
    finally:
        server.remove()


def must_have(name: str) -> None:
    """The test is skipped, or fails, where this server's program is absent."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            EVERY_SERVER[name](Path(folder)).command()
    except Missing as missing:
        lacking(missing)


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


@contextmanager
def fresh_servers() -> Iterator[dict[str, Server]]:
    """One of each, empty, in a directory of their own; gone with the block."""
    with tempfile.TemporaryDirectory("-ledger-servers") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)  # a server of another user must reach it
        found = {name: kind(Path(folder) / name) for name, kind in SERVERS.items()}
        for server in found.values():
            stack.callback(server.remove)
            try:
                server.start()
            except Missing as missing:
                lacking(missing)
        yield found


def overlay_of(servers: Mapping[str, Server], path: Path, **projections: Any) -> Path:
    """A configuration that projects into these servers, with more settings of `projections`."""
    whole: dict[str, Any] = {"doors": {"base_port": 0}, "projections": dict(projections)}
    for server in servers.values():
        settings = server.settings()
        whole["projections"] |= settings.pop("projections")
        whole |= settings
    path.write_bytes(msgspec.json.encode(whole))
    return path


def sets_of(server: Server) -> list[str]:
    """What points a ledger at it, as `--set` takes it."""

    def flat(name: str, value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for part, each in value.items():
                yield from flat(f"{name}.{part}" if name else part, each)
        else:
            yield f"{name}={str(value).lower() if isinstance(value, bool) else value}"

    return list(flat("", server.settings()))


def lacking(missing: Missing) -> NoReturn:
    """Skip the test by the server's name, or fail it where servers are required."""
    if os.environ.get("LEDGER_REQUIRE_SERVERS") == "1":
        raise missing
    pytest.skip(str(missing))
