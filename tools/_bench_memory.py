"""Memory and time to ready against history: a journal of many closed and few open orders, written through the codec.

    python tools/_bench_memory.py --orders 100000 --open 1000 [--data DIR]

Writes the journal (four events an order, 256 a frame), follows it, and starts an engine on it three times: with
snapshot and index, and without either; each in a process of its own, whose memory is read when it is ready.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ledger.codec import encode_events
from ledger.domain.enums import Liquidity, OrderType, Side, TimeInForce
from ledger.domain.events import (
    EngineStarted,
    InstrumentDefined,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
    StrategyDefined,
)
from ledger.journal import Frame, FrameDraft, LmdbCommit, chain_frame, create_or_open

EVENTS_AN_ORDER = 4
EVENTS_A_FRAME = 256
FRAMES_A_SYNC = 100
BEGUN_NS = 1_763_650_000_000_000_000


def events_of(orders: int, still_open: int) -> Iterator[Any]:
    """The journal's events: definitions, then each order submitted, accepted, filled in two parts; the last stay open."""
    yield EngineStarted(1, "bench", {})
    yield InstrumentDefined("AAPL", "XNAS", 4, 0, 1, 1, 10**8, "USD", False, False, "24/7")
    yield StrategyDefined("S1", "ACC")
    seq = 3
    for number in range(orders):
        name, order_id, venue = f"c{number}", seq + 1, f"v{number}"
        side = Side.BUY if number % 2 else Side.SELL
        command_id = (BEGUN_NS // 10**6).to_bytes(6, "big") + b"\x70\x00" + number.to_bytes(8, "big")
        at, gw = BEGUN_NS + seq, ("gw", 1)
        limit = (side, OrderType.LIMIT, 100, 100_000, None, TimeInForce.DAY)
        yield OrderSubmitted(name, "S1", "ACC", "AAPL", "XNAS", *limit, command_id, "bench", at)
        head = ("AAPL", name, "S1", "XNAS", *gw)
        yield OrderAccepted(*head, 3 * number + 1, at, at, "bench", venue)
        seq += 2
        if number >= orders - still_open:
            continue
        for part in (1, 2):
            terms = (f"x{number}-{part}", "2025-11-20", 50, 100_000, 0, "", Liquidity.UNKNOWN, venue)
            report = (*head, 3 * number + 1 + part, at, at, "bench")
            yield OrderFilled(*report, order_id, name, "ACC", side, *terms)
            seq += 1


def write(directory: Path, orders: int, still_open: int) -> int:
    """Write the journal; its number of events."""
    data = create_or_open(directory, partitions=1, command="bench")
    commit = LmdbCommit(data.journal("trading", 0))
    head = commit.open()
    events = events_of(orders, still_open)
    while True:
        frames: list[Frame] = []
        for _ in range(FRAMES_A_SYNC):
            some = list(islice(events, EVENTS_A_FRAME))
            if some:
                seq = head.seq + 1
                draft = FrameDraft(1, seq, len(some), BEGUN_NS + seq, encode_events(some), 1, 0)
                frames.append(chain_frame(head.chain_hash, draft))
                head = frames[-1].head
        if not frames:
            break
        commit.commit(frames)
    commit.close()
    data.close({("trading", 0): head})
    return head.seq


READY = """
import sys, time, trio
from pathlib import Path
begun = time.perf_counter()
from ledger.engine_wiring import engine_settings
from ledger.config import load
from ledger.engine import Engine
from ledger.journal import create_or_open
data = create_or_open(Path(sys.argv[1]), partitions=1)
settings = engine_settings(load(None, ("recovery.follower=" + sys.argv[2],)).settings)
async def main():
    engine = Engine(data, 0, settings)
    opened = time.perf_counter()
    engine.open(trio.lowlevel.current_trio_token())
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        ready = time.perf_counter() - opened
        while engine.passivation is not None and engine.passivation.look():
            pass
        status = dict(line.split(':', 1) for line in open('/proc/self/status') if line.startswith(('Rss', 'VmRSS')))
        print({name: int(value.split()[0]) // 1024 for name, value in status.items()}, 'MiB;',
            f'ready after {ready:.2f} s;', len(engine.partition.trading.orders), 'orders in memory')
        for line in engine.start_report: print('   ', line)
        digest = engine.partition.trading.digest()
        print('    digest', f'{digest:032x}')
        engine.stop()
    data.close(engine.close())
trio.run(main)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--open", type=int, default=1000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only-with", action="store_true", help="leave out the starts from the beginning")
    given = parser.parse_args()
    directory = given.data or Path(tempfile.mkdtemp(prefix="ledger-memory-"))
    try:
        begun = time.perf_counter()
        events = write(directory, given.orders, given.open)
        print(f"{events:,} events of {given.orders:,} orders written in {time.perf_counter() - begun:.1f} s")
        if not given.only_with:
            _start(directory, "false", "no snapshots, no index")
        begun = time.perf_counter()
        follow(directory)
        print(f"followed in {time.perf_counter() - begun:.1f} s")
        _start(directory, "true", "with snapshot and index")
        if not given.only_with:
            shutil.rmtree(directory / "snapshots")
            _start(directory, "true", "the snapshots deleted, with the index")
    finally:
        if given.data is None:
            shutil.rmtree(directory)
    return 0


def follow(directory: Path, say: Callable[[str], None] = print) -> None:
    """A follower's whole run."""
    from ledger.projections.follower import Follower

    follower = Follower(directory, 0, snapshot_events=200_000, snapshots_kept=3, say=say)
    follower.take()
    follower.open()
    follower.close()


def _start(directory: Path, follower: str, what: str) -> None:
    print(f"{what}:", flush=True)
    subprocess.run([sys.executable, "-c", READY, str(directory), follower], check=True)


if __name__ == "__main__":
    sys.exit(main())
