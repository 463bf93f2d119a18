"""The ledger's rules of orders under its own public contracts, and what only its states can show."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import Phase as Tried
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain import events as e
from ledger.domain.context import OrderRules
from ledger.domain.enums import FillStanding, OrderStatus, Phase
from ledger.domain.order import (
    OrderState,
    canonical,
    evolve,
    from_canonical,
    is_open,
    leaves,
    overfill,
    phase,
    status,
)
from ledger.testing.decide_evolve_contract import DecideEvolveContract
from ledger.testing.generated_orders import (
    ORDERS,
    History,
    Step,
    begun,
    histories,
    order_rules,
    play,
    played,
)
from ledger.testing.order_contract import OrderContract, effective
from ledger.testing.order_desk import NOW, OURS, Desk
from ledger.testing.shown import ShownOrder, order_shown
from order_vectors import ANOMALIES, ANY_REPLACE, MATRICES, MATRIX_QTY, seen
from order_vectors import play as play_row


class TestRules(DecideEvolveContract):
    """I-2, I-5, I-10 to I-20, I-23, as anybody's decide and evolve."""

    pair = OURS

    def shown(self, state: OrderState) -> ShownOrder:
        return order_shown(state)

    def phase(self, state: OrderState | None) -> Phase:
        return phase(state)


class OurOrders:
    """The domain's evolve as a book-keeping that is told the journal."""

    def __init__(self) -> None:
        self._desk = Desk()

    def take(self, event: Any) -> None:
        self._desk.apply(event)

    def orders(self) -> dict[str, ShownOrder]:
        return {name: order_shown(state) for name, state in self._desk.orders.items()}


class TestOrders(OrderContract):
    """I-2, I-13 to I-18, as anybody's book-keeping."""

    def begin(self) -> OurOrders:
        return OurOrders()


@given(order_rules(), histories())
def test_the_state_of_an_order_keeps_what_may_never_break(rules: OrderRules, history: History) -> None:
    """I-17, I-18, I-21"""
    desk = begun(rules)
    for order, step in history:
        play(desk, order, step)
        for state in desk.orders.values():
            _holds(state)


def _holds(state: OrderState) -> None:
    assert leaves(state) == (0 if state.closed else max(0, state.qty - state.cum))
    assert overfill(state) == max(0, state.cum - state.qty)
    filled = state.cum >= state.qty > 0 and not state.requests and not state.dfd
    assert (status(state) is OrderStatus.FILLED) == filled
    ids = [it.client_order_id for it in state.requests]
    assert len(ids) == len(set(ids))
    if state.closed:
        assert not state.requests
        assert not is_open(state)
    assert len(state.chain) <= 16


@given(order_rules(), histories())
def test_executions_count_exactly_where_their_orders_count_them(rules: OrderRules, history: History) -> None:
    """I-16"""
    desk = played(rules, history)
    by_order = effective(desk.journal)
    counted = {key for key, it in desk.fills.items() if it.standing is FillStanding.EFFECTIVE}
    assert counted == {key for fills in by_order.values() for key in fills}
    for name, fills in by_order.items():
        assert name == "" or desk.orders[name].fill_count == len(fills)
        for key, it in fills.items():
            held = desk.fills[key]
            assert (held.qty, held.px, held.fee, held.fee_ccy) == (it.qty, it.px, it.fee, it.fee_ccy)
            assert held.order == it.order


@given(order_rules(), histories())
def test_a_stored_order_reads_back_equal_byte_for_byte(rules: OrderRules, history: History) -> None:
    """I-2, I-3 for one state"""
    for state in played(rules, history).orders.values():
        stored = msgspec.msgpack.encode(canonical(state))
        again = from_canonical(msgspec.msgpack.decode(stored))
        assert again == state
        assert msgspec.msgpack.encode(canonical(again)) == stored


