"""A start behind a long history without an index builds it first, in memory that does not grow with that history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from followed import follow, following, index_path, recovered, replay
from ledger.config import Settings, load
from ledger.fold import TradingFold
from ledger.journal import list_snapshots, mark_damaged
from ledger.projections.follower import Follower
from ledger.projections.index_first import index_first
from told_journal import write_closed


def settings(most: int) -> Settings:
    return load(None, (f"recovery.in_memory_events_max={most}",)).settings


def never() -> bool:
    return False


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """3,993 events, ten orders open."""
    assert write_closed(tmp_path / "data", 2000, 10) == 3993
    return tmp_path / "data"


def built(journal: Path, most: int, stopped: Callable[[], bool] = never) -> tuple[bool, list[str]]:
    said: list[str] = []
    return index_first(settings(most), journal, 0, said.append, stopped), said


def test_a_long_history_is_indexed_before_and_the_start_holds_open_orders_only(journal: Path) -> None:
    done, said = built(journal, 1000)
    assert done
    assert "more than recovery.in_memory_events_max: the index is built first" in said[0]
    assert said[-1].startswith("the index is built: 3,993 events in ")
    found = recovered(journal)
    assert isinstance(found.trading.fold, TradingFold)
    assert (found.trading.events, len(found.trading.fold.orders), len(found.trading.fold.fills)) == (0, 10, 0)
    assert found.trading.fold.digest() == replay(journal, "trading", 0).fold.digest()


@pytest.mark.parametrize("most", [0, 4000])
def test_a_short_history_is_folded_in_memory(most: int, journal: Path) -> None:
    assert built(journal, most) == (True, [])
    assert not index_path(journal, 0).exists()


def test_an_index_that_is_near_enough_is_left_as_it_is(journal: Path) -> None:
    follow(journal)
    before = index_path(journal, 0).read_bytes()
    assert built(journal, 1000) == (True, [])
    assert index_path(journal, 0).read_bytes() == before


def test_a_damaged_index_is_built_again(journal: Path) -> None:
    follow(journal)
    mark_damaged(journal, 0, "a test said so")
    done, said = built(journal, 1000)
    assert done
    assert any("a test said so" in sentence for sentence in said)
    assert recovered(journal).index is not None


def test_a_stop_is_obeyed_and_the_next_start_goes_on_from_there(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    step = Follower.step

    def short(self: Follower) -> bool:
        nonlocal steps
        steps += 1
        self._checkpoint_events = 1000
        return step(self)

    monkeypatch.setattr(Follower, "step", short)
    done, said = built(journal, 500, lambda: steps == 2)
    assert not done
    at = recovered(journal).index
    assert at is not None
    offset = at.offset()
    assert offset is not None
    assert 2000 <= offset.seq < 3993
    at.close()
    done, said = built(journal, 500)
    assert done
    assert said[0].startswith(f"{3993 - offset.seq:,} events lie between the index and trading/0:3993")
    assert list_snapshots(journal, "trading", 0)[0].seq == 3993


def test_a_follower_that_does_not_end_is_no_reason_not_to_start(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.projections.following.TAKE_S", 0.1)
    with following(journal):
        done, said = built(journal, 1000)
    assert done
    assert "all that is closed will be held in memory" in said[-1]
