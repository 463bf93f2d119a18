"""Putting a running ledger together: one engine, its doors, its publications; from the first byte read to a clean stop.

Order of a start: own the data directory, recover the journals, bind the doors, make the new epoch durable, say ready.
Order of a stop: take no more messages, decide and sync what was taken, let the answers leave, write the heads.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final

import msgspec
import trio
import zmq

from ledger import egress, ingress
from ledger.children import Child, ChildSpec, is_child, run_children, wait_parent_gone
from ledger.closing import left_open
from ledger.collecting import collect_rarely
from ledger.config import Settings
from ledger.domain.timers import ENGINE
from ledger.endpoints import neighbours, write_endpoints
from ledger.engine import Engine
from ledger.engine.birth import risk_at_birth
from ledger.engine.watched_clock import steady_clock
from ledger.engine_wiring import engine_settings
from ledger.errors import Rejected
from ledger.journal import DataDirectory, Reserve, StorageError, create_or_open, open_partition
from ledger.keys import DialKeys, KeyPair, read_pair, server_lock
from ledger.projections.index_first import index_first
from ledger.projections.status import status_rows
from ledger.stop_signals import remembered_stops
from ledger.views import position_row

DRAIN_S: Final = 4.0
"""How long a stop may take to decide, sync and answer what was taken; a supervisor gives 5 s."""
TAKE_OVER_S: Final = 10.0
"""How long a partition's process waits for the one before it, whose parent has gone, to end."""
Say = Callable[[str], None]
_Bound = dict[str, tuple[zmq.Socket[bytes], str]]
"""Name to socket and endpoint."""


