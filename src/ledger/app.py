"""Putting a running ledger together: one engine, its doors, its publications; from the first byte read to a clean stop.

Order of a start: own the data directory, recover the journals, bind the doors, make the new epoch durable, say ready.
Order of a stop: take no more messages, decide and sync what was taken, let the answers leave, write the heads.
"""

from __future__ import annotations

import functools
import gc
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
from ledger.config import Settings
from ledger.domain.context import OrderRules
from ledger.domain.timers import TimeRules
from ledger.endpoints import NoEndpoints, read_endpoints, write_endpoints
from ledger.engine import Engine, EngineSettings
from ledger.engine.birth import risk_at_birth
from ledger.errors import Rejected
from ledger.journal import DataDirectory, Reserve, StorageError, create_or_open, open_partition
from ledger.projections.status import status_rows
from ledger.views import position_row

DRAIN_S: Final = 4.0
"""How long a stop may take to decide, sync and answer what was taken; a supervisor gives 5 s."""
TAKE_OVER_S: Final = 10.0
"""How long a partition's process waits for the one before it, whose parent has gone, to end."""
Say = Callable[[str], None]


def engine_settings(settings: Settings) -> EngineSettings:
    """What the engine takes from the configuration."""
    journal, engine, order = settings.journal, settings.engine, settings.order
    return EngineSettings(
        segment_bytes_max=journal.trading.segment_bytes_max,
        map_size_bytes=journal.trading.map_size_bytes,
        market_sync_s=journal.market.sync_interval_ms / 1000,
        turns_max=engine.turns_max,
        queue_max=engine.queue_max,
        queue_reserved=engine.queue_reserved,
        frame_bytes_max=engine.frame_bytes_max,
        idempotence_window_ns=engine.idempotence_window_s * 10**9,
        clock_step_max_ns=settings.clock.max_step_ms * 10**6,
        rules=OrderRules(order.max_outstanding_replaces, order.replace_unacked, order.replace_filled),
        commit=journal.trading.commit,
        wal_bytes=journal.trading.wal_bytes,
        risk=risk_at_birth(settings),
        times=time_rules(settings),
        require_confirmation=settings.recovery.require_confirmation,
    )


