"""Random kills of a whole `serve` under load, with its followers: a simulation compares it with its own books at the end.

With three partitions one engine alone is killed now and then, and starts again by itself.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from ledger.endpoints import NoEndpoints, read_endpoints
from ledger.errors import Corrupt, Unavailable
from ledger.journal import JournalReader, verify
from ledger.testing import Child, kill_named

KILLS = 12
"""Of one ledger; then a new one."""
ORDERS_A_KILL = 600
PATIENCE_S = 900
Counts = Counter[str]


def at_random(folder: Path, kills: int, seed: int, counts: Counts) -> None:
    """Both commit modes, one and three partitions, in turn."""
    folder.mkdir()
    turns = [(mode, partitions) for partitions in (1, 3) for mode in ("wal", "lmdb")]
    for number, at in enumerate(range(0, kills, KILLS)):
        mode, partitions = turns[number % len(turns)]
        failed = counts["failed"]
        _one(folder / str(number), mode, partitions, min(KILLS, kills - at), seed + number, counts)
        if counts["failed"] > failed:  # the caller's folder goes with the run
            kept = Path(tempfile.mkdtemp(prefix="ledger-kill-failed-"))
            shutil.copytree(folder / str(number), kept, dirs_exist_ok=True)
            print(f"kept, with what the ledger said, in {kept}", flush=True)
        _remove(folder / str(number))


def _remove(folder: Path) -> None:
    """A follower whose ledger was killed while it started may still make its lock here, before it sees that."""
    until = time.monotonic() + PATIENCE_S
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


def _one(folder: Path, mode: str, partitions: int, kills: int, seed: int, counts: Counts) -> None:
    moments = random.Random(seed)
    orders = ORDERS_A_KILL * kills
    sets = (f"journal.trading.commit={mode}", "journal.trading.wal_bytes=16777216")
    with Child(folder / "data", (*sets, f"engine.partitions={partitions}")) as ledger:
        ledger.start()
        trading = _simulation(ledger.data, orders, seed)
        try:
            wait_traded(ledger.data, trading)
            for _ in range(kills):
                time.sleep(moments.uniform(0.1, 1.5))
                _kill(ledger, partitions, moments, counts)
            said, _ = trading.communicate(timeout=PATIENCE_S)
        finally:
            if trading.poll() is None:
                trading.kill()
                trading.wait()
        _still_runs(ledger, "before its stop", counts)
        _wait_all_listen(ledger.data, partitions)
        if code := ledger.stop():
            counts["failed"] += 1
            print(f"{mode}, {partitions} partitions, seed {seed}: stopped with {code}", flush=True)
        _verify(ledger.data, f"{mode}, {partitions} partitions, at the end", counts)
    counts["orders"] += orders
    if trading.returncode:
        counts["failed"] += 1
        what = f"{mode}, {partitions} partitions, seed {seed}: exit {trading.returncode}"
        print(f"{what}: {said.decode()[-500:]}", flush=True)


def _simulation(data: Path, orders: int, seed: int) -> subprocess.Popen[bytes]:
    words = ["simulate", "--orders", str(orders), "--seed", str(seed), "--data", str(data), "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "ledger.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)


def wait_traded(data: Path, trading: subprocess.Popen[bytes]) -> None:
    """Until the simulation has reached the ledger: from then on it has the patience to find it again.

    Killed before, the first dial would find nobody within its three seconds, which is what it is to say.
    """
    until = time.monotonic() + PATIENCE_S
    with JournalReader(data, "trading", 0, wal=False) as reader:
        before = reader.settled().seq
    while trading.poll() is None and time.monotonic() < until:
        with suppress(Unavailable), JournalReader(data, "trading", 0, wal=False) as reader:
            if reader.settled().seq > before + 50:
                return
        time.sleep(0.05)


def _kill(ledger: Child, partitions: int, moments: random.Random, counts: Counts) -> None:
    counts["random kills"] += 1
    roll = moments.random()
    if roll < 0.15 and (pid := _follower(ledger.data, moments.randrange(partitions))):
        kill_named(pid, ledger.data)
        return
    if partitions > 1 and roll < 0.6:
        with suppress(ProcessLookupError, AssertionError):  # it may be starting again just now
            ledger.kill_partition(moments.randrange(partitions))
        return
    _still_runs(ledger, "before a kill", counts)
    ledger.kill()
    _verify(ledger.data, "after a kill", counts)
    ledger.start()


def _wait_all_listen(data: Path, partitions: int) -> None:
    """A partition that is starting again just now cannot stop cleanly."""
    until = time.monotonic() + PATIENCE_S
    for partition in range(partitions):
        while time.monotonic() < until:
            with suppress(NoEndpoints):
                read_endpoints(data, partition)
                break
            time.sleep(0.05)


def _still_runs(ledger: Child, when: str, counts: Counts) -> None:
    """One that has ended by itself would look to the simulation like one that was killed."""
    code = ledger.ended()
    if code is not None:
        counts["failed"] += 1
        said = ledger.log.read_text(errors="replace").splitlines()[-20:]
        print(f"{when}: it had ended by itself with exit code {code}", *said, sep="\n  ", flush=True)


def _follower(data: Path, partition: int) -> int:
    try:
        return int((data / "index" / str(partition) / "follower.lock").read_text() or 0)
    except FileNotFoundError:
        return 0


def _verify(data: Path, when: str, counts: Counts) -> None:
    try:
        problems = verify(data).problems
    except (Corrupt, Unavailable) as error:
        problems = [error]
    if problems:
        counts["failed"] += 1
        print(f"{when}: {problems[0]}")
