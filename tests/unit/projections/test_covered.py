"""A start without snapshots skips what the index holds: the state is that of a whole fold, whatever the journal tells."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from followed import follow, following, recovered, replay
from journals import START_NS
from ledger.codec import encode_events
from ledger.domain.control_events import RiskLimitSet
from ledger.domain.enums import Liquidity, OrderType, Origin, Side, TimeInForce
from ledger.domain.events import (
    CancelRequested,
    EngineStarted,
    EntityQuarantined,
    FillBusted,
    InstrumentDefined,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderSubmitted,
    StrategyDefined,
)
from ledger.domain.operator_events import EntityReleased
from ledger.domain.order import is_open
from ledger.domain.scope import Scope
from ledger.engine.lineage import begin_lineage
from ledger.fold import Covered, TradingFold, dump_fold
from ledger.journal import (
    FrameDraft,
    LmdbCommit,
    chain_frame,
    copy_journal,
    create_or_open,
    list_snapshots,
    pack_entry,
)

DAY = "2025-11-20"
RESTART = import_module("ledger.fold.restart")  # the package has a function of this name


class Script:
    """Events of one symbol, numbered as they come."""

    def __init__(self) -> None:
        self.events: list[Any] = [
            EngineStarted(1, "test", {}),
            InstrumentDefined("AAPL", "XNAS", 4, 0, 1, 1, 10**8, "USD", False, False, "24/7"),
            StrategyDefined("S1", "ACC"),
        ]

    def _head(self, name: str) -> tuple[Any, ...]:
        number = len(self.events) + 1
        return ("AAPL", name, "S1", "XNAS", "gw", 1, number, START_NS, START_NS, "test")

    def _command_id(self) -> bytes:
        return (START_NS // 10**6).to_bytes(6, "big") + b"\x70\x00" + len(self.events).to_bytes(8, "big")

    def submit(self, name: str, qty: int = 100) -> None:
        terms = (Side.BUY, OrderType.LIMIT, qty, 100_000, None, TimeInForce.DAY)
        ids = (self._command_id(), "test", START_NS)
        self.events.append(OrderSubmitted(name, "S1", "ACC", "AAPL", "XNAS", *terms, *ids))

    def accept(self, name: str) -> None:
        self.events.append(OrderAccepted(*self._head(name), f"v-{name}"))

    def fill(self, name: str, execution: str, qty: int = 100) -> None:
        terms = (execution, DAY, qty, 100_000, 0, "", Liquidity.UNKNOWN, f"v-{name}")
        self.events.append(OrderFilled(*self._head(name), 4, name, "ACC", Side.BUY, *terms))

    def bust(self, name: str, execution: str, *, known: bool) -> None:
        about = ("ACC", f"b-{execution}", execution, DAY, execution, False, known)
        self.events.append(FillBusted(*self._head(name), *about, 100 if known else 0, 100_000, 0, ""))

    def cancel(self, name: str) -> None:
        where = ("AAPL", name, "S1", "XNAS", f"r-{name}", name)
        self.events.append(CancelRequested(*where, self._command_id(), "test", START_NS))

    def canceled(self, name: str) -> None:
        self.events.append(OrderCanceled(*self._head(name), True, f"r-{name}"))

    def expire(self, name: str, origin: Origin) -> None:
        self.events.append(OrderExpired(*self._head(name), origin))

    def limit(self) -> None:
        self.events.append(RiskLimitSet(Scope.ALL, "", max_open_orders=100, command_id=self._command_id()))

    def set_aside(self, name: str) -> None:
        self.events.append(EntityQuarantined("order", f"AAPL/{name}", 1))

    def release(self, name: str) -> None:
        self.events.append(EntityReleased("order", f"AAPL/{name}", "test", 1, self._command_id()))


def _write(directory: Path, events: Sequence[Any], a_frame: int) -> None:
    """Append to the journal, so many events a frame."""
    data = create_or_open(directory, partitions=1, command="test")
    commit = LmdbCommit(data.journal("trading", 0))
    head = commit.open()
    for at in range(0, len(events), a_frame):
        some = list(events[at : at + a_frame])
        seq = head.seq + 1
        draft = FrameDraft(1, seq, len(some), START_NS + seq, encode_events(some), 1, 0)
        frame = chain_frame(head.chain_hash, draft)
        commit.commit([frame])
        head = frame.head
    commit.close()
    data.close({("trading", 0): head})


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
    _write(tmp_path, script.events, a_frame)
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
    _write(tmp_path / "first", script.events, 4)
    base_at = len(script.events)
    copy_journal(tmp_path / "first", tmp_path / "heir")
    tmp_path /= "heir"
    begin_lineage(tmp_path)
    script.fill("open", "x8", 90)
    script.fill("filled", "x9", 1)
    script.bust("late", "x4", known=True)
    _write(tmp_path, script.events[base_at:], 2)
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


def test_an_index_that_has_more_than_the_journal_is_put_aside(tmp_path: Path) -> None:
    """It names a last event of an order that does not come: then all is folded without it, and it is said."""
    script = Script()
    _everyday(script)
    _write(tmp_path, script.events, 4)
    follow(tmp_path)
    for each in list_snapshots(tmp_path, "trading", 0):
        each.path.unlink()
    with following(tmp_path) as follower:
        place = follower.index.offset()
        assert place is not None
        name = next(name for name, _ in follower.index.scan(b"o"))
        entry = follower.index.get(name)
        assert entry is not None
        later = pack_entry(name, place.seq + 7, entry.digest, entry.payload)
        follower.index.write(place, [(name, later, None)], 0)
    found = recovered(tmp_path)
    assert found.index is None
    assert "it does not fit the journal" in found.damaged_index
    assert found.trading.fold.digest() == replay(tmp_path, "trading", 0).fold.digest()


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
        script = Script()
        for number in range(orders):
            script.submit(f"c{number}")
            script.fill(f"c{number}", f"x{number}")
        script.submit("open")
        _write(directory, script.events, 4)
        follow(directory)
        for each in list_snapshots(directory, "trading", 0):
            each.path.unlink()
        assert recovered(directory).index is not None
    assert most["200"] == most["20"] <= 2
