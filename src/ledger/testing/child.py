"""A ledger in a process of its own, to be used, killed and started again from outside like anybody's."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, final

import msgspec

from ledger.errors import Unavailable
from ledger.journal import owner_of

READY_S: Final = 60.0
END_S: Final = 10.0
_READY: Final = b"ready "


@final
class Child:
    """`ledger serve` on a data directory, its doors on free ports unless `sets` say otherwise.

    A context manager that ends with the child killed, should it still run.
    """

    def __init__(self, data: Path, sets: Sequence[str] = (), config: Path | None = None) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        """What it says on standard error, over all its starts."""
        self._options = [part for each in ("doors.base_port=0", *sets) for part in ("--set", each)]
        if config is not None:
            self._options += ["--config", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()

    @property
    def pid(self) -> int:
        """Of the running child."""
        assert self._process is not None
        return self._process.pid

    def ended(self) -> int | None:
        """The exit code of a child that has ended by itself; None: it runs, or nobody has started it."""
        return None if self._process is None else self._process.poll()

    def start(self, *options: str) -> dict[str, Any]:
        """Start it and wait until it is ready; what it then says. Raises Unavailable with what it said instead."""
        assert self._process is None, "it runs already"
        self.data.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "ledger.cli", "serve", "--data", str(self.data)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._options, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        line = _line(self._process.stdout, READY_S)
        if line.startswith(_READY):
            return msgspec.json.decode(line[len(_READY) :])
        code = self.kill()
        said = self.log.read_text(errors="replace").strip().splitlines()
        raise Unavailable(
            f"serve did not become ready (exit {code}): {said[-1] if said else 'it said nothing'}"
        )

    def kill(self) -> int:
        """kill -9 of all its processes; returns when it is gone."""
        code = self._end(signal.SIGKILL)
        for partition in self.data.glob("trading/*"):
            owner = owner_of(partition)
            if owner is not None and owner.pid:
                with suppress(ProcessLookupError):
                    os.kill(owner.pid, signal.SIGKILL)
        return code

    def kill_partition(self, partition: int) -> None:
        """kill -9 of one partition's process; returns when it is gone. The ledger starts it again."""
        directory = self.data / "trading" / str(partition)
        owner = owner_of(directory)
        assert owner is not None, f"partition {partition} does not run"
        os.kill(owner.pid, signal.SIGKILL)
        while (now := owner_of(directory)) is not None and now.pid == owner.pid:
            time.sleep(0.005)

    def stop(self, end_s: float = END_S) -> int:
        """SIGTERM; its exit code. After `end_s` it is killed."""
        return self._end(signal.SIGTERM, end_s)

    def _end(self, by: signal.Signals, end_s: float = END_S) -> int:
        assert self._process is not None, "it does not run"
        process, self._process = self._process, None
        process.send_signal(by)
        try:
            return process.wait(end_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            if process.stdout is not None:
                process.stdout.close()


def kill_named(pid: int, data: Path) -> bool:
    """kill -9 of the process that a file in `data` names, where it is still one of that directory; whether it was.

    A file outlives its writer, and the number may be any program's since then, or a thread's of it.
    """
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    if os.fsencode(data) not in words:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return True


def _line(stream: IO[bytes], timeout_s: float) -> bytes:
    """The first line, or what there is of it when the time is up or the stream ends."""
    deadline = time.monotonic() + timeout_s
    text = b""
    while not text.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([stream], [], [], left)
        part = os.read(stream.fileno(), 65536) if readable else b""
        if not part:
            break
        text += part
    return text
