"""Recovery: replay against the plain decoding of the same frames, the follower, and starts with and without its work.

    tools/bench recovery                   10^5 and 10^6 events, 1,000 orders open (--quick: 10^5; --large: 10^7 too)
    python tools/_bench_recovery.py --events 10000000 --open 1000 [--dir DIR] [--only-with]
    python tools/_bench_recovery.py --orders 10000000      the same by the number of orders, four events each

A journal of 10^7 events is a gigabyte and a half on disk and twice as much again with its index; a start without
index (recovery.follower=false) holds every closed order in memory. Each start is a process of its own; its memory is read when it is ready.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import _bench_memory
from _bench_memory import EVENTS_AN_ORDER
from _bench_result import Figures, check, table
from ledger.codec import decode_events
from ledger.collecting import no_collection
from ledger.fold import TradingFold, apply_frame
from ledger.journal import Frame, JournalReader

OPEN: Final = 1000
TURN_FRAMES: Final = 64
"""Frames decoded plainly and folded in turn: so both see the same machine."""
SAMPLE_EVENTS: Final = 1_000_000
"""Replay is compared with decoding over so many events of a journal."""

READY: Final = """
import json, sys, time, trio
from pathlib import Path
from ledger.engine_wiring import engine_settings
from ledger.config import load
from ledger.engine import Engine
from ledger.journal import create_or_open
from ledger.projections.index_first import index_first
data = create_or_open(Path(sys.argv[1]), partitions=1)
loaded = load(None, sys.argv[2:]).settings
settings = engine_settings(loaded)
async def main():
    engine = Engine(data, 0, settings)
    begun, began_cpu = time.perf_counter(), time.process_time()
    index_first(loaded, data.path, 0, lambda _: None, lambda: False)
    cpu = time.process_time() - began_cpu
    engine.open(trio.lowlevel.current_trio_token())
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        ready, cpu_all = time.perf_counter() - begun, time.process_time() - began_cpu
        while engine.passivation is not None and engine.passivation.look():
            pass
        status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
        trading = engine.partition.trading
        print(json.dumps({
            "ready_s": ready,
            "cpu_s": cpu_all,
            "index_cpu_s": cpu,
            "rss_mib": int(status["RssAnon"].split()[0]) / 1024,
            "peak_mib": int(status["VmHWM"].split()[0]) / 1024,
            "in_memory": len(trading.orders),
            "folded": engine.recovered["trading"].events,
            "snapshot": engine.recovered["trading"].from_seq,
            "digest": f"{trading.digest():032x}",
            "report": engine.start_report,
        }))
        engine.stop()
    data.close(engine.close())
trio.run(main)
"""


class RecoveryBench:
    """Journals of so many events each, made once a round."""

    def __init__(self, figures: Figures, root: Path, sizes: tuple[int, ...]) -> None:
        self._figures = figures
        self._root = root
        self._sizes = sizes

    def round(self) -> None:
        """Every size in turn."""
        for events in self._sizes:
            with tempfile.TemporaryDirectory(prefix="recovery-", dir=self._root) as directory:
                measure(self._figures, Path(directory) / "data", events // EVENTS_AN_ORDER, OPEN)


def measure(figures: Figures, data: Path, orders: int, still_open: int, *, only_with: bool = False) -> None:
    """Write the journal, replay it, start from it, follow it, start again with what the follower made."""
    events = _bench_memory.write(data, orders, still_open)
    name = f"recovery {events:,}"
    _replay(figures, data, name)
    bare = (
        None
        if only_with
        else _start(figures, data, name, "without snapshot or index", "recovery.follower=false")
    )
    built = _start(figures, data, name, "the index built first", "recovery.in_memory_events_max=1")
    figures.add(
        f"{name} follow",
        "events/s",
        events / built["index_cpu_s"],
        f"{name} decode",
        "CPU of the index built first, with snapshots",
    )
    with_snapshot = _start(figures, data, name, "with snapshot and index")
    check(bool(with_snapshot["snapshot"]), f"{name}: the snapshot was not used: {with_snapshot['report']}")
    check(with_snapshot["in_memory"] == still_open, f"{name}: {with_snapshot['in_memory']} orders in memory")
    if bare is None:
        return
    shutil.rmtree(data / "snapshots")
    without = _start(figures, data, name, "snapshots deleted, with the index")
    for each in (bare, without):
        check(each["folded"] >= events, f"{name}: {each['folded']} events were folded")
        check(each["digest"] == with_snapshot["digest"], f"{name}: another digest")
    check(built["digest"] == with_snapshot["digest"], f"{name}: another digest")
    figures.count("digests after recoveries", 4)


def _replay(figures: Figures, data: Path, name: str) -> None:
    """Events a second of one core's time, decoding and folding the same frames in turn."""
    fold, decoding, folding, events = TradingFold(), 0.0, 0.0, 0
    with no_collection(), fold.entities.unnoted(), JournalReader(data, "trading", 0) as reader:
        some: list[Frame] = []
        end = reader.head().seq
        for frame in reader.frames():
            some.append(frame)
            if len(some) < TURN_FRAMES and frame.last_seq < end:
                continue
            decoding += _cpu(lambda: [decode_events(each.payload) for each in some])
            folding += _cpu(lambda: [apply_frame(fold, each, end, "") for each in some])
            events += sum(each.count for each in some)
            some.clear()
            if events >= SAMPLE_EVENTS:
                break
    figures.add(f"{name} decode", "events/s", events / decoding, note="CPU")
    figures.add(f"{name} replay", "events/s", events / folding, f"{name} decode", "CPU, decoding within")


def _cpu(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _start(figures: Figures, data: Path, name: str, what: str, *settings: str) -> dict[str, Any]:
    """A start in a process of its own."""
    command = [sys.executable, "-c", READY, str(data), *settings]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said: dict[str, Any] = json.loads(done.stdout)
    figures.add(f"{name} ready, {what}", "s", said["ready_s"], note=f"{said['cpu_s']:.2f} s of CPU")
    figures.add(
        f"{name} memory, {what}",
        "MiB",
        said["rss_mib"],
        note=f"RssAnon when ready; at most {said['peak_mib']:.0f} with files",
    )
    return said


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="*", default=[])
    parser.add_argument("--orders", type=int, nargs="*", default=[])
    parser.add_argument("--open", type=int, default=OPEN)
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--only-with", action="store_true", help="leave out the starts that fold everything")
    given = parser.parse_args()
    figures = Figures()
    for orders in (*given.orders, *(events // EVENTS_AN_ORDER for events in given.events)):
        with tempfile.TemporaryDirectory(prefix="ledger-recovery-", dir=given.dir) as directory:
            measure(figures, Path(directory) / "data", orders, given.open, only_with=given.only_with)
    print(f"load {os.getloadavg()}")
    print(table(figures.results()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
