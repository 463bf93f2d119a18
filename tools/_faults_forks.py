"""Processes forked from one that has imported the program: a start costs a tenth, and strace is there before it begins."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Self

PATIENCE_S: Final = 120.0
"""Nothing takes as long on a machine that is busy with other things, too."""
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["_faults_programs"])


def _start_server() -> None:
    """The fork server of Python 3.11 looks for what it is to import where a new Python would."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


class Fork:
    """A program of `_faults_programs` in a process of its own; a context manager that leaves nothing running."""

    def __init__(
        self,
        log: Path,
        name: str,
        *arguments: Any,
        strace: Callable[[int], Sequence[str]] | None = None,
        trace_log: Path | None = None,
        threads: bool = True,
    ) -> None:
        """`strace`: its options, told the process id; it is attached before the program begins.

        `threads`: it follows threads and children, too.
        """
        _start_server()
        self._said, theirs = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(
            target=_begin, args=(theirs, str(log), strace is not None, name, arguments), daemon=True
        )
        self._process.start()
        theirs.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        # Not its number: the fork server waits for it, so that number may be another's by the time of a signal.
        self._handle = os.pidfd_open(self.pid)
        self._code: int | None = None
        self._strace: subprocess.Popen[bytes] | None = None
        if strace is not None:
            to = os.devnull if trace_log is None else str(trace_log)
            command = ["strace", *(["-f"] if threads else []), "-qq", *strace(self.pid), "-o", to]
            command += ["-p", str(self.pid)]
            self._strace = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._code is None:
            self._signal(signal.SIGKILL)
            self.end()

    def said(self, timeout_s: float = PATIENCE_S) -> str | None:
        """The next line that it says; None: it has ended instead. Raises TimeoutError."""
        if not self._said.poll(timeout_s):
            raise TimeoutError(f"process {self.pid} said nothing within {timeout_s:g} s")
        try:
            return self._said.recv_bytes().decode()
        except (EOFError, OSError):
            return None

    @property
    def ending(self) -> int:
        """A descriptor that can be read once it has said something or ended."""
        return self._said.fileno()

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def end(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until it has gone, strace too; its exit code, minus a signal's number. Raises TimeoutError."""
        if self._code is not None:
            return self._code
        self._process.join(timeout_s)
        code = self._process.exitcode
        if code is None:
            self._signal(signal.SIGKILL)
            self._process.join()
        if self._strace is not None:
            self._strace.wait()
        self._code = self._process.exitcode
        os.close(self._handle)
        self._said.close()
        self._process.close()
        if code is None:
            raise TimeoutError(f"process {self.pid} did not end within {timeout_s:g} s")
        return code


def _begin(said: Connection, log: str, traced: bool, name: str, arguments: tuple[Any, ...]) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    while traced and "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        time.sleep(0.002)
    import _faults_programs

    sys.exit(_faults_programs.run(name, lambda line: said.send_bytes(line.encode()), arguments))
