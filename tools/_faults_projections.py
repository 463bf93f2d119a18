"""Kills of projectors, servers and the ledger amid a nasty venue and captures; at the end every sink equals the fold.

PostgreSQL, Redis and QuestDB run as real servers of this run's own, all three projected into. `count` is how many
seconds of killing: one simulation after the other goes on through all of them, 100,000 orders in ten minutes where the
machine can, beside feeds of the captures in LEDGER_DATA or ../shared/data, where there are any.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, final

import msgspec

from _environment import ROOT
from ledger.client import connect
from ledger.client.stores import PostgresStore
from ledger.config import load
from ledger.errors import Unavailable
from ledger.projections import registry
from ledger.projections.audit import audit
from ledger.projections.status import read_status
from ledger.testing import Child, kill_named
from ledger.testing.servers import SERVERS, Missing, Server
from ledger.testing.servers.process import install

PAUSE_S: Final = 0.8
"""Between two kills, on average; beside it the time that what was killed takes to be back."""
RATE: Final = 170
"""Orders a second."""
ORDERS: Final = 5000
"""Of one simulation; the next one has another seed."""
NOT_REACHED: Final = 3
"""Exit code of a command that found no ledger. A feed is then started again, to go on where it was."""
FEED_ENDS: Final = (None, 0, NOT_REACHED)
STARTS: Final = 3
CAUGHT_UP_S: Final = 300.0
ENGINE: Final = "ledger"
CAPTURES: Final = Path(os.environ.get("LEDGER_DATA", ROOT.parent / "shared" / "data"))
FEEDS: Final = (
    ("binance", "binance/spot_*", "--speed", "4"),
    ("kraken", "kraken/KRAKEN.*", "--speed", "4"),
)
"""(venue, its captures, options)."""

_ALARM: Final = re.compile(r"^(?:postgres|redis|questdb) at \d+: .*", re.MULTILINE)
"""What the auditor beside the projectors says of a difference."""


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`failed`: sinks that differ from the fold, a simulation that did not agree, parked rows, orders that PostgreSQL
    lacks or has twice."""
    counts: Counter[str] = Counter({"failed": 0})
    folder.chmod(0o755)  # a server of another user must reach its directory
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_running(kind(folder / name))) for name, kind in SERVERS.items()}
        overlay = _overlay(folder, list(servers.values()))
        child = stack.enter_context(Child(folder / "data", config=overlay))
        child.start()
        _kill_for_a_while(folder, child, servers, counts, count, Random(seed))
        _compare(folder / "data", overlay, counts)
        alarms = _ALARM.findall(child.log.read_text())
        counts["false alarms"], counts["failed"] = len(alarms), counts["failed"] + len(alarms)
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
    whole: dict[str, Any] = {
        "doors": {"base_port": 0},
        "projections": {"audit_interval_s": 2, "audit_pass_s": 20},
    }
    for server in servers:
        settings = server.settings()
        whole["projections"] |= settings.pop("projections")
        whole |= settings
    path = folder / "local.yaml"
    path.write_bytes(msgspec.json.encode(whole))
    return path


def _kill_for_a_while(
    folder: Path, child: Child, servers: dict[str, Server], counts: Counter[str], seconds: int, random: Random
) -> None:
    end = time.monotonic() + seconds
    with ExitStack() as stack:
        begun = [stack.enter_context(_Command(folder, words)) for words in (_simulation(1), *_feeds())]
        simulation, feeds = begun[0], begun[1:]
        counts["feeds"] = len(feeds)
        while (left := end - time.monotonic()) > 0 or simulation.code() is None:
            if left < -CAUGHT_UP_S:
                break  # the machine is too slow: what was acknowledged so far is judged
            time.sleep(PAUSE_S * random.uniform(0.3, 1.7))
            if left > 0:
                _kill_one(folder / "data", child, servers, counts, random)
            if left > 0 and simulation.code() is not None:
                _judge(simulation, counts)
                simulation.again(_simulation(counts["simulations"] + 1))
            for feed in feeds:
                if feed.code() == NOT_REACHED:
                    feed.again(feed.words)
        _judge(simulation, counts)
        for feed in feeds:
            if feed.code() not in FEED_ENDS:
                counts["failed"] += 1
                feed.tell()


def _judge(simulation: _Command, counts: Counter[str]) -> None:
    counts["simulations"] += 1
    if simulation.code() in (
        None,
        NOT_REACHED,
    ):  # the ledger was killed when it asked, and not back soon enough
        counts["not compared"] += 1
    elif simulation.code() != 0:
        counts["failed"] += 1
        simulation.tell()


def _kill_one(
    data: Path, child: Child, servers: dict[str, Server], counts: Counter[str], random: Random
) -> None:
    victim = random.choice((ENGINE, *servers, *(f"projector {name}" for name in servers)))
    counts[f"{victim.split()[0]} killed"] += 1
    if victim == ENGINE:
        child.kill()
        _start(child, counts)
    elif victim in servers:
        servers[victim].kill()
        servers[victim].start()
    else:
        status = read_status(data, victim.split()[1])
        if status is not None:
            kill_named(status.pid, data)


def _start(child: Child, counts: Counter[str]) -> None:
    """On a machine that is far too busy it may not be ready in time: it is asked for again."""
    for tries_left in reversed(range(STARTS)):
        try:
            child.start()
            return
        except Unavailable:
            counts["slow starts"] += 1
            if not tries_left:
                print(child.log.read_text(errors="replace")[-3000:], file=sys.stderr)
                raise


def _simulation(number: int) -> list[str]:
    return ["simulate", "--nasty", "--orders", str(ORDERS), "--rate", str(RATE), "--seed", str(number)]


def _feeds() -> list[list[str]]:
    """The words of a feed of each venue of which there are captures."""
    found = [(venue, sorted(CAPTURES.glob(pattern)), options) for venue, pattern, *options in FEEDS]
    return [["feed", venue, *map(str, paths), *options] for venue, paths, options in found if paths]


@final
class _Command:
    """A command of the ledger on this data directory, ended with its block."""

    def __init__(self, folder: Path, words: list[str]) -> None:
        self._data = folder / "data"
        self._log = folder / f"{'-'.join(words[:2])}.log"
        self.again(words)

    def __enter__(self) -> _Command:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.code() is None:
            self._process.kill()
        self._process.wait()

    def again(self, words: list[str]) -> None:
        """Begin, once it has ended."""
        self.words = words
        command = [sys.executable, "-m", "ledger.cli", *words, "--data", str(self._data)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def tell(self) -> None:
        """How it ended, and what it said last."""
        said = self._log.read_text(errors="replace").strip()[-800:]
        print(f"{' '.join(self.words)} ended with {self.code()}: {said}", file=sys.stderr)


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
        status = read_status(data, name)
        assert status is not None
        counts["parked"] += status.parked
        counts["failed"] += status.parked
        sink = registry.make(settings, name, 0)
        for journal in sink.journals:
            found = audit(data, sink, journal, 0)
            counts["rows compared"] += found.rows
            counts["differences"] += len(found.differences)
            counts["failed"] += bool(found.differences)
            for difference in found.differences[:20]:
                print(f"{name}: {difference}", file=sys.stderr)
        sink.close()
    with PostgresStore(settings) as store:
        there = Counter((row["symbol"], row["client_order_id"]) for row in store.orders())
    counts["failed"] += there != ordered
