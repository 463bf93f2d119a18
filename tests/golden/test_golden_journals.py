"""Every journal of a released format is read by today's code and by the independent reader, to the same state."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ledger.codec import decode_events
from ledger.domain.events import EVENTS
from ledger.domain.old_events import UPCASTERS, StrategyNamed
from ledger.journal import verify
from running_engine import START_NS, Clock, Ids, running

ROOT = Path(__file__).resolve().parents[2]
FORMATS = sorted((ROOT / "journal" / "golden").iterdir())
sys.path.insert(0, str(ROOT / "tools"))

from _golden import check, expected  # noqa: E402


@pytest.fixture(params=FORMATS, ids=[path.name for path in FORMATS])
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy: reading LMDB leaves a lock file beside it, and the golden journal is never written."""
    copy = tmp_path / "golden"
    shutil.copytree(request.param, copy)
    return copy


def stored(golden: Path) -> dict:
    return json.loads((golden / "expected.json").read_text())


def test_todays_code_replays_it_to_the_expected_state(golden: Path) -> None:
    assert expected(golden) == stored(golden)


def test_the_independent_reader_agrees(golden: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "journal" / "reader.py"), str(golden), "--events"],
        capture_output=True,
        text=True,
        check=True,
    )
    *events, summary = [json.loads(line) for line in done.stdout.splitlines()]
    told, wanted = summary["journals"], stored(golden)
    assert summary["lineage"] == wanted["lineage"]
    for journal, its in wanted["journals"].items():
        (partition,) = told[journal]
        assert [partition[name] for name in ("epoch", "head", "events", "chain")] == [
            its[name] for name in ("epoch", "head", "events", "chain")
        ]
        assert sum(1 for one in events if one["place"].startswith(journal)) == its["events"]


def test_verify_finds_nothing(golden: Path) -> None:
    report = verify(golden)
    assert report.problems == []


def test_verify_finds_a_changed_letter_in_it(golden: Path) -> None:
    segment = min((golden / "trading" / "0" / "segments").glob("*.lmdb"))
    # Everywhere: pages that LMDB has let go still hold what stood in them.
    segment.write_bytes(segment.read_bytes().replace(b"stranger", b"strangex"))
    assert verify(golden).problems


async def test_a_new_start_goes_on_from_it(golden: Path) -> None:
    wanted = stored(golden)
    clock = Clock(START_NS + 3 * 86_400 * 10**9)
    async with running(golden, clock=clock, new_id=Ids(clock.now_ns)) as one:
        assert one.engine.epoch == wanted["journals"]["trading"]["epoch"] + 1
        assert await one.rows("orders") == wanted["rows"]["orders"]
        assert await one.rows("positions") == wanted["rows"]["positions"]


def test_the_newest_one_is_what_todays_code_writes() -> None:
    """I-6: the same inputs at the same times make the same journal."""
    assert check(FORMATS[-1]) == ""


NOT_HELD = {
    "CalendarDefined",
    "SessionTouched",
    "OrderUnconfirmed",
    "ExecConflictResolved",
    "RecoveryConfirmed",
    "ClockSampled",
    "ControlTaken",
    "FactAssigned",
}
"""Made by time, by a clock, by a start that asks for confirmation or by several partitions; tests/integration/operations makes and replays them."""


def test_the_newest_one_holds_every_event_type_and_stays_small() -> None:
    wanted = json.loads((FORMATS[-1] / "expected.json").read_text())
    held = {kind for its in wanted["journals"].values() for kind in its["kinds"]}
    assert held == {kind.__name__ for kind in EVENTS} - NOT_HELD
    assert sum(path.stat().st_size for path in FORMATS[-1].rglob("*")) < 1_000_000


def test_old_events_make_the_same_state_as_those_that_took_their_place() -> None:
    """I-7: an upcast journal folds to the state of one that was written by today's types."""
    old = stored(ROOT / "journal" / "golden" / "format-1-old-events")
    new = stored(ROOT / "journal" / "golden" / "format-1")
    assert old["journals"]["trading"]["digest"] == new["journals"]["trading"]["digest"]
    assert old["journals"]["trading"]["chain"] != new["journals"]["trading"]["chain"]
    assert old["rows"] == new["rows"]


def test_the_golden_journals_hold_an_event_of_every_old_type(tmp_path: Path) -> None:
    old = shutil.copytree(ROOT / "journal" / "golden" / "format-1-old-events", tmp_path / "old")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "journal" / "reader.py"),
            str(old),
            "--events",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    tags = {json.loads(line)["event"][0] for line in done.stdout.splitlines()[:-1]}
    assert {kind.__struct_config__.tag for kind in UPCASTERS} <= tags
    assert UPCASTERS.keys() == {StrategyNamed}


def test_what_is_no_event_of_any_version_is_not_decoded() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_events(msgspec.msgpack.encode([[119, "a"]]))
