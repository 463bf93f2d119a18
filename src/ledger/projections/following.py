"""The process of a follower: `ledger project follower`, beside a running ledger as its child, or alone."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from ledger.children import wait_parent_gone
from ledger.collecting import THRESHOLDS
from ledger.config import Settings
from ledger.errors import Corrupt
from ledger.projections.errors import Fenced
from ledger.projections.follower import Follower
from ledger.saying import say

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
IDLE_S: Final = 0.05
"""Between two looks at a journal that had nothing new."""
IDLE_MAX_S: Final = 0.4
"""The same when nothing came for long: a look costs up to a millisecond, and an idle ledger is to cost next to nothing."""
TAKE_S: Final = 20.0
"""How long the follower of an earlier ledger may take to end."""
CHECKPOINT_EVERY_S: Final = 0.5
"""The index is no further behind than this, while the follower keeps up."""


def run(settings: Settings, data: Path, partition: int) -> int:
    """Follow until SIGTERM or until the parent has gone, then write a last snapshot; the exit code.

    Raises Rejected, Corrupt, StorageError, Unavailable.
    """
    follower = follower_of(settings, data, partition)
    gc.set_threshold(*THRESHOLDS)
    # Until somebody listens, a request to stop waits: the last snapshot is to be written.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    take_over(follower)
    print('ready {"name":"follower"}', flush=True)
    trio.run(_follow, follower)
    return 0


def follower_of(
    settings: Settings, data: Path, partition: int, speaks: Callable[[str], None] = say
) -> Follower:
    """The follower that the settings ask for; it speaks on standard error, unless told otherwise. Nothing is read yet."""
    return Follower(
        data,
        partition,
        snapshot_events=settings.persistence.snapshot_interval_events,
        snapshots_kept=settings.recovery.snapshots_kept,
        say=speaks,
        idempotence_window_ns=settings.engine.idempotence_window_s * 10**9,
    )


def take_over(follower: Follower) -> None:
    """Become the follower; one whose ledger was killed may still be writing its last snapshot. Raises Fenced."""
    until = time.monotonic() + TAKE_S
    while True:
        try:
            follower.take()
            return
        except Fenced:
            if time.monotonic() > until:
                raise
            time.sleep(IDLE_S)


async def _follow(follower: Follower) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_at_signal, stop)
        nursery.start_soon(_stop_with_parent, stop)
        await trio.lowlevel.checkpoint()
        try:
            follower.open()
            await _keep_up(follower, stop)
            follower.close()
        except Corrupt as error:
            follower.mark_damaged(error)
            raise
        nursery.cancel_scope.cancel()


async def _keep_up(follower: Follower, stop: trio.Event) -> None:
    checked = time.monotonic()
    pause_s = IDLE_S
    while not stop.is_set():
        moved = follower.step()
        if follower.lag and time.monotonic() - checked >= CHECKPOINT_EVERY_S:
            follower.checkpoint()
            checked = time.monotonic()
        await trio.lowlevel.checkpoint()
        pause_s = IDLE_S if moved else min(2 * pause_s, IDLE_MAX_S)
        if not moved:
            with trio.move_on_after(pause_s):
                await stop.wait()


async def _stop_at_signal(stop: trio.Event) -> None:
    with trio.open_signal_receiver(*STOPPING) as signals:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        async for _ in signals:
            stop.set()


async def _stop_with_parent(stop: trio.Event) -> None:
    await wait_parent_gone()
    stop.set()
