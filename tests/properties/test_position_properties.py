"""Positions against a model of plain lists and Fractions; invariant numbers are those of the domain specification."""

from __future__ import annotations

from fractions import Fraction

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from given_fills import effective, filled, position
from ledger.domain.position import canonical, empty, evolve, from_canonical, refold, restated
from ledger.domain.position_view import twice_total

prices = st.one_of(st.integers(-300, 300), st.integers(-(2**63), 2**63 - 1))
good_prices = st.integers(1, 2**63 - 1)
quantities = st.one_of(st.integers(1, 9), st.integers(1, 2**62))
fees = st.one_of(st.just(0), st.integers(-50, 50))
fills = st.tuples(st.sampled_from("BS"), quantities, prices, fees)
streams = st.lists(fills, min_size=1, max_size=12)
close_fills = st.lists(
    st.tuples(st.sampled_from("BS"), st.integers(1, 9), st.integers(-30, 30)), min_size=1, max_size=30
)
checked = settings(deadline=None, max_examples=200)


def signed(fill) -> int:
    return fill[1] if fill[0] == "B" else -fill[1]


def exact(stream) -> tuple[int, Fraction, Fraction, int]:
    """(qty, cost, realized, closes) by the textbook: an average price as a Fraction, never rounded."""
    qty, average, realized, closes = 0, Fraction(0), Fraction(0), 0
    for fill in stream:
        change, px = signed(fill), fill[2]
        closing = 0 if qty * change >= 0 else min(abs(qty), abs(change)) * (1 if change > 0 else -1)
        if closing:
            realized += -closing * (px - average)
            closes += 1
        opening = change - closing
        kept = qty + closing
        if kept + opening == 0:
            average = Fraction(0)
        elif opening:
            average = (average * kept + px * opening) / (kept + opening)
        qty = kept + opening
    return qty, average * qty, realized, closes


@given(streams)
@checked
def test_quantity_is_the_sum_of_signed_fills(stream) -> None:
    """I-25"""
    state = position(stream)
    assert state.qty == sum(signed(fill) for fill in stream)
    assert state.qty == state.buy_qty - state.sell_qty + state.adj_dqty
    assert state.buy_qty == sum(fill[1] for fill in stream if fill[0] == "B")
    assert state.fill_count == len(stream)
    assert dict(state.fees).get("USD", 0) == sum(fill[3] for fill in stream)


@given(streams)
@checked
def test_realized_is_cash_and_cost_after_every_fill(stream) -> None:
    """I-26 and the first half of I-27"""
    for length in range(1, len(stream) + 1):
        state = position(stream[:length])
        assert state.realized == state.cash + state.cost
        assert state.cash == -sum(signed(fill) * fill[2] for fill in stream[:length])
        if state.qty == 0:
            assert state.cost == 0
            assert state.realized == state.cash


@given(st.lists(st.tuples(st.sampled_from("BS"), quantities, good_prices), min_size=1, max_size=12))
@checked
def test_cost_has_the_sign_of_the_quantity_at_positive_prices(stream) -> None:
    """I-27"""
    state = position(stream)
    assert (state.cost > 0) - (state.cost < 0) == (state.qty > 0) - (state.qty < 0)


@given(streams, st.randoms(use_true_random=False), prices)
@checked
def test_the_order_of_fills_changes_no_total(stream, random, twice_px) -> None:
    """I-28 and I-14"""
    mixed = list(stream)
    random.shuffle(mixed)
    one, two = position(stream), position(mixed)
    assert twice_total(one, twice_px) == twice_total(two, twice_px)
    same = ("qty", "cash", "buy_qty", "sell_qty", "fees", "fill_count")
    assert [getattr(one, name) for name in same] == [getattr(two, name) for name in same]


@given(streams, fills, prices)
@checked
def test_a_fill_that_is_busted_and_comes_again_leaves_the_state_as_it_was(stream, fill, twice_px) -> None:
    """I-31, up to version and the time of the last event"""
    state = position([*stream, fill])
    kept = [effective(*one, recorded_at_ns=seq * 1000) for seq, one in enumerate(stream, 1)]
    busted = evolve(state, restated(state, kept, effective(*fill)), 90, 90_000)
    without = position(stream)
    assert as_if(busted, without, ("version", "ts_last", "last_px")) == without
    again = evolve(busted, filled(*fill), 91, state.ts_last)
    assert as_if(again, state) == state


