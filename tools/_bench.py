"""One run of the bench: which parts, how much of each, in interleaved rounds; then the page."""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec

import _bench_actors
import _bench_disk
import _bench_footprint
import _bench_load
import _bench_page
import _bench_plot
from _bench_budget import BudgetBench
from _bench_doors import DoorBench
from _bench_engine import EngineBench
from _bench_goals import verdicts
from _bench_growth import GrowthBench
from _bench_lag import LagBench
from _bench_peers import PeersBench
from _bench_projections import ProjectionBench
from _bench_result import Figures, WorkNotDone, machine, say, table
from _bench_stream import StreamBench
from ledger.config import load
from ledger.engine import EngineSettings
from ledger.engine.collecting import THRESHOLDS
from ledger.engine.settings import commit_as_set
from ledger.engine_wiring import engine_settings
from ledger.journal import create_or_open

PARTS = (
    "disk",
    "orders",
    "lmdb",
    "market",
    "symbols",
    "budget",
    "actors",
    "doors",
    "stream",
    "memory",
    "growth",
    "peers",
)
ASKED = ("projections",)
"""Parts that run only when they are named: they start database servers."""


def run(arguments: list[str], described: str) -> int:
    """The exit code."""
    options = _options(arguments, described)
    figures = Figures()
    sys.setswitchinterval(load().settings.engine.switch_interval_us / 1e6)
    with (
        tempfile.TemporaryDirectory(prefix="ledger-bench-", dir=options.dir) as directory,
        ExitStack() as stack,
    ):
        root = Path(directory)
        about = machine(root)
        rounds = _rounds(options, figures, root, stack)
        try:
            for number in range(options.rounds):
                say(f"round {number + 1} of {options.rounds}")
                for part in rounds:
                    part()
        except WorkNotDone as fault:
            print(f"tools/bench: {fault}", file=sys.stderr)
            return 1
    _report(figures, about, options)
    return 0


def _options(arguments: list[str], described: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench", description=described, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true", help="growth up to a million: some GiB, some minutes")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="where to write; default: the system's directory for temporary files")
    options = parser.parse_args(arguments)
    options.names = options.names or list(PARTS)
    for name in options.names:
        if name not in (*PARTS, *ASKED):
            parser.error(f"{name!r} is none of {', '.join((*PARTS, *ASKED))}")
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def _rounds(
    options: argparse.Namespace, figures: Figures, root: Path, stack: ExitStack
) -> list[Callable[[], None]]:
    settings = _roomy(engine_settings(load().settings))
    # Python's collector as it stands in `serve` once recovery is over, for the floors as for the engine.
    gc.set_threshold(*THRESHOLDS)
    scale = 1 if options.quick else 6
    seed = options.seed
    orders, market = _bench_load.orders(seed, 12_000 * scale), _bench_load.market(seed, 12_000 * scale)
    sizes = (1_000, 10_000) if options.quick else (1_000, 10_000, 100_000)
    if options.large:
        sizes = (1_000, 10_000, 100_000, 1_000_000)
    in_lmdb = msgspec.structs.replace(settings, commit="lmdb")
    engine = (figures, root, seed)
    parts: dict[str, Callable[[], list[Callable[[], None]]]] = {
        "disk": lambda: [lambda: _disk(figures, root, settings, 50 * scale)],
        "orders": lambda: [EngineBench("trading", orders, settings, *engine).round],
        "lmdb": lambda: [EngineBench("trading", orders, in_lmdb, *engine, name="lmdb").round],
        "market": lambda: [EngineBench("market", market, settings, *engine).round],
        "symbols": lambda: [
            EngineBench(
                "trading",
                _bench_load.orders(seed, 6_000 * scale, count),
                settings,
                *engine,
                name=f"symbols {count:,}",
                symbols=count,
            ).round
            for count in (1, 100, 1_000)
        ],
        "budget": lambda: [
            BudgetBench(journal, made, settings, *engine).round
            for journal, made in (("trading", orders), ("market", market))
        ],
        "actors": lambda: [lambda: _bench_actors.measure(figures, 20_000 * scale)],
        "doors": lambda: [DoorBench(figures, root, seed, scale).round],
        "stream": lambda: [StreamBench(figures, root, seed, 1_500 * scale, 0.5 * scale).round],
        "memory": lambda: [lambda: _bench_footprint.measure(figures, 1_000 * scale)],
        "growth": lambda: [GrowthBench(sizes, settings, figures, root, seed).round],
        "peers": lambda: [PeersBench(figures, settings, root, seed, 25 * scale).round],
        "projections": lambda: [
            stack.enter_context(
                closing(ProjectionBench(figures, root, seed, (orders, market), settings))
            ).round,
            LagBench(figures, root, seed, 5.0 * scale).round,
        ],
    }
    assert tuple(parts) == (*PARTS, *ASKED)
    return [part for name in parts if name in options.names for part in parts[name]()]


def _roomy(settings: EngineSettings) -> EngineSettings:
    """Nothing is answered OVERLOADED: the market load comes all at once."""
    return msgspec.structs.replace(settings, queue_max=1 << 22)


def _disk(figures: Figures, root: Path, settings: EngineSettings, rounds: int) -> None:
    event = _bench_load.typical_event()
    for mode in ("wal", "lmdb"):
        with tempfile.TemporaryDirectory(dir=root) as directory:
            path = Path(directory)
            with_journal = create_or_open(path / "data", partitions=1)
            journal = with_journal.journal("trading", 0)
            commit = commit_as_set(journal, msgspec.structs.replace(settings, commit=mode))
            _bench_disk.measure(figures, path, mode, commit, event, rounds)
            with_journal.close(None)
            _bench_disk.check_read_back(figures, path / "data", rounds * sum(_bench_disk.SIZES))


def _report(figures: Figures, about: dict[str, Any], options: argparse.Namespace) -> None:
    results = figures.results()
    document = {
        "machine": about,
        "seed": options.seed,
        "rounds": options.rounds,
        "checked": figures.checked,
        "results": results,
    }
    if options.plot:
        for picture in _bench_plot.plot(results, options.plot):
            say(f"wrote {picture}")
    if options.into:
        _bench_page.write_into(options.into, document)
    if options.json == "-":
        print(json.dumps(document, indent=1))
        return
    if options.json:
        Path(options.json).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"{options.rounds} interleaved rounds, seed {options.seed}")
    print(table(results))
    for what, at_most, seen, said in verdicts(results):
        print(f"goal: {what}: {seen} (at most {at_most}): {said}")
    print("checked: " + ", ".join(f"{number:,} {what}" for what, number in figures.checked.items()))
