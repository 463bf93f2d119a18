"""Which faults there are, their options, and the last line that counts."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

NAMES = {
    "kill": 200,
    "power": 400,
    "flip": 400,
    "disk": 60,
    "clock": 40,
    "order": 10,
    "lineage": 400,
    "projections": 600,
}
"""Each fault and its count by default."""
NEED_STRACE = ("kill", "power", "disk", "lineage")


def run(arguments: list[str], usage: str) -> int:
    parser = argparse.ArgumentParser(prog="tools/faults", description=usage.splitlines()[0])
    parser.add_argument("name", choices=sorted(NAMES))
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    if chosen.name in NEED_STRACE and shutil.which("strace") is None:
        print(f"tools/faults {chosen.name} needs strace: apt-get install strace", file=sys.stderr)
        return 2
    count = chosen.count or NAMES[chosen.name]
    with tempfile.TemporaryDirectory(prog_name(chosen.name)) as folder:
        counts = import_module(f"_faults_{chosen.name}").run(Path(folder), count, chosen.seed)
    failed = counts["failed"]
    words = "  ".join(f"{name} {number:,}" for name, number in counts.items())
    print(f"{chosen.name} seed {chosen.seed}: {words}")
    return 1 if failed else 0


def prog_name(name: str) -> str:
    """The ending of the temporary folder."""
    return f"-ledger-faults-{name}"
