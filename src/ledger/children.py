"""Processes that a running ledger keeps beside itself: started, watched, started again with back-off, ended with it.

A child's standard input is a pipe whose other end only the parent holds. The child reads it (`wait_parent_gone`), so
it ends with its parent even when that one is killed. A child may say `ready {json}` as its first line on standard
output; all that it says on standard error is the parent's own standard error.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, final

import msgspec
import trio

State = Literal["starting", "running", "waiting", "ended", "failed"]
BACKOFF_MIN_S: Final = 0.2
BACKOFF_MAX_S: Final = 10.0
STEADY_S: Final = 30.0
"""A child that lived this long begins again with the shortest back-off."""
STOP_S: Final = 8.0
"""How long a child may take to end after SIGTERM before it is killed."""
_READY: Final = b"ready "


@final
class ChildSpec(msgspec.Struct, frozen=True):
    """A command of this program to run as a child: `python -m ledger.cli` and these words."""

    name: str
    words: tuple[str, ...]
    says_ready: bool = True
    """Whether it prints `ready {json}`; otherwise it counts as ready once it runs."""
    refused_is_final: bool = True
    """Whether exit code 2 (configuration, a refusal) ends it for good: another start would say the same."""
    nice: int = 0


@final
class ChildView(msgspec.Struct, frozen=True):
    """How a child is, for `status` and metrics."""

    name: str
    state: State
    pid: int
    restarts: int
    exit_code: int | None
    """Of its last end; negative: the signal that killed it."""
    ready: dict[str, Any]


@final
class Child:
    """One supervised child. `run` belongs to a nursery; everything else may be asked at any time."""

    def __init__(self, spec: ChildSpec, say: Callable[[str], None]) -> None:
        self.spec = spec
        self.ready: dict[str, Any] = {}
        """What it said with `ready`, of its newest start."""
        self.became_ready = trio.Event()
        self.state: State = "starting"
        self.restarts = 0
        self.exit_code: int | None = None
        self._say = say
        self._process: trio.Process | None = None
        self._stopping = trio.Event()

    def view(self) -> ChildView:
        """A frozen picture of it."""
        pid = 0 if self._process is None else self._process.pid
        return ChildView(self.spec.name, self.state, pid, self.restarts, self.exit_code, self.ready)

    async def run(self) -> None:
        """Keep it running until `stop`, or until it ends by itself with exit 0 or a refusal.

        Shielded from cancellation: a child is ended by `stop` alone, which lets it drain.
        """
        with trio.CancelScope(shield=True):
            await self._keep_running()

    async def _keep_running(self) -> None:
        backoff = BACKOFF_MIN_S
        while not self._stopping.is_set():
            begun = time.monotonic()
            code = self.exit_code = await self._run_once()
            if self._stopping.is_set() or code == 0:
                self.state = "ended"
                return
            if code == 2 and self.spec.refused_is_final:
                self.state = "failed"
                self._say(f"{self.spec.name}: refused to start, see above; it is not tried again")
                return
            backoff = (
                BACKOFF_MIN_S if time.monotonic() - begun > STEADY_S else min(BACKOFF_MAX_S, backoff * 2)
            )
            self.state = "waiting"
            self._say(f"{self.spec.name}: ended with {ending(code)}, starts again in {backoff:.1f} s")
            with trio.move_on_after(backoff):
                await self._stopping.wait()
            self.restarts += 1
        self.state = "ended"

    async def stop(self) -> None:
        """SIGTERM and wait; after STOP_S it is killed. One that is just being started is ended once it is there."""
        self._stopping.set()
        if self._process is not None:
            await self._end(self._process)

    async def _end(self, process: trio.Process) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_S):
            await process.wait()
            return
        process.kill()
        await process.wait()

    async def _run_once(self) -> int:
        self.state = "starting"
        command = [sys.executable, "-m", "ledger.cli", *self.spec.words]
        if self.spec.nice:
            command = ["nice", "-n", str(self.spec.nice), *command]
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "LEDGER_CHILD": "1"}
        )
        self._process = process
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, process)
                if self._stopping.is_set():
                    nursery.start_soon(self._end, process)
                code = await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._process = None
        return code

    async def _listen(self, process: trio.Process) -> None:
        if not self.spec.says_ready:
            self._is_ready({})
        assert process.stdout is not None
        text = b""
        async for part in process.stdout:
            text += part
            while b"\n" in text:
                line, text = text.split(b"\n", 1)
                if line.startswith(_READY):
                    self._is_ready(msgspec.json.decode(line[len(_READY) :]))

    def _is_ready(self, about: dict[str, Any]) -> None:
        self.state, self.ready = "running", about
        self.became_ready.set()


async def run_children(
    children: Sequence[Child], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run children until cancelled; started once each is ready or has ended for good. They are stopped together."""
    async with trio.open_nursery() as nursery:
        try:
            for child in children:
                nursery.start_soon(child.run)
            for child in children:
                await _wait_settled(child)
            task_status.started()
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as stopping:
                    for child in children:
                        stopping.start_soon(child.stop)


async def _wait_settled(child: Child) -> None:
    while child.state not in ("failed", "ended"):
        with trio.move_on_after(0.1):
            await child.became_ready.wait()
            return


def is_child() -> bool:
    """Whether this process was started by `Child`."""
    return os.environ.get("LEDGER_CHILD") == "1"


async def wait_parent_gone() -> None:
    """Return when the parent has gone. Sleeps for ever in a process that nobody started as a child."""
    if not is_child():
        await trio.sleep_forever()
    async with trio.lowlevel.FdStream(os.dup(0)) as stdin:
        with suppress(trio.BrokenResourceError):
            while await stdin.receive_some(4096):
                pass


def ending(code: int) -> str:
    """An exit code in words."""
    return f"exit {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
