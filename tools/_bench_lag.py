"""How far the projections are behind a running ledger that takes 20,000 events a second, and what they cost it.

Orders and market data come through the doors at a fixed pace whatever comes back, reports half a second after their
orders. Ten times a second each projector's own status is read. Checked: each projection ends at the journals' heads,
and nothing was parked.
"""

from __future__ import annotations

import heapq
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from _bench_client import ask, converse
from _bench_load import definitions, market, orders, submits
from _bench_result import Figures, check, say
from _servers import merge
from ledger.projections.status import read_status
from ledger.testing import Child
from ledger.testing.servers import SERVERS, Missing
from ledger.wire import encode_messages

RATE_HZ: Final = 20_000
REPORTED_AFTER_S: Final = 0.5
LOOK_S: Final = 0.1
CAUGHT_UP_S: Final = 120.0
ROOM: Final = ("engine.queue_max=65536",)
CORES_NEEDED: Final = 8
"""Without a load: the engine, its client, three projectors, the follower, and two at least for three servers."""
SHAPE: Final = (64, 64, 200)
"""(messages in flight, commands a message, messages)."""


class LagBench:
    """A ledger with every projection that has a server here; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, seconds: float) -> None:
        self._figures = figures
        self._root = root
        self._seed = seed
        self._seconds = seconds
        self._definitions = encode_messages(definitions(seed))

    def round(self) -> None:
        """Steady lag; then what the engine takes with projectors beside it and without."""
        with tempfile.TemporaryDirectory(dir=self._root) as directory, ExitStack() as stack:
            path = Path(directory)
            path.chmod(0o755)
            names, overlay = self._servers(path, stack)
            if not names:
                return
            with Child(path / "data", ROOM, overlay) as child:
                endpoints = child.start()["endpoints"]
                self._steady(path / "data", endpoints, names)
                check(child.stop() == 0, "serve did not end cleanly")
            idle = (os.cpu_count() or 1) - os.getloadavg()[0]
            if idle < CORES_NEEDED:
                say(
                    f"engine with projectors on and off: not measurable here: {idle:.1f} cores are free,"
                    f" {CORES_NEEDED} are needed"
                )
                return
            off = self._throughput(path / "off", None)
            self._figures.add("projections engine, all off", "commands/s", off)
            on = self._throughput(path / "on", overlay)
            self._figures.add("projections engine, all on", "commands/s", on, "projections engine, all off")

    def _servers(self, path: Path, stack: ExitStack) -> tuple[list[str], Path]:
        whole: dict[str, Any] = {}
        names: list[str] = []
        for name, kind in SERVERS.items():
            try:
                server = kind(path / name).start()
            except Missing as missing:
                say(f"{name}: {missing}")
                continue
            stack.callback(server.remove)
            merge(whole, server.settings())
            names.append(name)
        overlay = path / "overlay.yaml"
        overlay.write_bytes(msgspec.json.encode(whole))
        return names, overlay

    def _throughput(self, data: Path, overlay: Path | None) -> float:
        """Commands a second over the door, answered durable."""
        flight, each, count = SHAPE
        payloads = [it[1] for it in submits(self._seed, each * count, each, "side-").messages]
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            with Child(data, ROOM, overlay) as child:
                door = child.start()["endpoints"]["commands"]
                ask(context, door, self._definitions)
                seconds = converse(context, [(door, payloads)], flight).seconds
        finally:
            context.destroy(linger=0)
        return each * count / seconds

    # ---- steady --------------------------------------------------------------------------------------------

    def _schedule(self) -> list[tuple[float, str, bytes]]:
        """(when, door, message): half orders with their reports, half market data."""
        half = int(self._seconds * RATE_HZ / 2)
        due: list[list[tuple[float, str, bytes]]] = []
        for made in (orders(self._seed, half), market(self._seed, half)):
            step = self._seconds / len(made.messages)
            for late, chosen in ((0.0, False), (REPORTED_AFTER_S, True)):
                due.append(
                    [
                        (at * step + late, door, payload)
                        for at, (door, payload) in enumerate(made.messages)
                        if (door == "reports") is chosen
                    ]
                )
        return list(heapq.merge(*due))

    def _steady(self, data: Path, endpoints: dict[str, str], names: list[str]) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            ask(context, endpoints["commands"], self._definitions)
            _wait_caught_up(data, names)
            lags, seconds, answers = self._feed(context, data, endpoints, names)
            check(answers > 0, "nothing was answered")
        finally:
            context.destroy(linger=0)
        begun = time.perf_counter()
        events = _wait_caught_up(data, names)
        due = (
            RATE_HZ * self._seconds / (self._seconds + REPORTED_AFTER_S)
        )  # the reports come to their end later
        self._add("steady events taken in", "events/s", events / seconds, f"{due:,.0f} were due")
        self._add("steady caught up after", "s", time.perf_counter() - begun, "from the last answer on")
        for name in names:
            for at, unit in ((0, "events"), (1, "s")):
                values = sorted(each[at] for each in lags[name])
                for percent in (50, 99):
                    value = values[min(len(values) - 1, len(values) * percent // 100)]
                    self._add(f"{name} steady lag p{percent} in {unit}", unit, value)
        self._figures.count("events that every projection ended with", events)

    def _feed(
        self, context: zmq.Context[Any], data: Path, endpoints: dict[str, str], names: list[str]
    ) -> tuple[dict[str, list[tuple[int, float]]], float, int]:
        """(lags of each projection, seconds until the last answer, answers)."""
        schedule = self._schedule()
        sockets = {door: context.socket(zmq.DEALER) for door in {door for _, door, _ in schedule}}
        poller = zmq.Poller()
        for door, socket in sockets.items():
            socket.setsockopt(zmq.RCVHWM, 0)
            socket.setsockopt(zmq.SNDHWM, 0)
            socket.connect(endpoints[door])
            poller.register(socket, zmq.POLLIN)
        lags: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
        sent = answers = 0
        begun = looked = time.perf_counter()
        deadline = begun + self._seconds + CAUGHT_UP_S
        while answers < len(schedule):
            now = time.perf_counter()
            check(now < deadline, f"{len(schedule) - answers} messages have no answer")
            while sent < len(schedule) and now - begun >= schedule[sent][0]:
                sockets[schedule[sent][1]].send(schedule[sent][2])
                sent += 1
            if now - looked >= LOOK_S:
                looked = now
                for name in names:
                    lags[name].append(_lag(data, name))
            for socket, _ in poller.poll(1):
                socket.recv()
                answers += 1
        return lags, time.perf_counter() - begun, answers

    def _add(self, name: str, unit: str, value: float, note: str = "") -> None:
        self._figures.add(f"projections {name}", unit, value, note=note)


def _lag(data: Path, name: str) -> tuple[int, float]:
    status = read_status(data, name)
    assert status is not None, name
    return sum(it.lag_events for it in status.journals), max(it.lag_s for it in status.journals)


def _wait_caught_up(data: Path, names: list[str]) -> int:
    """Until each projection is at the head of each of its journals; how many events those hold."""
    deadline = time.perf_counter() + CAUGHT_UP_S
    while True:
        found = [read_status(data, name) for name in names]
        done = [
            it for it in found if it is not None and it.state == "following" and it.error == ""
            and it.journals and all(each.head and not each.lag_events for each in it.journals)
        ]  # fmt: skip
        if len(done) == len(names):
            check(not any(it.parked for it in done), "rows were parked")
            heads = {each.journal: each.head for it in done for each in it.journals}
            if all(each.head == heads[each.journal] for it in done for each in it.journals):
                return sum(heads.values())
        check(time.perf_counter() < deadline, f"projections did not catch up: {found}")
        time.sleep(LOOK_S)