@given(streams, st.data())
@checked
def test_a_correction_to_the_same_values_changes_nothing(stream, data) -> None:
    """I-31"""
    state = position(stream)
    kept = [effective(*one, recorded_at_ns=seq * 1000) for seq, one in enumerate(stream, 1)]
    same = kept[data.draw(st.integers(0, len(kept) - 1))]
    new = evolve(state, restated(state, kept, same, same), 90, 90_000)
    assert as_if(new, state) == state


@given(streams, st.data())
@checked
def test_a_bust_anywhere_gives_the_position_of_the_other_fills(stream, data) -> None:
    """I-28: the total depends on the fills that count, not on how they came to count"""
    at = data.draw(st.integers(0, len(stream) - 1))
    rest = stream[:at] + stream[at + 1 :]
    state = position(stream)
    new = evolve(state, restated(state, [effective(*fill) for fill in rest], effective(*stream[at])), 90, 90)
    assert canonical(new)[3:12] == canonical(refold([effective(*fill) for fill in rest], state))[3:12]
    assert new.realized == new.cash + new.cost


def as_if(state, of, names=("version", "ts_last")):
    """`state` with those fields of `of` that a restatement may leave otherwise."""
    return msgspec.structs.replace(state, **{name: getattr(of, name) for name in names})


@given(streams, quantities, prices)
@checked
def test_a_flip_is_a_close_and_an_opening(stream, extra, px) -> None:
    """I-32, the count of fills apart"""
    state = position(stream)
    assume(state.qty != 0)
    side = "S" if state.qty > 0 else "B"
    flip = evolve(state, filled(side, abs(state.qty) + extra, px), 90, 90)
    closed = evolve(state, filled(side, abs(state.qty), px), 90, 90)
    opened = evolve(closed, filled(side, extra, px), 90, 90)
    assert msgspec.structs.replace(opened, fill_count=flip.fill_count) == flip


@given(
    close_fills,
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.sampled_from("BS"),
    st.integers(-30, 30),
)
@checked
def test_a_split_fill_moves_profit_by_less_than_a_unit_a_part(stream, parts, side, px) -> None:
    """I-33"""
    state = position(stream)
    whole = evolve(state, filled(side, sum(parts), px), 90, 90)
    split = state
    for part in parts:
        split = evolve(split, filled(side, part, px), 90, 90)
    assert (split.qty, split.cash, split.buy_qty, split.sell_qty) == (
        whole.qty,
        whole.cash,
        whole.buy_qty,
        whole.sell_qty,
    )
    assert abs(split.realized - whole.realized) <= len(parts) - 1


@given(st.one_of(close_fills, streams))
@checked
def test_profit_is_within_half_a_unit_a_close_and_exact_when_flat(stream) -> None:
    """I-34, against an average price that is never rounded"""
    state = position(stream)
    qty, cost, realized, closes = exact(stream)
    assert state.qty == qty
    assert abs(state.realized - realized) <= Fraction(closes, 2)
    assert abs(state.cost - cost) <= Fraction(closes, 2)
    if qty == 0:
        assert state.realized == realized


@given(streams)
@checked
def test_a_stored_position_reads_back_equal(stream) -> None:
    """I-2 for one state: the canonical form loses nothing, whatever the size of the numbers"""
    state = position(stream)
    assert from_canonical(msgspec.msgpack.decode(msgspec.msgpack.encode(canonical(state)))) == state


@given(st.sampled_from("BS"), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1), streams)
@checked
def test_evolve_takes_any_quantity_that_the_journal_can_hold(side, qty, px, stream) -> None:
    """I-5: also a quantity of zero or below, which no door lets in"""
    for state in (empty("MM_01", "AAPL", "ACC"), position(stream)):
        new = evolve(state, filled(side, qty, px), 90, 90)
        assert new.realized == new.cash + new.cost
        assert new.qty == new.buy_qty - new.sell_qty
