"""The examples of book-keepings of one's own pass the public contracts; the mistakes that people make do not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from msgspec.structs import replace

from ledger.domain.enums import BookSource
from ledger.domain.facts import BookDelta
from ledger.testing.book_contract import BookContract
from ledger.testing.decide_evolve_contract import DecideEvolveContract
from ledger.testing.order_contract import OrderContract
from ledger.testing.order_desk import OurPair
from ledger.testing.position_contract import PositionContract
from ledger.testing.shown import order_shown

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
try:
    from own_book import MyBook, TestMyBook
    from own_orders import MyOrders, TestMyOrders
    from own_position import MyPosition, TestMyPosition
finally:
    sys.path.remove(str(EXAMPLES))

__all__ = ["TestMyBook", "TestMyOrders", "TestMyPosition"]
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["own_orders", "own_position", "own_book"])
def test_an_example_is_short_enough_to_be_read(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 75


def must_be_found(contract: type[Any], begin: Callable[[], Any], test: str) -> None:
    """A contract that this book-keeping passes would prove nothing."""

    class Broken(contract):
        def begin(self) -> Any:
            return begin()

    with pytest.raises(AssertionError):
        getattr(Broken(), test)()


@pytest.fixture
def first_failure() -> Iterator[None]:
    """Try more often than the suites do, and leave it at the first failure."""
    active = settings.get_current_profile_name()
    settings.load_profile("found")
    yield
    settings.load_profile(active)


class InCents(MyPosition):
    """Rounds profit as it goes."""

    def shown(self) -> Any:
        shown = super().shown()
        return replace(shown, realized=round(shown.realized, -2))


class InFloats(MyPosition):
    """An average price that is a float."""

    def _trade(self, change: int, px: int) -> None:
        super()._trade(change, px)
        self.cost = float(self.cost)


class WithoutFlips(MyPosition):
    """A flip keeps the old average price."""

    def _trade(self, change: int, px: int) -> None:
        was, average = self.qty, self.cost / self.qty if self.qty else 0
        super()._trade(change, px)
        if was * self.qty < 0:
            self.cost = average * self.qty


class WithoutBusts(MyPosition):
    """Knows no restatement."""

    def take(self, event: Any) -> None:
        if type(event).__name__ == "OrderFilled":
            super().take(event)


@pytest.mark.usefixtures("first_failure")
@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (InCents, "test_realized_is_cash_and_cost_after_every_fill"),
        (InFloats, "test_profit_is_within_half_a_unit_a_close_and_exact_when_flat"),
        (WithoutFlips, "test_a_flip_is_a_close_and_an_opening"),
        (WithoutBusts, "test_a_bust_anywhere_leaves_what_was_never_filled_would_have_made"),
    ],
)
def test_a_wrong_position_is_found(kind: type, test: str) -> None:
    must_be_found(PositionContract, kind, test)


class CountsTwice(MyOrders):
    """Adds a correction to what it corrects."""

    def _change(self, order: Any, event: Any, kind: type) -> None:
        super()._change(order, event, kind)
        if kind.__name__ == "FillCorrected" and event.known:
            order.fills[event.trade_date, event.execution_id] = (event.qty, event.px)


class BelievesRejects(MyOrders):
    """A fill after a reject does not bring the order back."""

    def _change(self, order: Any, event: Any, kind: type) -> None:
        ended = order.ended
        super()._change(order, event, kind)
        order.ended = order.ended or ended


class MixesOrders(MyOrders):
    """A canceled order ends the others too."""

    def take(self, event: Any) -> None:
        super().take(event)
        if type(event).__name__ == "OrderCanceled":
            for order in self._orders.values():
                order.ended = "canceled"


@pytest.mark.usefixtures("first_failure")
@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (CountsTwice, "test_an_order_is_the_sum_of_the_fills_that_count"),
        (CountsTwice, "test_fills_corrections_and_busts_may_come_in_any_order"),
        (BelievesRejects, "test_after_each_event_every_order_is_as_the_ledger_says"),
        (MixesOrders, "test_what_happens_to_one_order_does_not_depend_on_the_others"),
    ],
)
def test_a_wrong_book_keeping_of_orders_is_found(kind: type, test: str) -> None:
    must_be_found(OrderContract, kind, test)


class IgnoresHoles(MyBook):
    """Takes what comes."""

    def _continues(self, fact: BookDelta) -> bool:
        return True


class ForgetsWhatItKept(MyBook):
    """A snapshot alone must do."""

    def _delta(self, fact: BookDelta) -> None:
        super()._delta(fact)
        self.kept = {}


class TakesOldOnes(MyBook):
    """Applies what it has applied."""

    def _is_old(self, fact: BookDelta) -> bool:
        return False

    def _continues(self, fact: BookDelta) -> bool:
        return fact.last_update <= self.last or super()._continues(fact)


class SpotForAll(MyBook):
    """Knows one rule."""

    def take(self, fact: Any) -> None:
        super().take(replace(fact, continuity=BookSource.SPOT))


class MarksTheCrossed(MyBook):
    """A mark at any price."""

    def shown(self) -> Any:
        shown = super().shown()
        if not (shown.bids and shown.asks):
            return shown
        return replace(shown, twice_mark=max(shown.bids) + min(shown.asks))


@pytest.mark.usefixtures("first_failure")
@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (IgnoresHoles, "test_after_a_hole_it_is_live_again_once_a_snapshot_bridges_it"),
        (ForgetsWhatItKept, "test_after_a_hole_it_is_live_again_once_a_snapshot_bridges_it"),
        (TakesOldOnes, "test_old_and_repeated_messages_change_nothing"),
        (SpotForAll, "test_after_a_hole_it_is_live_again_once_a_snapshot_bridges_it"),
        (MarksTheCrossed, "test_a_mark_needs_both_sides_of_a_live_book_that_is_not_crossed"),
    ],
)
def test_a_wrong_builder_of_books_is_found(kind: type, test: str) -> None:
    must_be_found(BookContract, kind, test)


class RefusesOverfills(OurPair):
    """Leaves out what the venue says it has filled."""

    def evolve(self, state: Any, event: Any, seq: int, recorded_at_ns: int) -> Any:
        after = super().evolve(state, event, seq, recorded_at_ns)
        return replace(after, cum=min(after.cum, after.qty))


@pytest.mark.usefixtures("first_failure")
def test_a_wrong_pair_of_decide_and_evolve_is_found() -> None:
    class Broken(DecideEvolveContract):
        pair = RefusesOverfills()

        def shown(self, state: Any) -> Any:
            return order_shown(state)

    with pytest.raises(AssertionError):
        Broken().test_an_order_is_the_sum_of_its_effective_fills()
