"""A start without snapshots skips what the index holds: the state is that of a whole fold, whatever the journal tells."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from followed import follow, following, last_seq, recovered, replay
from ledger.domain.enums import Origin
from ledger.domain.order import is_open
from ledger.domain.order_evolve import ORDER_STEPS
from ledger.engine.lineage import begin_lineage
from ledger.fold import ClosedStates, Covered, TradingFold, dump_fold
from ledger.journal import IndexFile, copy_journal, list_snapshots
from ledger.projections.beginning import begin_at
from told_journal import Script, name_a_later_event, write, write_closed

RESTART = import_module("ledger.fold.restart")  # the package has a function of this name


def _everyday(script: Script) -> None:
    """Filled, canceled, expired, open; busted late and before the fill; a fill after the close."""
    for name in ("filled", "open", "canceled", "expired", "expired-here", "late"):
        script.submit(name)
        script.accept(name)
    script.fill("filled", "x1", 40)
    script.bust("filled", "early", known=False)
    script.fill("filled", "x2", 60)
    script.cancel("canceled")
    script.canceled("canceled")
    script.expire("expired", Origin.VENUE)
    script.expire("expired-here", Origin.LOCAL)
    script.fill("open", "x3", 10)
    script.cancel("late")
    script.canceled("late")
    script.fill("late", "x4", 30)
    script.fill("filled", "early", 5)
    script.bust("filled", "x1", known=True)
    script.bust("open", "never", known=False)


def _limited(script: Script) -> None:
    """A limit while orders live that are closed later: exposures are added up over them."""
    _everyday(script)
    script.submit("live")
    script.accept("live")
    script.fill("live", "x5", 30)
    script.limit()
    script.submit("after")
    script.fill("after", "x7", 100)
    script.cancel("live")
    script.canceled("live")


def _set_aside(script: Script) -> None:
    """An order in quarantine whose fills it takes at release, then closed."""
    script.submit("held")
    script.accept("held")
    script.fill("held", "x1", 20)
    script.set_aside("held")
    script.fill("held", "x2", 80)
    script.submit("other")
    script.release("held")
    script.fill("other", "x3", 100)


def _expired_last(script: Script) -> None:
    """The venue's word of an order that is not built says how far the venue has come."""
    script.submit("held")
    script.expire("held", Origin.VENUE)


STORIES = (_everyday, _limited, _set_aside, _expired_last)


@pytest.mark.parametrize("a_frame", [1, 3, 1000])
@pytest.mark.parametrize("story", STORIES)
def test_what_is_skipped_is_what_a_snapshot_would_leave_to_the_index(
    story: Any, a_frame: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-3: as a snapshot at the place of the index, to the last state; and the digest of the whole fold."""
    monkeypatch.setattr(RESTART, "COVERED_EVENTS", 4)  # so that orders outlive a batch
    script = Script()
    story(script)
    write(tmp_path, script.events, a_frame)
    follow(tmp_path)
    with following(tmp_path) as follower:  # from its snapshot
        as_snapshot = _stores(follower.trading)
    for each in list_snapshots(tmp_path, "trading", 0):
        each.path.unlink()
    whole = replay(tmp_path, "trading", 0).fold
    found = recovered(tmp_path)
    assert (found.why_no_index, found.damaged_index) == ("", "")
    fold = found.trading.fold
    assert isinstance(fold, TradingFold)
    assert all(is_open(order) for order in fold.orders)
    assert _stores(fold) == as_snapshot
    assert fold.digest() == whole.digest()


def test_what_a_base_holds_leaves_memory_too(tmp_path: Path) -> None:
    """A base is whole: of its closed orders, fills and ids the index has the same, and what came after."""
    script = Script()
    _everyday(script)
    write(tmp_path / "first", script.events, 4)
    base_at = len(script.events)
    copy_journal(tmp_path / "first", tmp_path / "heir")
    tmp_path /= "heir"
    begin_lineage(tmp_path)
    script.fill("open", "x8", 90)
    script.fill("filled", "x9", 1)
    script.bust("late", "x4", known=True)
    write(tmp_path, script.events[base_at:], 2)
    follow(tmp_path)
    for each in list_snapshots(tmp_path, "trading", 0):
        each.path.unlink()
    found = recovered(tmp_path)
    fold = found.trading.fold
    assert isinstance(fold, TradingFold)
    assert found.trading.from_seq == base_at
    assert (len(fold.orders), len(fold.outcomes), found.index is not None) == (0, 0, True)
    assert [key[4] for key in fold.fills.states] == ["never"]
    assert fold.digest() == replay(tmp_path, "trading", 0).fold.digest()


def _stores(fold: TradingFold) -> dict[str, Any]:
    """What a snapshot would hold, by kind."""
    stores, beside, control, _ = msgspec.msgpack.decode(dump_fold(fold))
    sets = {
        kind: {msgspec.msgpack.encode(each) for each in msgspec.msgpack.decode(part[1:])}
        for kind, part in stores
    }
    return sets | {"beside": beside, "control": control}


@pytest.fixture
def misfit(tmp_path: Path) -> Path:
    """A journal whose index names a last event of an order that does not come, and no snapshot."""
    script = Script()
    _everyday(script)
    write(tmp_path, script.events, 4)
    follow(tmp_path)
    for each in list_snapshots(tmp_path, "trading", 0):
        each.path.unlink()
    name_a_later_event(tmp_path)
    return tmp_path


def test_an_index_that_has_more_than_the_journal_is_put_aside(misfit: Path) -> None:
    """All is folded without it then, and it is said."""
    found = recovered(misfit)
    assert found.index is None
    assert "it does not fit the journal" in found.damaged_index
    assert found.trading.fold.digest() == replay(misfit, "trading", 0).fold.digest()


def test_a_projector_begins_without_an_index_that_does_not_fit(misfit: Path) -> None:
    end = last_seq(misfit)
    begun = begin_at(
        misfit, "trading", 0, {}, end, wal=None, with_index=True, on_progress=lambda _at, _end: None
    )
    assert (begun.head.seq, begun.closed) == (end, None)
    assert begun.fold.digest() == replay(misfit, "trading", 0).fold.digest()


def test_the_memory_of_a_start_beside_the_index_holds_no_closed_order_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the history, the same number of states at once."""
    monkeypatch.setattr(RESTART, "COVERED_EVENTS", 8)
    most: dict[str, int] = {}
    whole = Covered.apply

    def watched(self: Covered, frames: Any) -> int:
        count = whole(self, frames)
        fold = self._fold
        now = len(fold.orders) + len(fold.fills) + len(fold.outcomes) + len(fold.order_of_number)
        most[directory.name] = max(most.get(directory.name, 0), now)
        return count

    monkeypatch.setattr(Covered, "apply", watched)
    for orders in (20, 200):
        directory = tmp_path / str(orders)
        write_closed(directory, orders, 1)
        follow(directory)
        for each in list_snapshots(directory, "trading", 0):
            each.path.unlink()
        assert recovered(directory).index is not None
    assert most["200"] == most["20"] <= 2


def test_whatever_moves_an_order_is_known_here(tmp_path: Path) -> None:
    """An event of an order that is not built must not be folded as if it were."""
    fold = TradingFold(0)
    index = IndexFile(tmp_path, 0, writable=True)
    steps = Covered(fold, ClosedStates(index))._steps  # pyright: ignore[reportPrivateUsage]
    index.close()
    assert [kind.__name__ for kind in ORDER_STEPS if steps[kind] == fold.steps[kind]] == []
