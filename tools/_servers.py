"""`tools/servers`: start, show and stop the servers, and write the overlay that points a ledger at them."""

from __future__ import annotations

import os
import sys
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec

from _environment import ROOT
from ledger.config.schema import leaves
from ledger.errors import Unavailable
from ledger.testing.servers import EVERY_SERVER, SERVERS, Missing, Server
from ledger.testing.servers.process import install

_NAME: Final = f"ledger-servers-{os.getuid()}-{blake2b(str(ROOT).encode(), digest_size=4).hexdigest()}"
HOME: Final = Path(os.environ.get("LEDGER_SERVERS", Path(tempfile.gettempdir()) / _NAME))
"""One directory a checkout; a server that does not run as us must be able to reach it."""
OVERLAY: Final = HOME / "local.yaml" if "LEDGER_SERVERS" in os.environ else ROOT / "config" / "local.yaml"
"""Beside the servers, where these have a directory of their own."""


def main(arguments: list[str]) -> int:
    """One command; the exit code: 0 all well, 1 a server is missing or did not start, 2 usage."""
    command, *names = arguments or ["status"]
    unknown = [name for name in names if name not in EVERY_SERVER]
    commands = {"up": _up, "status": _status, "down": _down, "clean": _clean}
    if command not in commands or unknown:
        print(f"usage: tools/servers up|status|down|clean [{' '.join(EVERY_SERVER)}]", file=sys.stderr)
        return 2
    chosen = names or (SERVERS if command == "up" else EVERY_SERVER)
    return commands[command]([EVERY_SERVER[name](HOME / name) for name in chosen])


def _up(servers: list[Server]) -> int:
    HOME.mkdir(parents=True, exist_ok=True)
    HOME.chmod(0o755)
    failed = 0
    for server in servers:
        try:
            _start(server)
        except Unavailable as error:
            print(f"{server.name:<10} {error}", file=sys.stderr)
            failed = 1
    _write_overlay()
    _status(servers)
    if OVERLAY.exists():
        print(f"now: tools/ledger serve --config {os.path.relpath(OVERLAY)}")
    else:
        print("no projection writes to what runs here, so there is nothing to serve with")
    return failed


def _start(server: Server) -> None:
    try:
        server.start()
    except Missing as missing:
        print(f"{server.name}: {missing.what}; installing {' '.join(server.packages)} ...", file=sys.stderr)
        if not install(server.packages):
            raise
        server.start()


def install_missing() -> None:
    """Install the packages of the servers that are not on this machine, where that is possible."""
    for name, kind in SERVERS.items():
        try:
            with tempfile.TemporaryDirectory() as directory:
                kind(Path(directory)).command()
        except Missing as missing:
            done = "installed" if install(kind.packages) else "not installed"
            print(f"{name}: {missing.what}: {done}", file=sys.stderr)


def _status(servers: list[Server]) -> int:
    for server in servers:
        where = "{}:{}".format(*server.address) if server.running else "-"
        print(
            f"{server.name:<10} {'running' if server.running else 'stopped':<8} {where:<22} {server.directory}"
        )
    return 0


def _down(servers: list[Server]) -> int:
    for server in servers:
        server.stop()
    _write_overlay()
    return _status(servers)


def _clean(servers: list[Server]) -> int:
    for server in servers:
        server.remove()
    _write_overlay()
    return 0


def _write_overlay() -> None:
    """config/local.yaml of the servers that run; none: no file. JSON is YAML. Switches that do nothing yet stay off."""
    running = [server for server in (kind(HOME / name) for name, kind in SERVERS.items()) if server.running]
    if not running:
        OVERLAY.unlink(missing_ok=True)
        return
    whole: dict[str, Any] = {}
    for server in running:
        settings = server.settings()
        if True in leaves()[f"projections.{server.name}.enabled"].note.not_yet:
            settings["projections"] = {}
        merge(whole, settings)
    text = "# Written by tools/servers; not kept in git.\n"
    OVERLAY.write_text(text + msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n")


def merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    """Lay one overlay over another, in place."""
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value
