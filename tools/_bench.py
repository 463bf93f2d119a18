"""One run of the bench: which parts, how much of each, in interleaved rounds; then the page."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import _bench_disk
import _bench_load
from _bench_doors import DoorBench
from _bench_engine import EngineBench
from _bench_projections import ProjectionBench
from _bench_result import Figures, WorkNotDone, machine, say, table
from ledger.app import engine_settings
from ledger.config import load
from ledger.engine import EngineSettings
from ledger.engine.settings import lmdb_commit
from ledger.journal import create_or_open

PARTS = ("disk", "orders", "market", "doors")
ASKED = ("projections",)
"""Parts that run only when they are named: they start database servers."""


def run(arguments: list[str], described: str) -> int:
    """The exit code."""
    options = _options(arguments, described)
    figures = Figures()
    sys.setswitchinterval(load().settings.engine.switch_interval_us / 1e6)
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", dir=options.dir) as directory:
        root = Path(directory)
        about = machine(root)
        rounds = _rounds(options, figures, root)
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


def _rounds(options: argparse.Namespace, figures: Figures, root: Path) -> list[Callable[[], None]]:
    settings = engine_settings(load().settings)
    scale = 1 if options.quick else 6
    rounds: list[Callable[[], None]] = []
    if "disk" in options.names:
        rounds.append(lambda: _disk(figures, root, settings, 50 * scale))
    for name, journal, make in (
        ("orders", "trading", _bench_load.orders),
        ("market", "market", _bench_load.market),
    ):
        if name in options.names:
            made = make(options.seed, 12_000 * scale)
            rounds.append(EngineBench(journal, made, _roomy(settings), figures, root, options.seed).round)
    if "doors" in options.names:
        rounds.append(DoorBench(figures, root, options.seed, scale).round)
    if "projections" in options.names:
        rounds.append(ProjectionBench(figures, scale).round)
    return rounds


def _roomy(settings: EngineSettings) -> EngineSettings:
    """Nothing is answered OVERLOADED: the market load comes all at once."""
    return msgspec.structs.replace(settings, queue_max=1 << 22)


def _disk(figures: Figures, root: Path, settings: EngineSettings, rounds: int) -> None:
    event = _bench_load.typical_event()
    with tempfile.TemporaryDirectory(dir=root) as directory:
        path = Path(directory)
        with_journal = create_or_open(path / "data", partitions=1)
        commit = lmdb_commit(with_journal.journal("trading", 0), settings)
        _bench_disk.measure(figures, path, commit, event, rounds)
        with_journal.close(None)
        _bench_disk.check_read_back(figures, path / "data", rounds * sum(_bench_disk.SIZES))


def _report(figures: Figures, about: dict[str, Any], options: argparse.Namespace) -> None:
    results = figures.results()
    document = {"machine": about, "seed": options.seed, "checked": figures.checked, "results": results}
    if options.json == "-":
        print(json.dumps(document, indent=1))
        return
    if options.json:
        Path(options.json).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"{options.rounds} interleaved rounds, seed {options.seed}")
    print(table(results))
    print("checked: " + ", ".join(f"{number:,} {what}" for what, number in figures.checked.items()))
