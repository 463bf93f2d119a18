"""Positions with fills, busts, adjustments and transfers among them, against sums of integers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from given_fills import SIDES, effective, filled
from ledger.domain.adjustments import Adjustment, routes
from ledger.domain.operator_events import PositionTransferred
from ledger.domain.position import PositionState, canonical, empty, evolve, from_canonical, restated
from ledger.domain.position_view import twice_total

small = st.integers(-40, 40)
fills = st.tuples(st.just("fill"), st.sampled_from("BS"), st.integers(1, 30), st.integers(1, 50))
adjusted = st.tuples(st.just("adjust"), small, small, small)
transferred = st.tuples(st.just("transfer"), st.integers(-30, 30).filter(bool), st.integers(1, 50))
streams = st.lists(st.one_of(fills, fills, adjusted, transferred), min_size=1, max_size=14)
checked = settings(deadline=None, max_examples=300)


def change_of(item, seq: int) -> Adjustment:
    if item[0] == "adjust":
        return Adjustment("MM_01", "AAPL", "ACC", item[1], item[2], item[3], seq * 1000)
    qty, px = item[1], item[2]
    return Adjustment("MM_01", "AAPL", "ACC", qty, qty * px, -qty * px, seq * 1000, px)


def folded(stream) -> PositionState:
    state = empty("MM_01", "AAPL", "ACC")
    for seq, item in enumerate(stream, 1):
        event = filled(*item[1:]) if item[0] == "fill" else change_of(item, seq)
        state = evolve(state, event, seq, seq * 1000)
    return state


def effects(stream):
    return [
        effective(*item[1:], recorded_at_ns=seq * 1000) if item[0] == "fill" else change_of(item, seq)
        for seq, item in enumerate(stream, 1)
    ]


def signed(item) -> int:
    return item[2] if item[1] == "B" else -item[2]


@given(streams)
@checked
def test_quantity_is_fills_and_adjustments(stream) -> None:
    """I-25"""
    state = folded(stream)
    assert state.qty == sum(signed(it) if it[0] == "fill" else it[1] for it in stream)
    assert state.buy_qty - state.sell_qty + state.adj_dqty == state.qty
    assert state.fill_count == sum(1 for it in stream if it[0] == "fill")


@given(streams)
@checked
def test_realized_is_cash_and_cost_whatever_was_adjusted(stream) -> None:
    """I-26, I-27"""
    for length in range(1, len(stream) + 1):
        state = folded(stream[:length])
        assert state.realized == state.cash + state.cost
        if state.qty == 0:
            assert (state.cost, state.realized) == (0, state.cash)


@given(streams, st.integers(1, 200))
@checked
def test_total_profit_is_cash_and_what_is_held_at_the_mark(stream, twice) -> None:
    """I-28"""
    state = folded(stream)
    assert twice_total(state, twice) == 2 * (state.realized - state.cost) + state.qty * twice
    fills_only = [it for it in stream if it[0] == "fill"]
    cash = -sum(signed(it) * it[3] for it in fills_only)
    assert state.cash - state.adj_dcash == cash


@given(streams, st.data())
@checked
def test_a_bust_leaves_what_was_never_filled_would_have_made(stream, data) -> None:
    """I-25, I-26, I-31: state, not log"""
    busts = [index for index, it in enumerate(stream) if it[0] == "fill"]
    if not busts:
        return
    at = data.draw(st.sampled_from(busts))
    rest = effects(stream)
    gone = rest.pop(at)
    state = folded(stream)
    event = restated(state, rest, gone)
    after = evolve(state, event, len(stream) + 1, 10**9)
    assert (after.adj_dqty, after.adj_dcost, after.adj_dcash) == (
        state.adj_dqty,
        state.adj_dcost,
        state.adj_dcash,
    )
    # The rest at the times that it had: what folds it from nothing is the same position.
    fresh = empty("MM_01", "AAPL", "ACC")
    for seq, item in enumerate(stream, 1):
        if seq - 1 != at:
            change = filled(*item[1:]) if item[0] == "fill" else change_of(item, seq)
            fresh = evolve(fresh, change, seq, seq * 1000)
    names = ("qty", "cost", "realized", "cash", "buy_qty", "sell_qty", "fill_count", "cycle", "ts_opened")
    assert [getattr(after, name) for name in names] == [getattr(fresh, name) for name in names]


@given(streams, streams, st.integers(-30, 30).filter(bool), st.integers(1, 50), st.integers(1, 200))
@checked
def test_a_transfer_moves_no_sum_over_strategies(giving, taking, dqty, px, twice) -> None:
    """I-29, I-30: quantity, cash and the total at every mark are as before"""
    event = PositionTransferred("A", "B", "AAPL", abs(dqty), px, dqty, "ACC", "ACC")
    before = [folded(giving), folded(taking)]
    after = [evolve(state, route, 99, 99) for state, route in zip(before, routes(event, 99), strict=True)]
    for value in (
        lambda state: state.qty,
        lambda state: state.cash,
        lambda state: state.adj_dqty,
        lambda state: state.adj_dcost,
        lambda state: state.adj_dcash,
        lambda state: twice_total(state, twice),
    ):
        assert sum(map(value, after)) == sum(map(value, before))
    assert [(it.buy_qty, it.sell_qty, it.fill_count) for it in after] == [
        (it.buy_qty, it.sell_qty, it.fill_count) for it in before
    ]


@given(streams)
@checked
def test_an_adjusted_state_survives_its_stored_form(stream) -> None:
    """I-3"""
    state = folded(stream)
    assert from_canonical(canonical(state)) == state


def test_the_sides_of_the_model_are_those_of_the_domain() -> None:
    assert set(SIDES) == {"B", "S"}
