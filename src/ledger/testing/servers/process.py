"""A server as a process: found, started, waited for, stopped, killed; its state in one file, so that others find it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import msgspec

from ledger.errors import Unavailable

START_S: Final = 180.0
STOP_S: Final = 15.0
FETCH_S: Final = 240.0
FETCHES: Final = 2


class Missing(Unavailable):
    """The server's program is not on this machine; the hint names the package."""


class Server:
    """One server in `directory`. Make it with the same directory again to find it as it runs."""

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    """Debian packages that bring it."""
    restores_signals: ClassVar[bool] = True
    """Whether the signals that Python ignores act on it as usual: a file that may not grow then ends it (SIGXFSZ)."""

    def __init__(self, directory: Path, port: int = 0) -> None:
        """`port` 0: the one it had in this directory, else a free one."""
        self.directory = directory
        state = _read(directory / "server.json")
        self.port: int = port or int(state.get("port", 0)) or free_port()
        self.pid: int = int(state.get("pid", 0))
        self.more: dict[str, Any] = dict(state.get("more", {}))
        """What else must be known to find it again."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.remove()

    # ---- of each server ------------------------------------------------------------------------------------

    def command(self) -> Sequence[str]:
        """What to run. Raises Missing."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make its data directory, if it has none."""

    def is_ready(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """The overlay that points the ledger at it, as nested mappings."""
        raise NotImplementedError

    def user(self) -> str | None:
        """The user to run as; None: the present one."""
        return None

    def environment(self) -> Mapping[str, str]:
        """What its environment has beside ours."""
        return {}

    def clear(self) -> None:
        """End what a killed one may have left running in its directory, before another start or the directory's end."""

    # ---- of all --------------------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    @property
    def log(self) -> Path:
        """What it says."""
        return self.directory / "server.log"

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.pid != 0 and lives(self.pid)

    def start(self) -> Self:
        """Start it and wait until it answers. Raises Missing, Unavailable with the end of its log."""
        if self.running:
            return self
        self.directory.mkdir(parents=True, exist_ok=True)
        command = self.command()
        self.clear()
        self.prepare()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.user(),
                group=self.user(),
                extra_groups=[] if self.user() else None,
                env={**os.environ, **self.environment()},
                restore_signals=self.restores_signals,
            )
        self.pid = process.pid
        self.save()
        end = time.monotonic() + START_S
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > end:
                said = self.log.read_text(errors="replace").strip().splitlines()[-5:]
                self.kill()
                process.returncode = 0
                raise Unavailable(f"{self.name} did not start: {' | '.join(said)}")
            time.sleep(0.05)
        # From here on it is known by its pid alone, to whoever looks; Popen would warn that it outlives this object.
        process.returncode = 0
        self.save()
        return self

    def stop(self) -> None:
        """As an operator does; after STOP_S it is killed."""
        self._end(self.stop_signal())

    def kill(self) -> None:
        """kill -9, at once."""
        self._end(signal.SIGKILL)

    def stop_signal(self) -> signal.Signals:
        """What stops it cleanly and at once."""
        return signal.SIGTERM

    def freeze(self) -> None:
        """Stop it in its tracks (SIGSTOP): connections live and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def limit_files(self, size: int | None) -> None:
        """No file of it, or of its children, may grow beyond so many bytes; None: as large as they like. What a full
        disk does, without the right to mount one."""
        limit_files(self.pid, size)

    def remove(self) -> None:
        """Kill it and remove its directory."""
        if self.running:
            self.kill()
        self.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def save(self) -> None:
        """So that the same directory finds it again."""
        state = {"name": self.name, "pid": self.pid, "port": self.port, "more": self.more}
        (self.directory / "server.json").write_bytes(msgspec.json.encode(state))

    def _end(self, by: signal.Signals) -> None:
        if not self.running:
            return
        with suppress(ProcessLookupError):
            os.kill(self.pid, by)
        end = time.monotonic() + STOP_S
        while self.running:
            if time.monotonic() > end:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                end += STOP_S
            time.sleep(0.02)
        self.pid = 0
        self.save()


def limit_files(pid: int, size: int | None) -> None:
    """Of a process and its children, those to come included: writes beyond `size` bytes of a file fail (EFBIG)."""
    tree = {pid}
    while more := {child for child, parent in _parents() if parent in tree} - tree:
        tree |= more
    most = "unlimited" if size is None else str(size)
    for each in tree:
        with suppress(FileNotFoundError):  # of a process that has ended
            owner = Path(f"/proc/{each}").stat()
            other = (
                {}
                if owner.st_uid == os.geteuid()
                else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": ()}
            )
            subprocess.run(["prlimit", f"--pid={each}", f"--fsize={most}:unlimited"], check=False, **other)  # type: ignore[call-overload]


def _parents() -> Iterator[tuple[int, int]]:
    """(pid, its parent's) of every process."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])


def free_port(most: int = 65_535) -> int:
    """A loopback port that nobody listens on now."""
    while True:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        if port <= most:
            return port


def answers(address: tuple[str, int], said: bytes = b"", expected: bytes = b"") -> bool:
    """Whether somebody accepts a connection there, and, if something is said, begins the answer as expected."""
    try:
        with socket.create_connection(address, 1.0) as one:
            if said:
                one.sendall(said)
                return one.recv(len(expected) or 1).startswith(expected)
            return True
    except OSError:
        return False


def find_program(name: str, *places: str) -> str | None:
    """Its path, from PATH or one of these directories (patterns); None: it is not here."""
    found = shutil.which(name)
    if found:
        return found
    for pattern in places:
        for path in sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"), reverse=True):
            return str(path)
    return None


def fetched_by_maven(
    variable: str, name: str, arguments: Sequence[str], files: Mapping[str, str]
) -> Path | None:
    """What Maven fetches: as `variable` names it, as it was fetched before, or fetched now; None: it is not to be had.

    `name` is its own in the user's cache; Maven runs in a directory with `files` and leaves there what gets that name.
    """
    named = os.environ.get(variable)
    if named:
        return Path(named) if Path(named).exists() else None
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ledger"
    kept = cache / name
    if kept.exists():
        return kept
    maven = shutil.which("mvn")
    if maven is None:
        return None
    folder = cache / f"fetch-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    done = any(_ends_well([maven, "-q", "-B", *arguments], folder) for _ in range(FETCHES))
    if done and not kept.exists():
        (folder / name).replace(kept)
    shutil.rmtree(folder, ignore_errors=True)
    return kept if kept.exists() else None


def _ends_well(command: Sequence[str], folder: Path) -> bool:
    """Whether it ended with 0, and in time: Maven waits half an hour for a repository that has fallen silent."""
    quiet = subprocess.DEVNULL
    with suppress(subprocess.TimeoutExpired):
        ended = subprocess.run(
            command, cwd=folder, stdin=quiet, stdout=quiet, stderr=quiet, timeout=FETCH_S, check=False
        )
        return ended.returncode == 0
    return False


def install(packages: Sequence[str]) -> bool:
    """Install Debian packages, where that is possible; whether it was."""
    if not packages or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    return _apt("update") and _apt("-y", "--no-install-recommends", "install", *packages)


def _apt(*words: str) -> bool:
    done = subprocess.run(
        ["apt-get", "-qq", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    return done.returncode == 0


def lives(pid: int) -> bool:
    """Whether the process exists and is not a zombie; our own dead children are reaped."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
