"""`serve` with several partitions: the process that owns the data directory and keeps an engine beside it for each.

It holds the lock of the whole, starts partition 0 first and the others once that is ready, says ready when all are,
and starts again what has died. It touches no journal and no door.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, final

import trio

from ledger.children import Child, ChildSpec, run_children
from ledger.errors import Rejected
from ledger.journal import create_or_open

LOOK_EVERY_S: Final = 0.1
Say = Callable[[str], None]


@final
class Parent:
    """One data directory and its processes."""

    def __init__(
        self, data: Path, say: Say, engines: Sequence[ChildSpec], children: Sequence[ChildSpec] = ()
    ) -> None:
        """`engines`: one for each partition, in order; `children`: what else is kept beside them."""
        self._data = data
        self._say = say
        self._engines = [Child(spec, say) for spec in engines]
        self._children = [Child(spec, say) for spec in children]
        self._stop = trio.Event()

    async def serve(self, on_ready: Callable[[dict[str, Any]], None]) -> int:
        """Run until a signal, or until an engine is refused; the exit code. Raises Rejected, Corrupt, StorageError."""
        directory = create_or_open(self._data, partitions=len(self._engines))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_signals)
                # Partition 0 first: the others take what it has decided before they are ready.
                first, *others = self._engines
                await nursery.start(run_children, [first])
                await nursery.start(run_children, others)
                if not self._refused() and not self._stop.is_set():
                    directory.announce(first.ready["endpoints"]["commands"])
                    on_ready(self._about(directory.lineage))
                    nursery.start_soon(run_children, self._children)
                nursery.start_soon(self._watch_engines)
                await self._stop.wait()
                nursery.cancel_scope.cancel()
        finally:
            directory.close()
        refused = self._refused()
        if refused:
            raise Rejected(f"{refused} could not start, see above", "mend what it says, then start again")
        return 0 if all(engine.exit_code == 0 for engine in self._engines) else 1

    def _about(self, lineage: str) -> dict[str, Any]:
        first = self._engines[0].ready
        return {
            "lineage": lineage,
            "data": str(self._data),
            "endpoints": first["endpoints"],
            "place": first["place"],
            "epoch": first["epoch"],
            "partitions": [
                {"partition": number, "pid": engine.view().pid, **engine.ready["endpoints"]}
                for number, engine in enumerate(self._engines)
            ],
        }

    def _refused(self) -> str:
        return next((engine.spec.name for engine in self._engines if engine.state == "failed"), "")

    async def _watch_engines(self) -> None:
        """An engine that is refused would be refused again: the whole ends, so that its supervisor notices."""
        while not self._refused():
            await trio.sleep(LOOK_EVERY_S)
        self._stop.set()

    async def _watch_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                self._say(f"{signal.Signals(number).name}: stopping")
                self._stop.set()