def time_rules(settings: Settings) -> TimeRules:
    """The due times that the configuration asks for."""
    order, session = settings.order, settings.session
    return TimeRules(
        ack_timeout_ns=order.ack_timeout_ms * 10**6,
        tif_grace_ns=order.tif_grace_ms * 10**6,
        ioc_timeout_ns=order.ioc_timeout_ms * 10**6,
        gtc_max_days=order.gtc_max_days,
        session_ttl_ns=session.ttl_s * 10**9,
        session_absolute=session.expiry == "absolute",
        session_timeout_ns=session.timeout_ms * 10**6,
    )


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

    def stop(self) -> None:
        """Begin a clean stop; safe to call again."""
        self._stop.set()

    async def serve(self, on_ready: Callable[[dict[str, Any]], None]) -> int:
        """Run until `stop` or a signal; the exit code. Raises Rejected, Corrupt or StorageError if it cannot start."""
        # The writer's thread gives the interpreter back after each sync; at Python's 5 ms it would wait for it.
        sys.setswitchinterval(self._settings.engine.switch_interval_us / 1e6)
        directory = self._open()
        heads = None
        try:
            heads = await self._serve(directory, on_ready)
        finally:
            directory.close(heads)
            self._context.destroy(linger=0)
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

    async def _serve(self, directory: DataDirectory, on_ready: Callable[[dict[str, Any]], None]) -> Any:
        doors = self._settings.doors
        # Ports first: a busy one is told before a long recovery.
        bound = ingress.bind_doors(
            self._context,
            host=doors.host,
            base_port=doors.base_port,
            partition=self._number,
            message_bytes_max=doors.message_bytes_max,
        )
        published = egress.bind_publishers(
            self._context,
            host=doors.host,
            base_port=doors.base_port,
            partition=self._number,
            order_events_hwm=doors.order_events_hwm,
            market_data_hwm=doors.market_data_hwm,
        )
        publisher = egress.Publisher(
            published["order_events_pub"][0],
            published["market_data_pub"][0],
            partition=self._number,
            position_row=position_row,
            publish_format=doors.publish_format,
        )
        reserve = self._reserve(directory)
        reserve.open()
        engine = Engine(
            directory, self._number, engine_settings(self._settings), publisher=publisher, reserve=reserve
        )
        engine.open(trio.lowlevel.current_trio_token())
        for torn in engine.torn_ends:
            self._say(torn)
        # What recovery built lives for long: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        stream = self._stream_of(engine, directory.lineage)
        engine.endpoints = {name: endpoint for name, (_, endpoint) in {**bound, **published}.items()}
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_signals)
                await nursery.start(engine.run)
                nursery.start_soon(self._tell_failure, engine)
                await nursery.start(publisher.run)
                if self._own is not None:
                    nursery.start_soon(self._stop_with_parent)
                    await self._join(nursery, engine)
                serving = await self._open_doors(nursery, bound, engine, stream)
                engine.projections = functools.partial(status_rows, self._data)
                self._announce(directory, engine, on_ready)
                nursery.start_soon(run_children, self._children)
                await self._stop.wait()
                await self._drain(engine, serving)
                nursery.cancel_scope.cancel()
        finally:
            heads = engine.close()
        self._say(
            f"stopped at {self._places(engine)}" + ("" if heads else "; the journal had failed, see above")
        )
        return heads

    async def _open_doors(
        self, nursery: trio.Nursery, bound: dict[str, Any], engine: Engine, stream: egress.Stream
    ) -> list[ingress.Door]:
        await nursery.start(stream.run)
        serve = functools.partial(ingress.serve_door, batch_max=self._settings.doors.batch_max)
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

    def _tell_space_low(self, free_bytes: int) -> None:
        self._say(
            f"SPACE LOW: {free_bytes:,} bytes free at {self._data}: no new orders until there is room, then start again"
        )

    async def _tell_failure(self, engine: Engine) -> None:
        await engine.wait_failed()
        self._say(f"READ ONLY: {engine.failed}")

    async def _drain(self, engine: Engine, serving: Sequence[Any]) -> None:
        """Take nothing more; decide, sync and answer what was taken, for DRAIN_S at most."""
        with trio.move_on_after(DRAIN_S):
            for door in serving:
                door.stop_taking()
            engine.stop()
            await engine.wait_ended()
            with suppress(StorageError):
                await engine.wait_durable()
            for door in serving:
                await door.wait_delivered()

    def _reserve(self, directory: DataDirectory) -> Reserve:
        path = directory.path if self._own is None else directory.path / "trading" / str(self._own)
        return Reserve(path, self._settings.journal.reserve_bytes, on_space_low=self._tell_space_low)

    async def _join(self, nursery: trio.Nursery, engine: Engine) -> None:
        """Take part among other partitions: follow partition 0, and tell it what it should pass on."""
        engine.neighbours = functools.partial(
            _neighbours, self._data, self._number, engine.directory.partitions
        )
        if self._number == 0:
            return
        following = engine.following()
        await nursery.start(following.run)
        if engine.partition.restricted:
            self._say(f"partition {self._number}: {engine.partition.restricted}")
        passing = egress.PassingOn(
            self._data, self._context, lambda: engine.partition.trading, following.confirmed
        )
        nursery.start_soon(passing.run)

    async def _stop_with_parent(self) -> None:
        await wait_parent_gone()
        self._say(f"partition {self._number}: the ledger that started it has gone, stopping")
        self.stop()

    async def _watch_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                self._say(f"{signal.Signals(number).name}: stopping")
                self.stop()

    def _announce(
        self, directory: DataDirectory, engine: Engine, on_ready: Callable[[dict[str, Any]], None]
    ) -> None:
        directory.announce(engine.endpoints["commands"])
        write_endpoints(self._data, directory.lineage, engine.endpoints, self._number, directory.partitions)
        for name, recovered in engine.recovered.items():
            rate = f", {recovered.events / recovered.seconds:,.0f}/s" if recovered.events > 10_000 else ""
            self._say(f"recovered {recovered.events:,} {name} events in {recovered.seconds:.2f} s{rate}")
        on_ready(
            {
                "lineage": directory.lineage,
                "data": str(self._data),
                "endpoints": engine.endpoints,
                "place": f"trading/{self._number}:{engine.open_trading.durable_seq}",
                "epoch": engine.epoch,
            }
        )

    def _places(self, engine: Engine) -> str:
        number = self._number
        return f"trading/{number}:{engine.open_trading.durable_seq} market/{number}:{engine.open_market.durable_seq}"


def _neighbours(data: Path, own: int, partitions: int) -> list[dict[str, Any]]:
    """Where the other partitions listen, or listened last."""
    rows: list[dict[str, Any]] = []
    for number in range(partitions):
        if number != own:
            with suppress(NoEndpoints):
                rows.append({"partition": number, **read_endpoints(data, number).endpoints})
    return rows


def ready_line(about: dict[str, Any]) -> str:
    """The line that scripts wait for on standard output."""
    return f"ready {msgspec.json.encode(about).decode()}"
