"""Short versions of `tools/faults`: nothing acknowledged is lost under any fault that can be made here."""

from __future__ import annotations

import runpy
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(TOOLS))
    yield
    for name in [name for name in sys.modules if name.startswith("_faults")]:
        del sys.modules[name]


def counts_of(name: str, folder: Path, count: int) -> Counter[str]:
    return import_module(f"_faults_{name}").run(folder, count, 1)


def test_the_tool_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(TOOLS / "_faults.py"))["NAMES"]
    assert {path.stem.removeprefix("_faults_") for path in TOOLS.glob("_faults_*.py")} >= set(names)


def needs_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["wal", "lmdb"])
@pytest.mark.parametrize("victims", ["ledgers", "engines", "followers"])
def test_whatever_is_killed_at_a_system_call_loses_nothing(tmp_path: Path, victims: str, mode: str) -> None:
    """I-2, I-3, I-4."""
    needs_strace()
    module = "_faults_kill_beside" if victims == "followers" else "_faults_kill"
    counts: Counter[str] = Counter()
    getattr(import_module(module), victims)(tmp_path / victims, mode, 4, 1, counts)
    assert counts["failed"] == 0
    assert counts["killed"] >= 3
    assert counts["acknowledged"] > 20


@pytest.mark.slow
def test_a_feed_that_is_killed_and_fed_again_gives_the_venues_book(tmp_path: Path) -> None:
    needs_strace()
    counts: Counter[str] = Counter()
    import_module("_faults_kill_beside").feeds(tmp_path / "feeds", 3, 1, counts)
    assert (counts["failed"], counts["killed"]) == (0, 3)


@pytest.mark.slow
def test_random_kills_under_load_leave_the_books_of_the_simulation(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    import_module("_faults_kill_load").at_random(tmp_path / "random", 3, 1, counts)
    assert (counts["failed"], counts["random kills"]) == (0, 3)


@pytest.mark.slow
def test_a_lineage_that_is_begun_is_whole_or_not_begun(tmp_path: Path) -> None:
    needs_strace()
    counts = counts_of("lineage", tmp_path, 12)
    assert counts["failed"] == 0
    assert counts["killed"] == 12
    assert counts["still the copy"] > 0
    assert counts["the new lineage"] > 0


@pytest.mark.slow
def test_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    needs_strace()
    counts = counts_of("power", tmp_path, 40)
    assert counts["failed"] == 0
    assert counts["acknowledged"] > 100
    assert counts["control failures"] > 0, "with all syncs ignored the check must fail"


@pytest.mark.slow
def test_a_disk_that_fails_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    needs_strace()
    counts = counts_of("disk", tmp_path, 12)
    assert counts["failed"] == 0
    assert counts["ended by it"] > 6


@pytest.mark.slow
def test_reads_are_served_after_a_failed_write_of_a_meta_page(tmp_path: Path) -> None:
    """LMDB then gives up its environment for good; the file is as it was."""
    needs_strace()
    disk, calls = import_module("_faults_disk"), import_module("_faults_calls")
    counts: Counter[str] = Counter()
    segment = "trading/0/segments/00000000000000000001.lmdb"
    for number in (3, 4, 5):  # data and meta pages, in turn
        (tmp_path / str(number)).mkdir()
        point = calls.Point("pwrite64", segment, number)
        disk._fail(tmp_path / str(number), "wal", point, "EIO", counts, born=True)
    assert counts["ended by it"] == 3


@pytest.mark.slow
def test_every_changed_byte_is_found_or_of_no_account(tmp_path: Path) -> None:
    counts = counts_of("flip", tmp_path, 40)
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
        counts = counts_of("projections", Path(folder), 120)
    assert counts["failed"] == 0
    assert counts["orders"] > 1000
    assert sum(number for name, number in counts.items() if name.endswith("killed")) >= 3