@final
class Ledger:
    """One process with one partition, its doors and its publications."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        say: Say,
        children: Sequence[ChildSpec] = (),
        *,
        partition: int | None = None,
    ) -> None:
        """`children`: processes to keep beside the engine, once it takes commands.

        `partition`: the one of several that this process runs; None: it owns the whole directory, with one.
        """
        self._settings = settings
        self._own = partition
        self._number = partition or 0
        self._data = data
        self._say = say
        """Where sentences for people go (standard error)."""
        self._context: zmq.Context[Any] = zmq.Context()
        self._children = [Child(spec, say) for spec in children]
        self._stop = trio.Event()
        curve = settings.doors.curve
        self._pair: KeyPair | None = (
            read_pair(Path(curve.secret_key_file).expanduser()) if curve.enabled else None
        )
        self._gate: ingress.Gate | None = None
        self._keyring: ingress.Keyring | None = None
        self._told: int | None = None
        """The descriptor of the file that tells where we listen."""

    def stop(self) -> None:
        """Begin a clean stop; safe to call again."""
        self._stop.set()

    async def serve(self, on_ready: Callable[[dict[str, Any]], None]) -> int:
        """Run until `stop` or a signal; the exit code. Raises Rejected, Corrupt or StorageError if it cannot start."""
        # The writer's thread gives the interpreter back after each sync; at Python's 5 ms it would wait for it.
        sys.setswitchinterval(self._settings.engine.switch_interval_us / 1e6)
        try:
            with remembered_stops(self._say) as stopped_early:
                return await self._own_and_serve(stopped_early, on_ready)
        finally:
            if self._told is not None:
                os.close(self._told)
            self._context.destroy(linger=0)

    async def _own_and_serve(
        self, stopped_early: Callable[[], bool], on_ready: Callable[[dict[str, Any]], None]
    ) -> int:
        # Ports before a directory is made, which a start that is refused would leave behind; but an existing one is
        # owned first: that another ledger runs on it says more than that its ports are taken.
        opened = None if self._data.exists() else self._bind()
        directory = self._open()
        heads = None
        try:
            heads = await self._serve_beside_children(
                directory, opened or self._bind(), stopped_early, on_ready
            )
        finally:
            directory.close(heads)
        return 0 if heads is not None else 1

    def _open(self) -> DataDirectory:
        partitions = self._settings.engine.partitions
        if self._own is None:
            return create_or_open(self._data, partitions=partitions)
        if partitions > 1 and risk_at_birth(self._settings) is not None:
            raise Rejected(
                "the risk section limits the whole firm, which needs engine.partitions: 1",
                "leave it out, and limit each symbol: ledger limits set --symbol",
            )
        wait_s = TAKE_OVER_S if is_child() else 0.0
        return open_partition(
            self._data, self._own, partitions=partitions, is_child=is_child(), wait_s=wait_s
        )

    async def _serve_beside_children(
        self,
        directory: DataDirectory,
        opened: tuple[_Bound, _Bound],
        stopped_early: Callable[[], bool],
        on_ready: Callable[[dict[str, Any]], None],
    ) -> Any:
        """The children end after the engine: what they still do is at the journal's end."""
        failure: Exception | None = None
        heads = None
        async with trio.open_nursery() as beside:
            try:
                heads = await self._serve(directory, opened, stopped_early, on_ready, beside)
            except Exception as error:  # raised below as it is, not as a group of one
                failure = error
            beside.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return heads

    def _bind(self) -> tuple[_Bound, _Bound]:
        """Doors and publications on their ports, locked where there are keys; a busy port is told before a recovery."""
        doors = self._settings.doors
        lock = None
        if self._pair is not None:
            lock = server_lock(self._pair)
            allowed = [
                ingress.Key(key.name, key.public_key, frozenset(key.rights)) for key in doors.curve.allowed
            ]
            if self._own is not None:  # partitions speak with each other as the ledger that they are
                allowed.append(ingress.Key(ENGINE, self._pair.public, frozenset(ingress.RIGHTS)))
            self._keyring = ingress.Keyring(allowed)
            self._gate = ingress.Gate(self._context, self._keyring)
        bound = ingress.bind_doors(
            self._context,
            host=doors.host,
            base_port=doors.base_port,
            partition=self._number,
            message_bytes_max=doors.message_bytes_max,
            lock=lock,
        )
        published = egress.bind_publishers(
            self._context,
            host=doors.host,
            base_port=doors.base_port,
            partition=self._number,
            order_events_hwm=doors.order_events_hwm,
            market_data_hwm=doors.market_data_hwm,
            lock=lock,
        )
        published |= self._bind_command_sub()
        return bound, published

    async def _serve(
        self,
        directory: DataDirectory,
        opened: tuple[_Bound, _Bound],
        stopped_early: Callable[[], bool],
        on_ready: Callable[[dict[str, Any]], None],
        beside: trio.Nursery,
    ) -> Any:
        doors = self._settings.doors
        bound, published = opened
        publisher = egress.Publisher(
            published["order_events_pub"][0],
            published["market_data_pub"][0],
            partition=self._number,
            position_row=position_row,
            publish_format=doors.publish_format,
        )
        reserve = self._reserve(directory)
        reserve.open()
        if not index_first(self._settings, directory, self._number, self._say, stopped_early):
            return None
        engine = Engine(
            directory,
            self._number,
            engine_settings(self._settings),
            publisher=publisher,
            steady=steady_clock,
            reserve=reserve,
        )
        engine.open(trio.lowlevel.current_trio_token())
        for torn in engine.torn_ends:
            self._say(torn)
        collect_rarely()
        stream = self._stream_of(engine, directory.lineage)
        engine.endpoints = {name: endpoint for name, (_, endpoint) in {**bound, **published}.items()}
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._watch_signals)
                if self._gate is not None:
                    await nursery.start(self._gate.serve)
                await nursery.start(engine.run)
                nursery.start_soon(self._tell_failure, engine)
                await nursery.start(publisher.run)
                if self._own is not None:
                    nursery.start_soon(self._stop_with_parent)
                    await self._join(nursery, engine)
                serving = await self._open_doors(nursery, bound, engine, stream)
                await self._serve_command_sub(nursery, engine, published)
                engine.projections = functools.partial(status_rows, self._data)
                if stopped_early():
                    self.stop()
                else:
                    self._announce(directory, engine, on_ready)
                    beside.start_soon(run_children, self._children)
                await self._stop.wait()
                await self._drain(engine, serving)
                self._tell_open_orders(engine)
                nursery.cancel_scope.cancel()
        finally:
            heads = engine.close()
        failed = "" if heads else "; the journal had failed, see above"
        self._say(f"stopped at {self._places(engine)}{failed}")
        return heads

    def _bind_command_sub(self) -> dict[str, tuple[zmq.Socket[bytes], str]]:
        """The seed's lossy way in for commands, if it is asked for."""
        asked, doors = self._settings.message_queues.zeromq.sockets.command_sub, self._settings.doors
        if not asked.enabled:
            return {}
        bound = ingress.bind_command_sub(
            self._context, asked.topics, host=doors.host, base_port=doors.base_port
        )
        return {ingress.COMMAND_SUB: bound}

    async def _serve_command_sub(
        self, nursery: trio.Nursery, engine: Engine, bound: dict[str, tuple[zmq.Socket[bytes], str]]
    ) -> None:
        if ingress.COMMAND_SUB in bound:
            topics = self._settings.message_queues.zeromq.sockets.command_sub.topics
            batch_max = self._settings.doors.batch_max
            taking = ingress.CommandSub(bound[ingress.COMMAND_SUB][0], engine, topics, batch_max=batch_max)
            await nursery.start(taking.run)

    async def _open_doors(
        self, nursery: trio.Nursery, bound: _Bound, engine: Engine, stream: egress.Stream
    ) -> list[ingress.Door]:
        await nursery.start(stream.run)
        serve = functools.partial(
            ingress.serve_door, batch_max=self._settings.doors.batch_max, keyring=self._keyring
        )
        behind: dict[str, Any] = dict.fromkeys(bound, engine) | {"stream": stream}
        return [await nursery.start(serve, socket, name, behind[name]) for name, (socket, _) in bound.items()]

    def _stream_of(self, engine: Engine, lineage: str) -> egress.Stream:
        """What answers the stream door: told each frame once it is durable."""
        stream = egress.Stream(
            self._data,
            lineage,
            self._number,
            lambda: engine.open_trading.durable_seq,
            lambda: engine.partition.trading.instruments.states,
        )
        engine.stream = stream.took
        return stream

    async def _drain(self, engine: Engine, serving: Sequence[ingress.Door]) -> None:
        """Take no more, decide and sync what was taken, let the answers leave; no longer than DRAIN_S."""
        with trio.move_on_after(DRAIN_S):
            for door in serving:
                door.stop_taking()
            engine.stop()
            await engine.wait_ended()
            with suppress(StorageError):
                await engine.wait_durable()
            for door in serving:
                await door.wait_delivered()

    def _tell_space_low(self, free_bytes: int) -> None:
        self._say(
            f"SPACE LOW: {free_bytes:,} bytes free at {self._data}: no new orders until there is room, then start again"
        )

    async def _tell_failure(self, engine: Engine) -> None:
        await engine.wait_failed()
        self._say(f"READ ONLY: {engine.failed}")

    def _tell_open_orders(self, engine: Engine) -> None:
        for line in left_open(engine.partition.views.rows("orders", {"open": "true"})):
            self._say(line)

    def _reserve(self, directory: DataDirectory) -> Reserve:
        path = directory.path if self._own is None else directory.path / "trading" / str(self._own)
        return Reserve(path, self._settings.journal.reserve_bytes, on_space_low=self._tell_space_low)

    async def _join(self, nursery: trio.Nursery, engine: Engine) -> None:
        """Take part among other partitions: follow partition 0, and tell it what it should pass on."""
        engine.neighbours = functools.partial(
            neighbours, self._data, self._number, engine.directory.partitions
        )
        keys = None if self._pair is None else DialKeys(self._pair, self._pair.public)
        if self._number == 0:
            finding = egress.Finding(
                self._data,
                self._context,
                engine.directory.partitions,
                engine.partition.facts.unnamed.asked,
                lambda ids: engine.partition.views.rows("orders_meant", dict(ids)),
                engine.found_orders,
                keys=keys,
            )
            nursery.start_soon(finding.run)
            return
        following = engine.following()
        await nursery.start(following.run)
        if engine.partition.restricted:
            self._say(f"partition {self._number}: {engine.partition.restricted}")
        passing = egress.PassingOn(
            self._data,
            self._context,
            lambda: engine.partition.trading,
            following.confirmed,
            engine.partition.operator.take_spoken,
            session_timeout_s=self._settings.session.timeout_ms / 1000,
            keys=keys,
        )
        nursery.start_soon(passing.run)

    async def _stop_with_parent(self) -> None:
        await wait_parent_gone()
        self._say(f"partition {self._number}: the ledger that started it has gone, stopping")
        self.stop()

    async def _watch_signals(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                self._say(f"{signal.Signals(number).name}: stopping")
                self.stop()

    def _announce(
        self, directory: DataDirectory, engine: Engine, on_ready: Callable[[dict[str, Any]], None]
    ) -> None:
        directory.announce(engine.endpoints["commands"])
        server_key = "" if self._pair is None else self._pair.public
        self._told = write_endpoints(
            self._data, directory.lineage, engine.endpoints, self._number, directory.partitions, server_key
        )
        for sentence in engine.start_report:
            self._say(sentence)
        on_ready(
            {
                "lineage": directory.lineage,
                "data": str(self._data),
                "endpoints": engine.endpoints,
                **({"server_key": server_key} if server_key else {}),
                "place": f"trading/{self._number}:{engine.open_trading.durable_seq}",
                "epoch": engine.epoch,
            }
        )

    def _places(self, engine: Engine) -> str:
        number = self._number
        return f"trading/{number}:{engine.open_trading.durable_seq} market/{number}:{engine.open_market.durable_seq}"


def ready_line(about: dict[str, Any]) -> str:
    """The line that scripts wait for on standard output."""
    return f"ready {msgspec.json.encode(about).decode()}"
