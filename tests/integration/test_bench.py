"""tools/bench measures everything in little time, says so in the keys that outsiders read, and checks the work."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"name", "unit", "median", "low", "high", "floor", "ratio", "note"}
PARTS = {
    "disk", "orders", "lmdb", "market", "symbols", "budget", "actors", "one", "door", "partitions", "overload", "stream", "memory", "growth", "peer"
}  # fmt: skip
BEGIN, END = "<!-- figures: written by tools/bench --into -->", "<!-- end of figures -->"
RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); import _bench; sys.exit(_bench.run(sys.argv[1:], ''))"


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, str(ROOT / "tools"), *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=900)


@pytest.mark.slow
def test_a_quick_run_measures_every_part_and_has_checked_that_the_work_was_done(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    page = tmp_path / "PAGE.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    extra = ("--into", page, "--plot", tmp_path / "plots")
    done = bench("--quick", "--rounds", 1, "--dir", tmp_path, "--json", file, *extra)
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert {"processor", "cores", "system", "python", "file_system"} <= document["machine"].keys()
    results = {result["name"]: result for result in document["results"]}
    assert all(result.keys() == KEYS for result in results.values())
    assert {name.split()[0] for name in results} == {*PARTS, "sync"}
    for name in (
        "orders engine",
        "market engine",
        "orders replay",
        "door 1 x 1",
        "door 256 x 64",
        "disk wal 16",
        "disk lmdb 16",
        "lmdb engine cpu",
        "symbols 1 engine cpu",
        "growth open orders 10,000",
        "door half load x 1 p99.9",
        "door reports 4096 x 1",
        "door market half load x 64 p99",
        "partitions 64 x 64",
        "overload 3 times",
        "overload deaf subscriber",
        "growth history 100,000",
        "peer sqlite 256",
    ):
        assert results[name]["ratio"] is not None, name
        assert f"{re.sub(r' p[0-9.]+$', '', name)} " in done.stdout  # percentiles have a table of their own
    checked = document["checked"]
    assert checked["answers"] == checked["events equal to the straight line's"] == 54_000
    assert checked["digests"] == checked["digests of the budget"] == 2
    reports = checked["answers at the door reports"]
    assert reports == checked["answers at the door market"] > 20_000
    orders = checked["orders sent over the door and found in the journal"]
    assert (
        orders == checked["answers at the door commands"] + reports
    )  # each report is of an order of its own
    assert checked["cancels taken under overload"] > 50
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| orders: replay against plain decoding | 2 x |" in text
    assert "\nold\n" not in text
    assert {"ratios.svg", "budget.svg", "growth.svg", "peers.svg"} == {
        picture.name for picture in (tmp_path / "plots").iterdir()
    }


def test_a_part_that_is_not_there_is_named_with_those_that_are() -> None:
    done = bench("disc")
    assert done.returncode == 2
    assert "'disc' is none of disk, orders, lmdb, market, symbols" in done.stderr


@pytest.mark.slow
def test_an_engine_that_skips_work_gives_no_figures(tmp_path: Path) -> None:
    skipping = (
        "from ledger.domain import position\n"
        "real = position.evolve\n"
        "position.evolve = lambda state, event, seq, at: state or real(state, event, seq, at)\n"
    )
    code = skipping + RUN
    command = [
        sys.executable,
        "-c",
        code,
        str(ROOT / "tools"),
        "orders",
        "--quick",
        "--rounds",
        "1",
        "--dir",
        tmp_path,
    ]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the positions differ from the straight line's" in done.stderr
