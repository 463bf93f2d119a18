"""What every pair of decide and evolve for orders must keep, as tests for pytest, under a nasty venue.

Subclass `DecideEvolveContract` and give the pair, what it shows of a state, and in which column of the order table
(`ledger.domain.order_table`) a state stands:

    class TestMyRules(DecideEvolveContract):
        pair = MyRules()
        def shown(self, state): return ShownOrder(...)
        def phase(self, state): return Phase.LIVE ...

The table is data; a pair that does in any cell what the table does not say fails.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from ledger.domain import events as e
from ledger.domain.anomalies import Anomaly
from ledger.domain.context import OrderRules, Rejection
from ledger.domain.enums import OrderStatus, Phase
from ledger.domain.order import Repeated
from ledger.domain.order_table import LEGAL, Does
from ledger.testing.executions_given import ExecutionsGiven, executions, facts_of, say
from ledger.testing.generated_orders import (
    ORDERS,
    QTY,
    History,
    Step,
    begun,
    histories,
    order_rules,
    play,
    played,
)
from ledger.testing.order_contract import effective, fees_of
from ledger.testing.order_desk import Desk, Outcome, Pair
from ledger.testing.shown import ShownOrder
from ledger.testing.tries import for_each

_PHASE_NAMES = {"submit": "SubmitOrder", "cancel": "CancelOrder", "replace": "ReplaceOrder"}


class DecideEvolveContract:
    """Any pair; its states must be values that compare."""

    pair: Pair

    def shown(self, state: Any) -> ShownOrder:
        """All that the pair says of an order."""
        raise NotImplementedError

    def phase(self, state: Any) -> Phase:
        """The column of the order table; state is None for an order that does not exist."""
        raise NotImplementedError

    def test_an_order_is_the_sum_of_its_effective_fills(self) -> None:
        """I-16."""

        def check(rules: OrderRules, history: History) -> None:
            desk = played(rules, history, self.pair)
            by_order = effective(desk.journal)
            for name, state in desk.orders.items():
                fills, shown = list(by_order.get(name, {}).values()), self.shown(state)
                assert shown.cum_qty == sum(it.qty for it in fills)
                assert shown.cum_cost == sum(it.qty * it.px for it in fills)
                assert shown.fees == fees_of(fills)

        for_each(check, order_rules(), histories())

    def test_each_turn_is_legal_and_keeps_what_may_never_break(self) -> None:
        """I-5 (decide twice, at the desk), I-17, I-18, I-19, I-20, I-23."""

        def check(rules: OrderRules, history: History) -> None:
            desk = begun(rules, self.pair)
            for order, step in history:
                before, at = dict(desk.orders), len(desk.journal)
                outcome = play(desk, order, step)
                if not isinstance(outcome, list):
                    assert desk.orders == before
                    assert len(desk.journal) == at
                for name, state in desk.orders.items():
                    self._holds(name, self.shown(state), desk)
                    self._is_monotone(before.get(name), state, desk.journal[at:])
                self._is_legal(step, before.get(order), outcome, desk.orders.get(order))

        for_each(check, order_rules(), histories())

    def _holds(self, name: str, shown: ShownOrder, desk: Desk) -> None:
        qty, cum, leaves = shown.qty, shown.cum_qty, shown.leaves_qty
        assert qty is not None
        assert cum is not None
        assert leaves is not None
        assert 0 <= leaves <= qty
        assert leaves in (0, qty - cum)
        if cum > qty:
            order_id = next(at for at, it in enumerate(desk.journal, 1) if _begins(it, name))
            kinds = [
                it.kind for it in desk.journal if type(it) is e.AnomalyRecorded and it.order_id == order_id
            ]
            assert Anomaly.OVERFILL.value in kinds
        if shown.status is OrderStatus.FILLED:
            assert cum >= qty > 0

    def _is_monotone(self, before: Any, after: Any, events: list[Any]) -> None:
        if before is None:
            return
        was, now = self.shown(before), self.shown(after)
        closed = self.phase(before) in (Phase.CXL, Phase.EXP, Phase.REJ)
        if closed and now.leaves_qty:
            kinds = {it.kind for it in events if type(it) is e.AnomalyRecorded}
            assert kinds & {"ACK_AFTER_REJECT", "FILL_AFTER_REJECT"}
        assert was.cum_qty is not None
        assert now.cum_qty is not None
        if now.cum_qty < was.cum_qty:
            assert {type(it) for it in events} & {e.FillBusted, e.FillCorrected}

    def _is_legal(self, step: Step, before: Any, outcome: Outcome, after: Any) -> None:
        name = _PHASE_NAMES.get(step[0], step[0]) if isinstance(step[0], str) else step[0].__name__
        row = next((row for kind, row in LEGAL.items() if kind.__name__ == name), None)
        if row is None:
            return  # an execution finds its order by the fill; its cells are the table's own tests
        cell = row[self.phase(before)]
        if isinstance(outcome, Rejection):
            assert outcome.code < 30 or outcome.code in (cell.code, *cell.may)
        elif isinstance(outcome, list) and outcome and type(outcome[0]) is not e.AnomalyRecorded:
            if type(outcome[0]) is e.OrderStatusAnswered:
                assert outcome == outcome[:1]
                assert self.phase(after) is self.phase(before)
                return
            stays = (self.phase(before),) if cell.does is Does.SAME else ()
            assert self.phase(after) in (*cell.to, *stays)
        elif isinstance(outcome, list) and outcome:
            allowed = {str(cell.record), *(str(it) for it in cell.may), "CUM_MISMATCH"}
            kinds = {it.kind for it in outcome if type(it) is e.AnomalyRecorded}
            assert kinds <= allowed
            assert len(outcome) - len(kinds) <= 1, "beside what is wrong, at most one question to the venue"
        else:
            assert outcome == [] or isinstance(outcome, Repeated)

    def test_replay_is_nothing_but_evolve(self) -> None:
        """I-2, I-5: the journal alone, through its bytes, gives the same orders and fills."""

        def check(rules: OrderRules, history: History) -> None:
            live = played(rules, history, self.pair)
            replayed = Desk(rules, self.pair)
            for event in live.journal:
                replayed.apply(msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=event.__class__))
            assert replayed.orders == live.orders
            assert replayed.fills == live.fills
            assert replayed.ids == live.ids

        for_each(check, order_rules(), histories())

    def test_a_fill_sent_again_changes_nothing(self) -> None:
        """I-11."""

        def check(history: History) -> None:
            desk = begun(pair=self.pair)
            taken: list[tuple[str, Step]] = []
            for order, step in history:
                outcome = play(desk, order, step)
                if step[0] == "fill" and isinstance(outcome, list) and _is_applied(outcome):
                    taken.append((order, step))
            orders, fills = dict(desk.orders), dict(desk.fills)
            for order, step in taken:
                assert play(desk, order, step) == []
                assert (desk.orders, desk.fills) == (orders, fills)

        for_each(check, histories())

    def test_fills_corrections_and_busts_may_come_in_any_order(self) -> None:
        """I-14, I-15: each execution's facts shuffled with those of the others and the acknowledgement, all told twice."""

        def check(given: ExecutionsGiven, data: st.DataObject) -> None:
            desk = Desk(pair=self.pair)
            desk.submit(qty=1000)
            shuffled = data.draw(st.permutations(facts_of(given)))
            for fact in (*shuffled, *shuffled):
                say(desk, fact)
            shown = self.shown(desk.x)
            count = [chain[-1] for chain, busted in given if not busted]
            assert shown.cum_qty == sum(qty for qty, _, _ in count)
            assert shown.cum_cost == sum(qty * px for qty, px, _ in count)
            assert self.phase(desk.x) is Phase.LIVE
            assert set(desk.anomalies()) <= {"FILL_BEFORE_ACK", "BUST_BEFORE_FILL", "CORRECT_BEFORE_FILL"}

        for_each(check, executions(), st.data())

    def test_orders_do_not_see_each_other(self) -> None:
        """I-13: interleaved or one after the other, each order ends the same."""

        def check(history: History) -> None:
            mixed, apart = begun(pair=self.pair), begun(pair=self.pair)
            for order, step in history:
                play(mixed, order, step, names=order)
            for name in ORDERS:
                for order, step in history:
                    if order == name:
                        play(apart, order, step, names=order)
            for name in ORDERS:
                assert self.shown(mixed.orders[name]) == self.shown(apart.orders[name])

        for_each(check, histories())

    def test_a_known_id_is_one_order_for_ever(self) -> None:
        """I-10, I-12: whatever happened, one OrderSubmitted per id; the same again is a repeat, another is refused."""

        def check(history: History, qty: int) -> None:
            desk = played(None, history, self.pair)
            for name in ORDERS:
                (order_id,) = (at for at, it in enumerate(desk.journal, 1) if _begins(it, name))
                answer = desk.submit(name, qty)
                same = answer == Repeated(order_id, order_id)
                assert same if qty == 100 else isinstance(answer, Rejection)

        for_each(check, histories(), QTY)


def _begins(event: Any, name: str) -> bool:
    return type(event) is e.OrderSubmitted and event.client_order_id == name


def _is_applied(outcome: list[Any]) -> bool:
    return bool(outcome) and type(outcome[0]) is not e.AnomalyRecorded
