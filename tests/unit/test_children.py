"""A ledger's children: ready when they say so, started again when killed, gone with their parent."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from ledger import children
from ledger.children import Child, ChildSpec, run_children

PROGRAM = """
import os, sys
print('ready {"pid": %d}' % os.getpid(), flush=True)
sys.stdin.buffer.read()  # as wait_parent_gone does
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nexec {os.sys.executable} -c '{PROGRAM.replace(chr(39), chr(34) * 3)}'\n")  # type: ignore[attr-defined]
    program.chmod(0o755)
    monkeypatch.setattr(children.sys, "executable", str(program))
    monkeypatch.setattr(children, "BACKOFF_MIN_S", 0.001)
    return Child(ChildSpec("sleeper", ("x",)), lambda _: None)


async def test_a_child_is_ready_when_it_says_so_and_stops_with_its_nursery(child: Child) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(run_children, [child])
        assert child.view().state == "running"
        pid = child.ready["pid"]
        os.kill(pid, 0)
        nursery.cancel_scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert child.view().state == "ended"


async def test_a_killed_child_is_started_again(child: Child) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(run_children, [child])
        first = child.ready["pid"]
        os.kill(first, signal.SIGKILL)
        with trio.fail_after(20):
            while child.ready["pid"] == first:
                await trio.sleep(0.01)
        assert (child.restarts, child.exit_code) == (1, -9)
        nursery.cancel_scope.cancel()


async def test_a_child_that_is_just_being_started_is_stopped_too(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, may_be_made = trio.Event(), trio.Event()
    really = trio.lowlevel.open_process

    async def open_process(*command: Any, **options: Any) -> trio.Process:
        await may_be_made.wait()
        process = await really(*command, **options)
        made.set()
        return process

    monkeypatch.setattr(trio.lowlevel, "open_process", open_process)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child.run)
            await wait_all_tasks_blocked()
            await child.stop()
            may_be_made.set()
            await made.wait()
    assert (child.view().state, child.exit_code) == ("ended", -signal.SIGTERM)


async def test_a_child_that_refuses_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(children.sys, "executable", str(program))
    said: list[str] = []
    refusing = Child(ChildSpec("refusing", ("x",)), said.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(run_children, [refusing])
        nursery.cancel_scope.cancel()
    assert (refusing.state, refusing.restarts) == ("failed", 0)
    assert "not tried again" in said[0]
