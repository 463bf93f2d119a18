"""Kills of projectors, servers and the ledger amid a nasty venue and quotes; at the end every sink equals the fold.

PostgreSQL, Redis and QuestDB run as real servers of this run's own, all three projected into. `count` is the number of
kills, about one a second.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from _faults_kill_load import wait_traded
from ledger.client import connect
from ledger.client.stores import PostgresStore
from ledger.config import load
from ledger.projections import registry
from ledger.projections.audit import audit
from ledger.projections.status import read_status
from ledger.testing import Child
from ledger.testing.servers import SERVERS, Missing, Server
from ledger.testing.servers.process import install

PAUSE_S: Final = 0.8
ORDERS: Final = 4000
RATE: Final = 250
CAUGHT_UP_S: Final = 120.0
ENGINE: Final = "ledger"


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`failed`: sinks that differ from the fold, simulations that did not agree, orders that PostgreSQL lacks or has twice."""
    counts: Counter[str] = Counter({"failed": 0})
    folder.chmod(0o755)  # a server of another user must reach its directory
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_running(kind(folder / name))) for name, kind in SERVERS.items()}
        overlay = _overlay(folder, list(servers.values()))
        child = stack.enter_context(Child(folder / "data", config=overlay))
        child.start()
        _kill_for_a_while(folder, child, servers, counts, count, Random(seed))
        _compare(folder / "data", overlay, counts)
        child.stop()  # its projectors end with it, before the directory goes
    return counts


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
    except Missing:
        if not install(server.packages):
            raise
        server.start()
    try:
        yield server
    finally:
        server.remove()


def _overlay(folder: Path, servers: list[Server]) -> Path:
    whole: dict[str, Any] = {"doors": {"base_port": 0}, "projections": {}}
    for server in servers:
        settings = server.settings()
        whole["projections"] |= settings.pop("projections")
        whole |= settings
    path = folder / "local.yaml"
    path.write_bytes(msgspec.json.encode(whole))
    return path


def _kill_for_a_while(
    folder: Path, child: Child, servers: dict[str, Server], counts: Counter[str], count: int, random: Random
) -> None:
    simulation = _simulate(folder, 1)
    runs = 1
    for _ in range(count):
        time.sleep(PAUSE_S * random.uniform(0.3, 1.7))
        if simulation.poll() is not None:
            _judge(folder, simulation, runs, counts)
            runs += 1
            simulation = _simulate(folder, runs)
        victim = random.choice((ENGINE, *servers, *(f"projector {name}" for name in servers)))
        counts[f"{victim.split()[0]} killed"] += 1
        if victim == ENGINE:
            child.kill()
            child.start()
        elif victim in servers:
            servers[victim].kill()
            servers[victim].start()
        else:
            status = read_status(folder / "data", victim.split()[1])
            if status is not None:
                with suppress(ProcessLookupError):
                    os.kill(status.pid, signal.SIGKILL)
    simulation.wait()
    _judge(folder, simulation, runs, counts)


def _simulate(folder: Path, number: int) -> subprocess.Popen[bytes]:
    words = ["simulate", "--nasty", "--orders", str(ORDERS), "--rate", str(RATE), "--seed", str(number)]
    with (folder / "simulate.log").open("wb") as log:
        command = [sys.executable, "-m", "ledger.cli", *words, "--data", str(folder / "data")]
        simulation = subprocess.Popen(command, stdout=log, stderr=log)
    wait_traded(folder / "data", simulation)
    return simulation


def _judge(folder: Path, simulation: subprocess.Popen[bytes], number: int, counts: Counter[str]) -> None:
    counts["simulations"] += 1
    if simulation.returncode != 0:
        counts["failed"] += 1
        told = (folder / "simulate.log").read_text(errors="replace")[-800:]
        print(f"simulation {number} ended with {simulation.returncode}: {told}", file=sys.stderr)


def _compare(data: Path, overlay: Path, counts: Counter[str]) -> None:
    settings = load(overlay).settings
    with connect(data) as ledger:
        journals = ledger.head()["journals"]
        for name in SERVERS:
            for journal in registry.make(settings, name, 0).journals:
                ledger.wait_for(journals[journal][0]["head"], name, timeout=CAUGHT_UP_S)
        ordered = Counter((row["symbol"], row["client_order_id"]) for row in ledger.query("orders"))
    counts["orders"] = len(ordered)
    for name in SERVERS:
        sink = registry.make(settings, name, 0)
        for journal in sink.journals:
            found = audit(data, sink, journal, 0)
            counts["rows compared"] += found.rows
            counts["differences"] += len(found.differences)
            counts["failed"] += bool(found.differences)
        sink.close()
    with PostgresStore(settings) as store:
        there = Counter((row["symbol"], row["client_order_id"]) for row in store.orders())
    counts["failed"] += there != ordered
