"""`ledger project NAME`: one projector, or another follower of the journal, as a process of its own."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

import trio
from cyclopts import App, Parameter

from ledger.children import wait_parent_gone
from ledger.cli.options import ConfigFile, Data, Sets
from ledger.collecting import collect_rarely
from ledger.config import Settings, load
from ledger.projections import registry
from ledger.projections.runner import Runner
from ledger.saying import say

app = App(name="project", help="Follow the journal into a database, beside a running ledger or alone.")

PROCESSES: Final[dict[str, str]] = {
    "follower": "ledger.projections.following",
    "auditor": "ledger.projections.auditing",
}
"""What follows the journal and is no projection: name -> module with `run(settings, data, partition) -> int`."""


@app.default
def project(
    name: str,
    /,
    *,
    partition: Annotated[int, Parameter(help="Partition of the journal.")] = 0,
    until_head: Annotated[
        bool,
        Parameter(
            name="--until-head", help="End once everything settled at the start is taken.", negative=()
        ),
    ] = False,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
) -> int:
    """Run projection NAME until SIGTERM, or until the ledger that started it has gone.

    It goes on from the offset that stands in the database. `ledger projections status` says how far it is.
    """
    loaded = load(config, sets or ())
    directory = data.absolute() if data is not None else loaded.data
    if name in PROCESSES:
        return int(import_module(PROCESSES[name]).run(loaded.settings, directory, partition))
    return run_projection(loaded.settings, directory, name, partition, until_head=until_head)


def run_projection(settings: Settings, data: Path, name: str, partition: int, *, until_head: bool) -> int:
    """Run one projection in this process; the exit code. Raises Rejected, Corrupt."""
    projection = registry.make(settings, name, partition)
    # One thread folds while another writes: neither is to keep the interpreter from the other for long.
    sys.setswitchinterval(settings.engine.switch_interval_us / 1e6)
    collect_rarely()
    runner = Runner(data, projection, partition, events_max=registry.batch_events(settings, name), say=say)
    trio.run(_supervised, runner, until_head)
    return 0


async def _supervised(runner: Runner, until_head: bool) -> None:
    """The runner blocks, so it has a thread of its own; this one waits for whatever ends it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_with_parent, runner)
        nursery.start_soon(_stop_at_signal, runner)
        with suppress(BrokenPipeError):  # the parent has gone already, which is noticed in a moment
            print('ready {"name":"projection"}', flush=True)
        await trio.to_thread.run_sync(lambda: runner.run(until_head=until_head))
        nursery.cancel_scope.cancel()


async def _stop_with_parent(runner: Runner) -> None:
    await wait_parent_gone()
    runner.stop()


async def _stop_at_signal(runner: Runner) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            runner.stop()
