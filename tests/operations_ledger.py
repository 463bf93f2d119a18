"""A real engine with its real doors in a thread, for tests of commands that a person types."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio
import zmq

from ledger.endpoints import write_endpoints
from ledger.engine import Engine
from ledger.ingress import Door, bind_doors
from ledger.journal import create_or_open
from operations_engine import settings


@contextmanager
def ledger_in_a_thread(data: Path, **more: Any) -> Generator[None]:
    """Doors on free ports, found by `--data`; stopped cleanly at the end."""
    token: list[trio.lowlevel.TrioToken] = []
    failed: list[BaseException] = []
    ready = threading.Event()
    stop = trio.Event()

    async def serve() -> None:
        directory = create_or_open(data, partitions=1)
        engine = Engine(directory, 0, settings(**more))
        engine.open(trio.lowlevel.current_trio_token())
        context: zmq.Context[Any] = zmq.Context()
        heads = None
        told: list[int] = []
        try:
            bound = bind_doors(context, base_port=0)
            engine.endpoints = {name: endpoint for name, (_, endpoint) in bound.items()}
            told.append(write_endpoints(data, directory.lineage, engine.endpoints))
            async with trio.open_nursery() as nursery:
                await nursery.start(engine.run)
                for name, (socket, _) in bound.items():
                    await nursery.start(Door(socket, name, engine, batch_max=1000).serve)
                token.append(trio.lowlevel.current_trio_token())
                ready.set()
                await stop.wait()
                nursery.cancel_scope.cancel()
        finally:
            for descriptor in told:
                os.close(descriptor)
            context.destroy(linger=0)
            heads = engine.close()
            directory.close(heads)

    def run() -> None:
        try:
            trio.run(serve)
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(20), "the ledger did not start"
        if not failed:
            yield
    finally:
        if token:
            token[0].run_sync_soon(stop.set)
        thread.join(20)
        if failed:
            raise failed[0]