@given(histories())
def test_a_bust_or_correction_sent_again_changes_nothing(history: History) -> None:
    """I-11: one under the id of its own fill is known by the fill alone: an old one may be a conflict"""
    desk = begun()
    taken: list[tuple[str, Step]] = []
    for order, step in history:
        outcome = play(desk, order, step)
        applied = isinstance(outcome, list) and outcome and type(outcome[0]) is not e.AnomalyRecorded
        if applied and step[0] in ("bust", "correct"):
            taken.append((order, step))
    orders, fills = dict(desk.orders), dict(desk.fills)
    for order, step in taken:
        again = play(desk, order, step)
        assert again == [] or step[1] == step[2] or not _has_its_own_id(desk, step)
        assert (desk.orders, desk.fills) == (orders, fills)


@given(histories())
def test_orders_do_not_see_each_other_down_to_the_last_field(history: History) -> None:
    """I-13: the places of events apart"""
    mixed, apart = begun(), begun()
    for order, step in history:
        play(mixed, order, step, names=order)
    for name in ORDERS:
        for order, step in history:
            if order == name:
                play(apart, order, step, names=order)
    for name in ORDERS:
        assert _without_seq(mixed.orders[name]) == _without_seq(apart.orders[name])


def _without_seq(state: OrderState) -> tuple[Any, ...]:
    requests = tuple(msgspec.structs.replace(it, seq=0) for it in state.requests)
    return canonical(msgspec.structs.replace(state, requests=requests, version=0))


def _has_its_own_id(desk: Desk, step: Step) -> bool:
    return desk.fills["NASDAQ", "A1", "AAPL", step[3], step[1]].standing is FillStanding.ALIAS


@given(histories())
def test_any_event_of_an_order_folds_upon_any_state_of_it(history: History) -> None:
    """I-5: evolve is total, also where decide would not have made the event"""
    desk = played(None, history)
    events = [it for it in desk.journal if type(it) is not e.AnomalyRecorded]
    for event in events:
        for state in desk.orders.values():
            assert isinstance(evolve(state, event, 999, NOW), OrderState)


OTHER = "another"
"""No id of a matrix or case, so that it is never the same id of two orders."""


@given(st.sampled_from(sorted(MATRICES)), histories(), st.data())
def test_a_fix_matrix_holds_row_by_row_whatever_happens_to_another_order(
    name: str, history: History, data: st.DataObject
) -> None:
    """I-13, I-22"""
    desk = Desk(ANY_REPLACE)
    desk.submit(OTHER)
    desk.submit(qty=MATRIX_QTY)
    rows: list[Any] = [("row", row) for row in MATRICES[name]]
    for at in sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=len(history))), reverse=True):
        rows.insert(at, ("step", history.pop()[1]))
    for what, said in rows:
        if what == "step":
            play(desk, OTHER, said, names=OTHER)
            continue
        op, *args, expected = said
        play_row(desk, op, args)
        assert expected is None or seen(desk) == expected, (op, args)


@given(st.sampled_from(sorted(ANOMALIES)), histories(), st.data())
def test_an_anomaly_case_holds_whatever_happens_to_another_order(
    name: str, history: History, data: st.DataObject
) -> None:
    """I-13, I-22"""
    case = ANOMALIES[name]
    desk = Desk(ANY_REPLACE)
    desk.submit(OTHER)
    desk.submit(qty=case["qty"])
    for op, *args in case["steps"]:
        for _ in range(data.draw(st.integers(0, min(2, len(history))))):
            play(desk, OTHER, history.pop()[1], names=OTHER)
        play_row(desk, op, args)
    assert seen(desk) == case["expect"]
    mine = {it.kind for it in desk.journal if type(it) is e.AnomalyRecorded and it.order_id == 2}
    beside = {"UNSOLICITED_CANCEL", "UNSOLICITED_REPLACE"}
    assert mine - beside == set(case["anomalies"]) - beside


class AllMet(Exception):
    """Nothing is missing any more."""


def test_the_nasty_histories_reach_every_event_of_orders() -> None:
    """A property that never meets a case proves nothing: the steps make every event there is."""
    missing = set(e.OrderEvent.__args__) - {e.OrderAdopted, e.OrderUnconfirmed}

    @settings(max_examples=1500, derandomize=True, database=None, phases=[Tried.generate])
    @given(order_rules(), histories())
    def gather(rules: OrderRules, history: History) -> None:
        missing.difference_update(type(it) for it in played(rules, history).journal)
        if not missing:
            raise AllMet

    with pytest.raises(AllMet):
        gather()
    assert missing == set()
