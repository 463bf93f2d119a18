"""`ledger at` folds from the nearest snapshot before the place: the answer is the base's, and less is read."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from followed import flip, follower_of, snapshot_all
from ledger.cli.as_of import as_of
from ledger.errors import Corrupt
from ledger.journal import JournalReader, list_snapshots
from ledger.testing.made_journal import MadeJournal

FOLLOW = """
import sys
from pathlib import Path
from ledger.projections.follower import Follower
follower = Follower(Path(sys.argv[1]), 0, snapshot_events=10**9, snapshots_kept=3, say=print)
follower.take()
follower.open()
follower.close()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A journal with three snapshots of each journal, events between and after them, and old orders filled late."""
    path = tmp_path / "data"
    with MadeJournal(path) as made:
        follower = follower_of(path)
        for _ in range(3):
            made.trade(40, in_a_frame=3)
            made.quote(30, in_a_frame=4)
            snapshot_all(follower)
        made.trade(20, in_a_frame=3)
        made.quote(10, in_a_frame=4)
        while follower.step():
            pass
        follower.checkpoint()
        follower.drop()
    return path


def state_at(data: Path, when: str, **how: Any) -> dict[str, Any]:
    with as_of(data, when, **how) as state:
        return {
            "places": state.places,
            "orders": sorted(state.rows("orders", {}), key=lambda row: row["client_order_id"]),
            "positions": state.rows("positions", {}),
            "books": state.rows("book", {"symbol": "AAPL"}),
        }


def heads(data: Path, journal: str) -> list[tuple[int, int]]:
    with JournalReader(data, journal, 0) as reader:
        return [(frame.last_seq, frame.recorded_at_ns) for frame in reader.frames()]


def iso(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{ns % 10**9 // 1000:06d}Z"


def test_every_place_has_the_state_that_the_base_gives(data: Path) -> None:
    last = heads(data, "trading")[-1][0]
    for seq in range(6, last + 1, 7):
        when = f"trading/0:{seq}"
        assert state_at(data, when) == state_at(data, when, snapshots=False), when


def test_every_time_has_the_state_that_the_base_gives(data: Path) -> None:
    times = [at for _, at in heads(data, "trading")[4::5] + heads(data, "market")[2::5]]
    for at in times:
        assert state_at(data, iso(at)) == state_at(data, iso(at), snapshots=False)


def test_only_what_follows_the_snapshot_is_read(data: Path) -> None:
    second = list_snapshots(data, "trading", 0)[1].seq
    when = f"trading/0:{second + 3}"
    wanted = state_at(data, when)
    with JournalReader(data, "trading", 0) as reader:
        frame = reader.frame_at(10)
        assert frame is not None
        (segment,) = reader.directory.segments()
    assert frame.last_seq < second
    content, payload = segment.path.read_bytes(), frame.payload
    assert payload in content  # more than once: pages that LMDB has let go still hold what stood in them
    segment.path.write_bytes(content.replace(payload, payload[:-1] + bytes([payload[-1] ^ 1])))
    with as_of(data, when) as state:
        assert f"trading/0:{second}" in state.snapshots
        assert 3 <= state.events < 60
    assert state_at(data, when) == wanted
    with pytest.raises(Corrupt), as_of(data, when, snapshots=False):
        pass


def test_a_damaged_snapshot_costs_time_and_is_told(data: Path) -> None:
    newest, before, *_ = list_snapshots(data, "trading", 0)
    last = heads(data, "trading")[-1][0]
    wanted = state_at(data, f"trading/0:{last}")
    flip(newest.path, 100)
    with as_of(data, f"trading/0:{last}") as state:
        assert state.snapshots[0] == f"trading/0:{before.seq}"
        assert any("checksum" in note and str(newest.seq) in note for note in state.notes)
    assert state_at(data, f"trading/0:{last}") == wanted


def test_without_an_index_the_base_is_used(data: Path) -> None:
    last = heads(data, "trading")[-1][0]
    wanted = state_at(data, f"trading/0:{last}")
    (data / "index" / "0" / "index.lmdb").unlink()
    with as_of(data, f"trading/0:{last}") as state:
        assert not any(place.startswith("trading") for place in state.snapshots)
    assert state_at(data, f"trading/0:{last}") == wanted


def test_beside_a_follower_that_goes_on_the_state_stays_that_of_its_place(data: Path) -> None:
    last = heads(data, "trading")[-1][0]
    with as_of(data, f"trading/0:{last}") as state:
        wanted = state.rows("orders", {})
        with MadeJournal(data) as made:
            made.trade(30, in_a_frame=3)
        subprocess.run([sys.executable, "-c", FOLLOW, str(data)], check=True)
        assert list_snapshots(data, "trading", 0)[0].seq > last
        assert json.dumps(state.rows("orders", {})) == json.dumps(wanted)
