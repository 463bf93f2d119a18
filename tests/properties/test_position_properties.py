"""The ledger's fold of positions under its own public contract, and what only its states can show."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.adjustments import routes
from ledger.domain.operator_events import PositionAdjusted, PositionTransferred
from ledger.domain.position import PositionState, canonical, empty, evolve, from_canonical
from ledger.domain.position_view import twice_total
from ledger.testing.generated_positions import (
    ACCOUNT,
    OTHER,
    STRATEGY,
    SYMBOL,
    Change,
    Fill,
    Transfer,
    changes,
    fill_streams,
    restatement,
)
from ledger.testing.position_contract import AdjustedPositionContract
from ledger.testing.shown import ShownPosition, position_shown

INT64 = st.integers(-(2**63), 2**63 - 1)


class OurPosition:
    """The domain's fold, asked as the ledger's fold asks it; each event recorded at 1000 times its seq."""

    def __init__(self, strategy_id: str = STRATEGY) -> None:
        self.strategy_id = strategy_id
        self.state: PositionState | None = None
        self._seq = 0

    def take(self, event: Any) -> None:
        self._seq += 1
        at = self._seq * 1000
        if isinstance(event, (PositionAdjusted, PositionTransferred)):
            routed = [it for it in routes(event, at) if it.strategy_id == self.strategy_id]
            assert len(routed) == 1
            event = routed[0]
        self.state = evolve(self.state, event, self._seq, at)

    def shown(self) -> ShownPosition:
        return position_shown(self.state)


class TestPositions(AdjustedPositionContract):
    """I-14, I-25 to I-34, as anybody's position."""

    def begin(self) -> OurPosition:
        return OurPosition()


def folded(stream: list[Any]) -> PositionState:
    held = OurPosition()
    for change in stream:
        held.take(
            change.event() if isinstance(change, (Fill, Transfer)) or hasattr(change, "event") else change
        )
    assert held.state is not None
    return held.state


@given(changes())
def test_counts_are_sums_and_adjustments_stand_apart(stream: list[Change]) -> None:
    """I-25: buy_qty - sell_qty + adj.dqty == qty"""
    state, fills = folded(stream), [it for it in stream if isinstance(it, Fill)]
    assert state.buy_qty == sum(it.qty for it in fills if it.side == "B")
    assert state.sell_qty == sum(it.qty for it in fills if it.side == "S")
    assert state.buy_qty - state.sell_qty + state.adj_dqty == state.qty
    assert state.fill_count == len(fills)
    assert state.cash - state.adj_dcash == -sum(it.signed * it.px for it in fills)


@given(changes(), st.data())
def test_a_bust_restates_counts_openings_and_their_times_too(
    stream: list[Change], data: st.DataObject
) -> None:
    """I-31: cycle, ts_opened, buy_qty, sell_qty and fill_count are as if the fill had never been; adjustments stay"""
    at = data.draw(st.integers(0, len(stream) - 1))
    if not isinstance(stream[at], Fill):
        return
    after, before = folded([*stream, restatement(stream, at)]), folded(stream)
    fresh = empty(STRATEGY, SYMBOL, ACCOUNT)
    for seq, change in enumerate(stream, 1):  # the rest at the times that it had
        if seq - 1 != at:
            event: Any = change.event()
            if not isinstance(change, Fill):
                (event,) = (it for it in routes(event, seq * 1000) if it.strategy_id == STRATEGY)
            fresh = evolve(fresh, event, seq, seq * 1000)
    names = ("qty", "cost", "realized", "cash", "buy_qty", "sell_qty", "fill_count", "cycle", "ts_opened")
    assert [getattr(after, name) for name in names] == [getattr(fresh, name) for name in names]
    adjusted = ("adj_dqty", "adj_dcost", "adj_dcash")
    assert [getattr(after, name) for name in adjusted] == [getattr(before, name) for name in adjusted]


@given(changes(), changes(), st.integers(-30, 30).filter(bool), st.integers(1, 50), st.integers(1, 200))
def test_a_transfer_moves_no_sum_over_strategies(
    ours: list[Change], theirs: list[Change], dqty: int, px: int, twice: int
) -> None:
    """I-29, I-30: quantity, cash, adjustments and the total at every mark are as before"""
    event = Transfer(dqty, px).event()
    held = [OurPosition(STRATEGY), OurPosition(OTHER)]
    for one, stream in zip(held, (ours, theirs), strict=True):
        for change in stream:
            routed: Any = change.event()
            if not isinstance(change, Fill):
                (routed,) = (it for it in routes(routed, 1) if it.strategy_id == STRATEGY)
            one.state = evolve(one.state, routed, 1, 1)
    before = [it.state for it in held]
    for one in held:
        one.take(event)
    after = [it.state for it in held]

    def total(state: Any) -> int:
        return twice_total(state, twice)

    for name in ("qty", "cash", "adj_dqty", "adj_dcost", "adj_dcash"):
        assert sum(getattr(it, name) for it in after) == sum(getattr(it, name) for it in before)
    assert sum(map(total, after)) == sum(map(total, before))
    for was, now in zip(before, after, strict=True):
        assert (was.buy_qty, was.sell_qty, was.fill_count) == (now.buy_qty, now.sell_qty, now.fill_count)


@given(fill_streams() | changes())
def test_a_stored_position_reads_back_equal(stream: list[Change]) -> None:
    """I-2, I-3 for one state: the canonical form loses nothing, whatever the size of the numbers"""
    state = folded(stream)
    assert from_canonical(msgspec.msgpack.decode(msgspec.msgpack.encode(canonical(state)))) == state


@given(st.sampled_from("BS"), INT64, INT64, fill_streams())
def test_evolve_takes_any_quantity_that_the_journal_can_hold(
    side: str, qty: int, px: int, stream: list[Fill]
) -> None:
    """I-5: also a quantity of zero or below, which no door lets in"""
    for state in (empty(STRATEGY, SYMBOL, ACCOUNT), folded(stream)):
        new = evolve(state, Fill(side, qty, px).event(), 90, 90)
        assert new.realized == new.cash + new.cost
        assert new.qty == new.buy_qty - new.sell_qty
