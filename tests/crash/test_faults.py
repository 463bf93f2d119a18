"""Short versions of `tools/faults`: nothing acknowledged is lost under any fault that can be made here."""

from __future__ import annotations

import runpy
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(TOOLS))
    yield
    for name in [name for name in sys.modules if name.startswith("_faults")]:
        del sys.modules[name]


def counts_of(name: str, folder: Path, count: int) -> Counter[str]:
    run: Any = runpy.run_path(str(TOOLS / f"_faults_{name}.py"))["run"]
    return run(folder, count, 1)


def test_the_tool_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(TOOLS / "_faults.py"))["NAMES"]
    assert {path.stem.removeprefix("_faults_") for path in TOOLS.glob("_faults_*.py")} >= set(names)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("kill", 8), ("power", 60), ("disk", 9)])
def test_no_crash_and_no_disk_takes_what_was_acknowledged(tmp_path: Path, name: str, count: int) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    counts = counts_of(name, tmp_path, count)
    assert counts["failed"] == 0
    assert counts["acknowledged"] > (20 if name == "kill" else 100)
    if name == "power":
        assert counts["control failures"] > 0, "with all syncs ignored the check must fail"


@pytest.mark.slow
def test_every_changed_byte_is_found_or_of_no_account(tmp_path: Path) -> None:
    counts = counts_of("flip", tmp_path, 60)
    assert counts["failed"] == 0
    assert counts["located"] > 100


@pytest.mark.slow
def test_a_stepping_clock_loses_nothing(tmp_path: Path) -> None:
    counts = counts_of("clock", tmp_path, 20)
    assert counts["failed"] == 0
    assert counts["steps back"] > 0


@pytest.mark.slow
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    counts = counts_of("order", tmp_path, 2)
    assert (counts["failed"], counts["seeds"]) == (0, 2)


@pytest.mark.slow
def test_killed_projectors_servers_and_ledgers_leave_every_sink_equal_to_the_fold() -> None:
    with tempfile.TemporaryDirectory("-ledger-faults") as folder:  # reachable by a server of another user
        counts = counts_of("projections", Path(folder), 45)
    assert counts["failed"] == 0
    assert counts["orders"] > 1000
    assert sum(number for name, number in counts.items() if name.endswith("killed")) >= 3
