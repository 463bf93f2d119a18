"""A real engine on a real journal behind its doors, in a thread of its own, for tests that talk as people do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
import zmq

from ledger.domain.context import OrderRules
from ledger.endpoints import write_endpoints
from ledger.engine import Engine, EngineSettings
from ledger.ingress import bind_doors, serve_door
from ledger.journal import create_or_open

SETTINGS: dict[str, Any] = {
    "segment_bytes_max": 1 << 24,
    "map_size_bytes": 1 << 30,
    "market_sync_s": 0.001,
    "turns_max": 256,
    "queue_max": 4096,
    "queue_reserved": 64,
    "frame_bytes_max": 8 << 20,
    "idempotence_window_ns": 7 * 86_400 * 10**9,
    "clock_step_max_ns": 5 * 10**9,
    "rules": OrderRules(),
}


class _Serving:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.ready = threading.Event()
        self.failed: BaseException | None = None
        self._stop = trio.Event()
        self._token: trio.lowlevel.TrioToken | None = None

    def run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:
            self.failed = error
        finally:
            self.ready.set()

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        data = create_or_open(self._directory, partitions=1)
        engine = Engine(data, 0, EngineSettings(**SETTINGS))
        engine.open(self._token)
        context: zmq.Context[Any] = zmq.Context()
        bound = bind_doors(context, base_port=0)
        engine.endpoints = {name: endpoint for name, (_, endpoint) in bound.items()}
        told = write_endpoints(self._directory, data.lineage, engine.endpoints)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(engine.run)
                for name, (socket, _) in bound.items():
                    await nursery.start(partial(serve_door, batch_max=1000), socket, name, engine)
                self.ready.set()
                await self._stop.wait()
                engine.stop()
                await engine.wait_ended()
                nursery.cancel_scope.cancel()
        finally:
            os.close(told)
            data.close(engine.close())
            context.destroy(linger=0)

    def stop(self) -> None:
        assert self._token is not None
        self._token.run_sync_soon(self._stop.set)


@contextmanager
def served(directory: Path) -> Iterator[Path]:
    """A ledger on `directory` that runs while the block does."""
    serving = _Serving(directory)
    thread = threading.Thread(target=serving.run)
    thread.start()
    assert serving.ready.wait(20)
    try:
        if serving.failed is None:
            yield directory
            serving.stop()
    finally:
        if serving.failed is None and thread.is_alive():
            serving.stop()
        thread.join(20)
    if serving.failed is not None:
        raise serving.failed
