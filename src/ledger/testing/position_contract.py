"""What every fold of a position must keep, as tests for pytest, against an average price that is never rounded.

Subclass `PositionContract` and say how a position begins; it takes the journal's events and shows itself:

    class TestMyPosition(PositionContract):
        def begin(self): return MyPosition()

`AdjustedPositionContract` has more, for one that takes an operator's adjustments and transfers too. Each close may
round by half a unit of 10^-(price_scale + qty_scale); a flat position has rounded nothing. Nobody may use floats.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol

from hypothesis import assume
from hypothesis import strategies as st

from ledger.domain.events import OrderFilled, PositionRestated
from ledger.domain.operator_events import PositionAdjusted, PositionTransferred
from ledger.testing.generated_positions import (
    PRICES,
    QUANTITIES,
    Adjust,
    Change,
    Fill,
    changes,
    exact,
    fill_streams,
    fills,
    restatement,
)
from ledger.testing.shown import ShownPosition
from ledger.testing.tries import for_each

PositionEvent = OrderFilled | PositionRestated | PositionAdjusted | PositionTransferred


class PositionKeeping(Protocol):
    """The fold of one position under test: strategy MM_01 in AAPL."""

    def take(self, event: PositionEvent) -> None:
        """The next event that concerns it. PositionRestated stands beside a bust or correction and says what the
        position is without it; a fold that takes it needs no memory of its fills."""
        ...

    def shown(self) -> ShownPosition:
        """What it is now."""
        ...


class PositionContract:
    """Any fold of fills."""

    def begin(self) -> PositionKeeping:
        """A new one, flat."""
        raise NotImplementedError

    def after(self, stream: Iterable[Change | PositionRestated]) -> ShownPosition:
        """What it shows after these."""
        keeping = self.begin()
        for change in stream:
            keeping.take(change if isinstance(change, PositionRestated) else change.event())
        return keeping.shown()

    def test_quantity_is_the_sum_of_signed_fills(self) -> None:
        """I-25, and the fees are a sum of their own."""

        def check(stream: list[Fill]) -> None:
            shown = self.after(stream)
            fee = sum(fill.fee for fill in stream)
            assert shown.qty == sum(fill.signed for fill in stream)
            assert shown.fees in (None, (("USD", fee),) if fee else ())

        for_each(check, fill_streams())

    def test_realized_is_cash_and_cost_after_every_fill(self) -> None:
        """I-26, I-27: to the last unit, and nothing of a cost outlives a flat position."""

        def check(stream: list[Fill]) -> None:
            keeping, cash = self.begin(), 0
            for fill in stream:
                keeping.take(fill.event())
                shown, cash = keeping.shown(), cash - fill.signed * fill.px
                assert shown.cash == cash
                assert shown.realized == shown.cash + shown.cost
                assert shown.qty or shown.cost == 0

        for_each(check, fill_streams())

    def test_cost_has_the_sign_of_the_quantity_at_positive_prices(self) -> None:
        """I-27."""

        def check(stream: list[Fill]) -> None:
            shown = self.after(stream)
            assert _sign(shown.cost) == _sign(shown.qty)

        for_each(check, st.lists(fills(st.integers(1, 2**63 - 1)), min_size=1, max_size=12))

    def test_the_order_of_fills_changes_no_total(self) -> None:
        """I-14, I-28: whatever the mark."""

        def check(stream: list[Fill], data: st.DataObject, mark: int) -> None:
            one, two = self.after(stream), self.after(data.draw(st.permutations(stream)))
            assert (one.qty, one.cash, one.fees) == (two.qty, two.cash, two.fees)
            assert total(one, mark) == total(two, mark) == one.cash + one.qty * mark

        for_each(check, fill_streams(), st.data(), PRICES)

    def test_a_flip_is_a_close_and_an_opening(self) -> None:
        """I-32: the remainder opens at the fill's own price."""

        def check(stream: list[Fill], extra: int, px: int) -> None:
            held = self.after(stream).qty
            assume(held != 0)
            side, whole = "S" if held > 0 else "B", abs(held)
            flip = self.after([*stream, Fill(side, whole + extra, px)])
            assert flip == self.after([*stream, Fill(side, whole, px), Fill(side, extra, px)])

        for_each(check, fill_streams(), QUANTITIES, PRICES)

    def test_a_split_fill_moves_profit_by_less_than_a_unit_a_part(self) -> None:
        """I-33."""

        def check(stream: list[Fill], parts: list[int], side: str, px: int) -> None:
            whole = self.after([*stream, Fill(side, sum(parts), px)])
            split = self.after([*stream, *(Fill(side, part, px) for part in parts)])
            assert (split.qty, split.cash) == (whole.qty, whole.cash)
            assert abs(split.realized - whole.realized) <= len(parts) - 1

        parts = st.lists(st.integers(1, 9), min_size=1, max_size=6)
        for_each(check, fill_streams(), parts, st.sampled_from("BS"), st.integers(-30, 30))

    def test_profit_is_within_half_a_unit_a_close_and_exact_when_flat(self) -> None:
        """I-34: against an average price that is a Fraction."""

        def check(stream: list[Fill]) -> None:
            shown, oracle = self.after(stream), exact(stream)
            assert shown.qty == oracle.qty
            assert abs(shown.realized - oracle.realized) <= Fraction(oracle.closes, 2)
            assert abs(shown.cost - oracle.cost) <= Fraction(oracle.closes, 2)
            if shown.qty == 0:
                assert shown.realized == oracle.realized

        for_each(check, fill_streams())

    def test_a_bust_anywhere_leaves_what_was_never_filled_would_have_made(self) -> None:
        """I-28, I-31: and the same fill again leaves what never was busted."""

        def check(stream: list[Fill], last: Fill, data: st.DataObject) -> None:
            at = data.draw(st.integers(0, len(stream) - 1))
            busted = self.after([*stream, restatement(stream, at)])
            must_be_near(busted, self.after([*stream[:at], *stream[at + 1 :]]), len(stream))
            whole = [*stream, last]
            again = self.after([*whole, restatement(whole, len(stream)), last])
            must_be_near(again, self.after(whole), len(whole))

        for_each(check, fill_streams(), fills(), st.data())

    def test_a_correction_puts_the_new_terms_in_the_place_of_the_old(self) -> None:
        """I-31: one to the same values changes nothing."""

        def check(stream: list[Fill], new: Fill, data: st.DataObject) -> None:
            at = data.draw(st.integers(0, len(stream) - 1))
            corrected = self.after([*stream, restatement(stream, at, new)])
            must_be_near(corrected, self.after([*stream[:at], new, *stream[at + 1 :]]), len(stream))
            same = self.after([*stream, restatement(stream, at, stream[at])])
            must_be_near(same, self.after(stream), len(stream))

        for_each(check, fill_streams(), fills(), st.data())


