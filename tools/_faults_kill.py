"""SIGKILL at every kind of write and sync of a writer, and of a trading ledger at random moments; both commit modes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from _faults_writer import calls, points, what_is_wrong, write
from ledger.journal import verify
from ledger.testing import Child

FRAMES = 40
MODES = ("wal", "lmdb")
UNREACHABLE = 3
"""The exit code of a simulation that got no answer."""


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """Two thirds of the kills are at calls, one third at random moments of a whole ledger under load."""
    counts: Counter[str] = Counter(
        {
            "points": 0,
            "killed": 0,
            "acknowledged": 0,
            "random kills": 0,
            "orders": 0,
            "not compared": 0,
            "failed": 0,
        }
    )
    random_kills = max(2, count // 3)
    for mode in MODES:
        at_calls(folder / mode, mode, seed, max(1, (count - random_kills) // 2), counts)
        at_random(folder / f"random-{mode}", mode, seed, -(-random_kills // 2), counts)
    return counts


def at_calls(folder: Path, mode: str, seed: int, count: int, counts: Counter[str]) -> None:
    folder.mkdir()
    most = calls(folder / "counted", mode, seed, FRAMES)
    for index, (name, number) in enumerate(points(most, count)):
        data = folder / str(index)
        inject = ["-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]
        acks, code, _ = write(data, mode, seed, FRAMES, inject)
        counts["points"] += 1
        counts["killed"] += code != 0
        counts["acknowledged"] += len(acks)
        wrong = what_is_wrong(data, acks, MODES[index % 2])
        if wrong:
            counts["failed"] += 1
            print(f"{mode}: killed at {name} {number}: {wrong}")


def at_random(folder: Path, mode: str, seed: int, kills: int, counts: Counter[str]) -> None:
    """A simulation trades against a ledger that is killed again and again, and compares it with its own books."""
    moments = random.Random(seed)
    orders = 1500 * kills
    with Child(folder / "data", [f"journal.trading.commit={mode}"]) as ledger:
        ledger.start()
        command = [
            "simulate",
            "--orders",
            str(orders),
            "--seed",
            str(seed),
            "--data",
            str(ledger.data),
            "--json",
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        trading = subprocess.Popen(
            [sys.executable, "-m", "ledger.cli", *command], stdout=subprocess.PIPE, env=environment
        )
        try:
            for _ in range(kills):
                time.sleep(moments.uniform(0.2, 1.5))
                if trading.poll() is not None:
                    break
                ledger.kill()
                counts["random kills"] += 1
                report = verify(ledger.data)
                if not report.ok:
                    counts["failed"] += 1
                    print(f"{mode}: {report.problems[0]}")
                ledger.start()
            said, _ = trading.communicate(timeout=300)
        finally:
            if trading.poll() is None:
                trading.kill()
        ledger.stop()
    counts["orders"] += orders
    if trading.returncode == UNREACHABLE:
        counts["not compared"] += 1
        print(f"{mode}: the ledger did not answer in time: nothing was compared; run this on an idle machine")
    elif trading.returncode:
        counts["failed"] += 1
        print(f"{mode}: the simulation disagrees: {json.loads(said or b'{}')}")
