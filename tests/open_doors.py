"""The four doors on free ports around an engine, for tests; in the test's own loop, or in a thread with its own."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import trio
import zmq

from ledger.endpoints import write_endpoints
from ledger.ingress import Door, bind_doors


class Doors:
    """Open doors and where they are."""

    def __init__(self, endpoints: dict[str, str], doors: dict[str, Door]) -> None:
        self.endpoints = endpoints
        self.doors = doors

    @property
    def commands(self) -> str:
        """HOST:PORT of the command door."""
        return self.endpoints["commands"].removeprefix("tcp://")


@asynccontextmanager
async def open_doors(
    engine: Any, *, base_port: int = 0, batch_max: int = 1000, directory: Path | None = None, **options: Any
) -> AsyncGenerator[Doors]:
    """Doors that serve while the block runs; all sockets are closed afterwards, as a kill would."""
    context: zmq.Context[Any] = zmq.Context()
    told: int | None = None
    try:
        bound = bind_doors(context, base_port=base_port)
        endpoints = {name: endpoint for name, (_, endpoint) in bound.items()}
        engine.rows["endpoints"] = [{"name": name, "endpoint": where} for name, where in endpoints.items()]
        if directory is not None:
            told = write_endpoints(directory, "a-lineage", endpoints)
        doors = {
            name: Door(socket, name, engine, batch_max=batch_max, **options)
            for name, (socket, _) in bound.items()
        }
        async with trio.open_nursery() as nursery:
            for door in doors.values():
                await nursery.start(door.serve)
            try:
                yield Doors(endpoints, doors)
            finally:
                nursery.cancel_scope.cancel()
    finally:
        if told is not None:
            os.close(told)
        context.destroy(linger=0)


async def serve_until(
    stop: trio.Event, engine: Any, *, task_status: trio.TaskStatus[Doors], **options: Any
) -> None:
    """For `nursery.start`: doors that are there until `stop` is set."""
    async with open_doors(engine, **options) as doors:
        task_status.started(doors)
        await stop.wait()


@contextmanager
def doors_in_a_thread(engine: Any, **options: Any) -> Generator[Doors]:
    """The same for blocking tests; the engine must not be touched while a call is under way."""
    opened: list[Doors] = []
    token: list[trio.lowlevel.TrioToken] = []
    stop = trio.Event()
    ready = threading.Event()
    failed: list[BaseException] = []

    async def serve() -> None:
        async with open_doors(engine, **options) as doors:
            opened.append(doors)
            token.append(trio.lowlevel.current_trio_token())
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            trio.run(serve)
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(10)
    if failed:
        thread.join()
        raise failed[0]
    try:
        yield opened[0]
    finally:
        token[0].run_sync_soon(stop.set)
        thread.join(10)
        if failed:
            raise failed[0]