class AdjustedPositionContract(PositionContract):
    """More, for a fold that takes PositionAdjusted and PositionTransferred."""

    def test_quantity_is_fills_and_adjustments(self) -> None:
        """I-25."""

        def check(stream: list[Change]) -> None:
            assert self.after(stream).qty == sum(_moved(change) for change in stream)

        for_each(check, changes())

    def test_realized_is_cash_and_cost_whatever_was_adjusted(self) -> None:
        """I-26, I-27."""

        def check(stream: list[Change]) -> None:
            keeping = self.begin()
            for change in stream:
                keeping.take(change.event())
                shown = keeping.shown()
                assert shown.realized == shown.cash + shown.cost
                assert shown.qty or shown.cost == 0

        for_each(check, changes())

    def test_a_transfer_is_a_trade_at_its_price(self) -> None:
        """I-29, I-30: it moves cash and quantity by exactly that, so that no sum over strategies moves."""

        def check(stream: list[Change]) -> None:
            as_trades = [_as_trade(change) for change in stream]
            assert self.after(stream) == self.after(as_trades)

        for_each(check, changes())

    def test_total_profit_is_cash_and_what_is_held_at_the_mark(self) -> None:
        """I-28."""

        def check(stream: list[Change], mark: int) -> None:
            shown = self.after(stream)
            assert total(shown, mark) == shown.cash + shown.qty * mark
            assert shown.cash == sum(_paid(change) for change in stream)

        for_each(check, changes(), st.integers(1, 100))

    def test_a_bust_among_adjustments_leaves_what_was_never_filled_would_have_made(self) -> None:
        """I-25, I-26, I-31: state, not log."""

        def check(stream: list[Change], data: st.DataObject) -> None:
            filled = [at for at, change in enumerate(stream) if isinstance(change, Fill)]
            assume(filled)
            at = data.draw(st.sampled_from(filled))
            busted = self.after([*stream, restatement(stream, at)])
            must_be_near(busted, self.after([*stream[:at], *stream[at + 1 :]]), len(stream))

        for_each(check, changes(), st.data())


def must_be_near(one: ShownPosition, two: ShownPosition, closes_max: int) -> None:
    """The same position, of which one came about by the ledger's rounding and the other by the fold's own."""
    assert (one.qty, one.cash, one.fees) == (two.qty, two.cash, two.fees)
    assert one.realized - one.cash == one.cost
    assert abs(one.cost - two.cost) <= (closes_max if one.qty else 0)


def total(shown: ShownPosition, mark: int) -> int:
    """Realised and unrealised profit at a mark, fees apart."""
    return shown.realized + shown.qty * mark - shown.cost


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _moved(change: Change) -> int:
    return change.signed if isinstance(change, Fill) else change.dqty


def _paid(change: Change) -> int:
    if isinstance(change, Adjust):
        return change.dcash
    return -_moved(change) * change.px


def _as_trade(change: Change) -> Change:
    if isinstance(change, (Fill, Adjust)):
        return change
    return Fill("B" if change.dqty > 0 else "S", abs(change.dqty), change.px)
