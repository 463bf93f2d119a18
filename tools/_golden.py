"""The golden journal: made with everything fixed, read back as its expected state, and compared."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import trio

from _golden_script import first_start, second_start
from ledger.codec import decode_events
from ledger.engine import Views, engine, replay
from ledger.fold import MarketFold, TradingFold
from ledger.journal import FORMAT, JournalReader, encode_frame, genesis
from running_engine import START_NS, Clock, Ids, Running, running

LINEAGE = "00000000-0000-7000-8000-000000000001"
TICK_NS = 1_000_000
DAY_NS = 86_400 * 10**9
QUESTIONS = ("instruments", "strategies", "orders", "fills", "positions", "books", "anomalies", "sources")


def make(directory: Path) -> None:
    """Write the journal and its expected state into `directory`, in the place of what was there."""
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "golden"
        _write(made)
        copy = Path(temporary) / "copy"  # whoever reads LMDB leaves a lock file beside it
        shutil.copytree(made, copy)
        (made / "expected.json").write_text(json.dumps(expected(copy), indent=1, sort_keys=True) + "\n")
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(made, directory)


def check(directory: Path) -> str:
    """What today's code would do otherwise than `directory` says; "" for nothing."""
    with tempfile.TemporaryDirectory() as temporary:
        made, copy = Path(temporary) / "made", Path(temporary) / "copy"
        _write(made)
        shutil.copytree(directory, copy)
        for journal in ("trading", "market"):
            stored, today = _frames(copy, journal), _frames(made, journal)
            for index, (theirs, ours) in enumerate(zip(stored, today, strict=False)):
                if theirs != ours:
                    return f"{journal}: frame {index} differs: {_said(theirs)} is now {_said(ours)}"
            if len(stored) != len(today):
                return f"{journal}: {len(stored)} frames stored, {len(today)} today"
        if json.loads((directory / "expected.json").read_text()) != expected(copy):
            return "the frames are the same, the state that they make is not: see expected.json"
    return ""


def expected(directory: Path) -> dict[str, Any]:
    """What a journal says, by today's code: heads, digests, counts of events, and the rows that queries show."""
    journals: dict[str, Any] = {}
    folds: dict[str, Any] = {}
    for journal in ("trading", "market"):
        replayed = replay(directory, journal, 0)
        folds[journal] = replayed.fold
        kinds: Counter[str] = Counter()
        for frame in _read(directory, journal):
            kinds.update(type(event).__name__ for event in decode_events(frame.payload))
        journals[journal] = {
            "epoch": replayed.head.epoch,
            "head": replayed.head.seq,
            "chain": replayed.head.chain_hash.hex(),
            "recorded_at_ns": replayed.head.recorded_at_ns,
            "events": replayed.events,
            "digest": f"{replayed.fold.digest():032x}",
            "kinds": dict(sorted(kinds.items())),
        }
    trading, market = folds["trading"], folds["market"]
    assert isinstance(trading, TradingFold)
    assert isinstance(market, MarketFold)
    views = Views(trading, market, list, list)
    rows: dict[str, Any] = {what: list(views.rows(what, {})) for what in QUESTIONS}
    rows["books"] = [
        row
        for (exchange, symbol) in sorted(market.books.states)
        for row in views.rows("book", {"symbol": symbol, "exchange": exchange})
    ]
    return {"format": FORMAT, "lineage": LINEAGE, "journals": journals, "rows": rows}


def _read(directory: Path, journal: str) -> list[Any]:
    with JournalReader(directory, journal, 0) as reader:
        return list(reader.frames())


def _frames(directory: Path, journal: str) -> list[bytes]:
    return [encode_frame(frame) for frame in _read(directory, journal)]


def _said(frame: bytes) -> str:
    return f"{len(frame)} bytes, {frame[-32:].hex()[:16]}"


def _write(directory: Path) -> None:
    _bear(directory)
    engine.VERSION = "golden"  # type: ignore[misc]  # the version of the software is not part of the format
    trio.run(_run, directory)
    for leftover in (*directory.rglob("*-lock"), *directory.rglob("lock")):
        leftover.unlink()


def _bear(directory: Path) -> None:
    """An empty journal whose lineage is known beforehand."""
    for journal in ("trading", "market"):
        (directory / journal / "0" / "segments").mkdir(parents=True)
        head = genesis(LINEAGE, journal, 0)
        origin = {"epoch": 0, "seq": 0, "chain": head.chain_hash.hex(), "recorded_at_ns": 0}
        its = {"format": FORMAT, "lineage": LINEAGE, "journal": journal, "partition": 0, "origin": origin}
        (directory / journal / "0" / "manifest.json").write_text(json.dumps({**its, "stopped": None}))
    born = {"partitions": 1, "created": "2025-11-20T00:00:00+00:00", "software": "golden"}
    (directory / "manifest.json").write_text(json.dumps({"format": FORMAT, "lineage": LINEAGE, **born}))


class _StillClock(Clock):
    """Goes on between batches only: how often the engine looks at it, which due times decide, must not matter."""

    def __call__(self) -> int:
        return self.now_ns


async def _run(directory: Path) -> None:
    clock, new_id = _StillClock(START_NS), Ids(START_NS)
    async with running(directory, clock=clock, new_id=new_id) as one:
        await first_start(_one_by_one(one, clock))
        one.crash()
    clock.now_ns = START_NS + DAY_NS  # the day turns: both journals begin another segment
    new_id.at_ns = clock.now_ns
    async with running(directory, clock=clock, new_id=new_id) as one:
        await second_start(_one_by_one(one, clock))


def _one_by_one(one: Running, clock: _StillClock) -> Running:
    """Every batch is settled before the next comes, so that each makes its own frames."""
    ask = one.ask

    async def ask_and_settle(door: str, *inputs: Any) -> list[Any]:
        clock.now_ns += TICK_NS
        answers = await ask(door, *inputs)
        await one.settle()
        return answers

    one.ask = ask_and_settle  # type: ignore[method-assign]
    return one
