"""What every book-keeping of orders must keep, as tests for pytest: fed with generated histories, beside the ledger's.

Subclass `OrderContract` and say how a book-keeping begins. It takes the journal's events, one after the other, and
shows its orders:

    class TestMyOrders(OrderContract):
        def begin(self): return MyOrders()

Invariants (I-n) are numbered in the tests' docstrings. For a decide/evolve pair: `decide_evolve_contract`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from hypothesis import strategies as st

from ledger.domain import events as e
from ledger.domain.context import OrderRules
from ledger.domain.events import AnomalyRecorded
from ledger.testing.executions_given import ExecutionsGiven, executions, facts_of, say
from ledger.testing.generated_orders import (
    ORDERS,
    History,
    begun,
    histories,
    order_rules,
    play,
)
from ledger.testing.order_desk import Desk
from ledger.testing.shown import ShownOrder, differences, order_shown
from ledger.testing.tries import for_each


class OrderKeeping(Protocol):
    """A book-keeping of orders under test."""

    def take(self, event: Any) -> None:
        """The journal's next event; AnomalyRecorded among them."""
        ...

    def orders(self) -> Mapping[str, ShownOrder]:
        """Every order that is known, by the client_order_id that it began with."""
        ...


class OrderContract:
    """Any book-keeping of orders."""

    def begin(self) -> OrderKeeping:
        """A new one, without orders."""
        raise NotImplementedError

    def test_after_each_event_every_order_is_as_the_ledger_says(self) -> None:
        """I-2, I-17, I-18: the same events make the same order, whoever folds them."""

        def check(rules: OrderRules, history: History) -> None:
            keeping, desk = self.begin(), begun(rules)
            at = 0
            for order, step in [("", ()), *history]:
                if step:
                    play(desk, order, step)
                for event in desk.journal[at:]:
                    keeping.take(event)
                at = len(desk.journal)
                _must_agree(keeping.orders(), desk)

        for_each(check, order_rules(), histories())

    def test_an_order_is_the_sum_of_the_fills_that_count(self) -> None:
        """I-16: whatever was busted, corrected or came twice; counted here by plain lists."""

        def check(rules: OrderRules, history: History) -> None:
            desk = begun(rules)
            for order, step in history:
                play(desk, order, step)
            keeping = self._told(desk.journal)
            by_order = effective(desk.journal)
            for name, shown in keeping.orders().items():
                fills = list(by_order.get(name, {}).values())
                assert shown.cum_qty in (None, sum(it.qty for it in fills)), name
                assert shown.cum_cost in (None, sum(it.qty * it.px for it in fills)), name
                assert shown.fees in (None, fees_of(fills)), name

        for_each(check, order_rules(), histories())

    def test_what_happens_to_one_order_does_not_depend_on_the_others(self) -> None:
        """I-13: an order's own events alone make the same order."""

        def check(history: History) -> None:
            desk = begun()
            for order, step in history:
                play(desk, order, step)
            together = self._told(desk.journal).orders()
            for name in ORDERS:
                alone = self._told([it for it in desk.journal if _is_of(it, name)]).orders()
                assert alone[name] == together[name]

        for_each(check, histories())

    def test_fills_corrections_and_busts_may_come_in_any_order(self) -> None:
        """I-14, I-15: before the acknowledgement, before what they refer to, and twice."""

        def check(given: ExecutionsGiven, data: st.DataObject) -> None:
            desk = Desk()
            desk.submit(qty=1000)
            shuffled = data.draw(st.permutations(facts_of(given)))
            for fact in (*shuffled, *shuffled):
                say(desk, fact)
            shown = self._told(desk.journal).orders()["X"]
            count = [chain[-1] for chain, busted in given if not busted]
            assert shown.cum_qty in (None, sum(qty for qty, _, _ in count))
            assert shown.cum_cost in (None, sum(qty * px for qty, px, _ in count))
            assert shown.leaves_qty in (None, max(0, 1000 - sum(qty for qty, _, _ in count)))

        for_each(check, executions(), st.data())

    def _told(self, journal: list[Any]) -> OrderKeeping:
        keeping = self.begin()
        for event in journal:
            keeping.take(event)
        return keeping


def _must_agree(found: Mapping[str, ShownOrder], desk: Desk) -> None:
    assert found.keys() == desk.orders.keys()
    for name, shown in found.items():
        assert differences(shown, order_shown(desk.orders[name])) == {}, name


def _is_of(event: Any, name: str) -> bool:
    if type(event) is AnomalyRecorded:
        return False
    return (event.client_order_id if type(event) is e.OrderSubmitted else event.order) == name


def effective(journal: list[Any]) -> dict[str, dict[Any, e.OrderFilled | e.FillCorrected]]:
    """The fills that count of each order, by a plain list of what the journal says."""
    fills: dict[str, dict[Any, e.OrderFilled | e.FillCorrected]] = {}
    for event in journal:
        if type(event) is e.OrderFilled:
            of_order = fills.setdefault(event.order, {})
            key = (event.exchange, event.account, event.symbol, event.trade_date, event.execution_id)
            assert key not in of_order, "one execution is journaled twice"
            of_order[key] = event
        elif type(event) in (e.FillBusted, e.FillCorrected) and event.known:
            key = (event.exchange, event.account, event.symbol, event.trade_date, event.root)
            of_order = fills[event.order]
            del of_order[key]
            if type(event) is e.FillCorrected:
                of_order[key] = event
    return fills


def fees_of(fills: list[Any]) -> tuple[tuple[str, int], ...]:
    """Their fees by currency, without zeros."""
    sums: dict[str, int] = {}
    for it in fills:
        sums[it.fee_ccy] = sums.get(it.fee_ccy, 0) + it.fee
    return tuple(sorted((ccy, amount) for ccy, amount in sums.items() if amount))
