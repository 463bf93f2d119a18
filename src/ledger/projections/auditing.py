"""The process of the auditors: `ledger project auditor`, beside a running ledger as its child, or alone.

One thread audits every sink that the configuration runs, one after the other, and writes what stands in a small file for
each, which `projections status` shows. A sink that is down is looked at again in the next round.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

import trio

from ledger.children import wait_parent_gone
from ledger.config import Settings
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.projections import registry
from ledger.projections.auditor import Say, Stopped, Trail
from ledger.projections.contract import Projection, Sampled
from ledger.projections.status import AuditStatus, write_audit
from ledger.saying import say


@final
class Auditing:
    """The audit of one projection, round after round."""

    def __init__(
        self,
        data: Path,
        projection: Projection,
        partition: int,
        *,
        repairs: bool,
        say: Say,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        if not isinstance(projection, Sampled):
            raise Rejected(
                f"{projection.name} cannot be audited all the time",
                "it has no `pick` and `scan`: see ledger.projections.contract",
            )
        self._data = data
        self._projection = projection
        self._partition = partition
        self._say = say
        self._error = ""
        self.trails = [
            Trail(data, projection, journal, partition, repairs=repairs, say=say, stopped=stopped)
            for journal in projection.journals
        ]

    def round(self, share: float) -> None:
        """Look at each journal's rows; whatever went wrong is said, and tried again in the next round."""
        errors: list[str] = []
        for trail in self.trails:
            try:
                trail.round(share)
            except (Unavailable, Rejected, Corrupt) as error:
                errors.append(str(error))
        error = "; ".join(errors)
        if error and error != self._error:
            self._say(f"auditor of {self._projection.name}: {error}")
        self._error = error
        views = tuple(trail.view() for trail in self.trails)
        status = AuditStatus(self._projection.name, self._partition, views, error, time.time_ns())
        write_audit(self._data, status)

    def close(self) -> None:
        """Lets journal and sink go."""
        self._projection.close()
        for trail in self.trails:
            trail.close()


def run(settings: Settings, data: Path, partition: int) -> int:
    """Audit all sinks until SIGTERM or until the parent has gone; the exit code. Raises Rejected."""
    stop = threading.Event()
    chosen = settings.projections
    audits: list[Auditing] = []
    for name in registry.enabled(settings):
        sink = registry.make(settings, name, partition)
        if isinstance(sink, Sampled):
            audits.append(
                Auditing(data, sink, partition, repairs=chosen.audit_repairs, say=say, stopped=stop.is_set)
            )
        else:
            say(f"auditor: {name} cannot be audited all the time")
    trio.run(_supervised, audits, chosen.audit_interval_s or 1, chosen.audit_pass_s, stop)
    return 0


def go_on(audits: Sequence[Auditing], every_s: float, pass_s: float, stop: threading.Event) -> None:
    """Round after round, until `stop`."""
    try:
        while not stop.is_set():
            begun = time.monotonic()
            for audit in audits:
                audit.round(every_s / pass_s)
            stop.wait(max(0.0, begun + every_s - time.monotonic()))
    except Stopped:
        pass
    finally:
        for audit in audits:
            audit.close()


async def _supervised(
    audits: Sequence[Auditing], every_s: float, pass_s: float, stop: threading.Event
) -> None:
    """The audits block, so they have a thread of their own; this one waits for whatever ends them."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_with_parent, stop)
        nursery.start_soon(_stop_at_signal, stop)
        with suppress(BrokenPipeError):  # the parent has gone already, which is noticed in a moment
            print('ready {"name":"auditor"}', flush=True)
        await trio.to_thread.run_sync(go_on, audits, every_s, pass_s, stop)
        nursery.cancel_scope.cancel()


async def _stop_with_parent(stop: threading.Event) -> None:
    await wait_parent_gone()
    stop.set()


async def _stop_at_signal(stop: threading.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stop.set()
