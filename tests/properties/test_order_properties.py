"""Orders under a venue that repeats, reorders, contradicts itself and comes late."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain import fill
from ledger.domain.anomalies import Anomaly
from ledger.domain.context import OrderRules, Rejection
from ledger.domain.enums import (
    CancelReason,
    CancelRejectReason,
    FillStanding,
    OrderStatus,
    Phase,
    Side,
    TimeInForce,
)
from ledger.domain.order import (
    OrderState,
    Repeated,
    canonical,
    from_canonical,
    is_open,
    leaves,
    overfill,
    phase,
    status,
)
from ledger.domain.order_table import LEGAL, Does
from order_desk import DAY, NOW, Desk, Outcome

Step = tuple[Any, ...]
ORDERS = ("X", "Y")
QTY = st.integers(1, 120)
PX = st.integers(90, 110).map(lambda tens: tens * 1000)
REQUEST = st.sampled_from(("r1", "r2", "r3"))
EXECUTION = st.sampled_from(("e1", "e2", "e3", "e4", "e5"))
ANY_DAY = st.sampled_from((DAY, "2026-11-21"))
FEE = st.tuples(st.integers(-3, 3), st.sampled_from(("USD", "EUR")))
CUM = st.none() | st.integers(0, 250)

STEPS = st.one_of(
    st.tuples(st.just("submit"), QTY, st.sampled_from(TimeInForce)),
    st.tuples(st.just("cancel"), REQUEST),
    st.tuples(st.just("replace"), REQUEST, st.none() | QTY, st.none() | PX),
    st.tuples(
        st.just("fill"),
        EXECUTION,
        ANY_DAY,
        QTY,
        PX,
        FEE,
        CUM,
        st.sampled_from((Side.BUY, Side.BUY, Side.SELL)),
    ),
    st.tuples(st.just("bust"), EXECUTION, EXECUTION, ANY_DAY, st.booleans()),
    st.tuples(st.just("correct"), EXECUTION, EXECUTION, ANY_DAY, QTY, PX, FEE),
    st.tuples(st.just(f.ReportAccepted), st.sampled_from(("", "v1", "v2")), st.just(0), CUM),
    st.tuples(
        st.just(f.ReportCanceled), st.booleans(), REQUEST, st.sampled_from(CancelReason), st.just(0), CUM
    ),
    st.tuples(st.just(f.ReportCancelRejected), REQUEST, st.sampled_from(CancelRejectReason)),
    st.tuples(st.just(f.ReportReplaced), REQUEST | st.just(""), st.none() | QTY, st.none() | PX),
    st.tuples(st.just(f.ReportReplaceRejected), REQUEST),
    st.tuples(st.just(f.ReportPendingCancel), REQUEST),
    st.tuples(st.just(f.ReportPendingReplace), REQUEST),
    st.tuples(st.just(f.ReportRestated), st.none() | QTY),
    st.tuples(st.just(f.ReportReduced), st.integers(0, 120)),
    st.sampled_from(((f.ReportSuspended,), (f.ReportResumed,))),
    st.sampled_from(
        (
            (f.ReportRejected,),
            (f.ReportExpired,),
            (f.ReportDoneForDay,),
            (f.ReportTriggered,),
        )
    ),
)
STREAM = st.lists(st.tuples(st.sampled_from(ORDERS), STEPS), max_size=40)
RULES = st.builds(OrderRules, st.integers(0, 2), st.booleans(), st.booleans())


def play(desk: Desk, order: str, step: Step, names: str = "") -> Outcome:
    """One step; `names` in front of every request and execution id keeps two orders' ids apart."""
    what, *args = step
    if what == "submit":
        expire_ts = NOW + 1 if args[1] is TimeInForce.GTD else 0
        return desk.submit(order, args[0], time_in_force=args[1], expire_ts=expire_ts)
    if what == "cancel":
        return desk.cancel(names + args[0], order)
    if what == "replace":
        return desk.replace(names + args[0], args[1], order, px=args[2])
    if what == "fill":
        execution, day, qty, px, (fee, ccy), cum, side = args
        return desk.report(
            f.ReportFill,
            names + execution,
            day,
            side,
            qty,
            px,
            fee,
            ccy,
            account="A1",
            venue_cum=cum,
            order=order,
        )
    if what == "bust":
        own, ref, day, back = args
        return desk.report(
            f.ReportTradeCancel, names + own, names + ref, day, back, account="A1", order=order
        )
    if what == "correct":
        own, ref, day, qty, px, (fee, ccy) = args
        own, ref = names + own, names + ref
        return desk.report(f.ReportTradeCorrect, own, ref, day, qty, px, fee, ccy, account="A1", order=order)
    named = (
        f.ReportCancelRejected,
        f.ReportReplaced,
        f.ReportReplaceRejected,
        f.ReportPendingCancel,
        f.ReportPendingReplace,
    )
    if what in named and args[0]:
        args[0] = names + args[0]
    if what is f.ReportCanceled:
        args[1] = names + args[1]
    return desk.report(what, *args, order=order)


def begun(rules: OrderRules | None = None) -> Desk:
    desk = Desk(rules)
    desk.submit("X")
    desk.submit("Y")
    return desk


def effective(journal: list[Any]) -> dict[str, dict[fill.FillKey, e.OrderFilled | e.FillCorrected]]:
    """F(o) of each order, by a plain list of what the journal says."""
    fills: dict[str, dict[fill.FillKey, Any]] = {}
    for event in journal:
        if type(event) in (e.OrderFilled, e.FillBusted, e.FillCorrected):
            of_order = fills.setdefault(event.order, {})
            key = fill.event_keys(event)[0]
            if type(event) is e.OrderFilled:
                assert key not in of_order
                of_order[key] = event
            elif event.known:
                del of_order[key]
                if type(event) is e.FillCorrected:
                    of_order[key] = event
    return fills


def fees_of(fills: list[Any]) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = {}
    for it in fills:
        sums[it.fee_ccy] = sums.get(it.fee_ccy, 0) + it.fee
    return tuple(sorted((ccy, amount) for ccy, amount in sums.items() if amount))


@settings(deadline=None, max_examples=250)
@given(RULES, STREAM)
def test_an_order_is_the_sum_of_its_effective_fills(
    rules: OrderRules, stream: list[tuple[str, Step]]
) -> None:
    """I-16, and the fill entities say the same."""
    desk = begun(rules)
    for order, step in stream:
        play(desk, order, step)
    by_order = effective(desk.journal)
    for name, state in desk.orders.items():
        fills = list(by_order.get(name, {}).values())
        assert state.cum == sum(it.qty for it in fills)
        assert state.cum_cost == sum(it.qty * it.px for it in fills)
        assert state.fees == fees_of(fills)
        assert state.fill_count == len(fills)
    counted = {key for key, it in desk.fills.items() if it.standing is FillStanding.EFFECTIVE}
    assert counted == {key for fills in by_order.values() for key in fills}
    for fills in by_order.values():
        for key, it in fills.items():
            held = desk.fills[key]
            assert (held.qty, held.px, held.fee, held.fee_ccy, held.order) == (
                it.qty,
                it.px,
                it.fee,
                it.fee_ccy,
                it.order,
            )


@settings(deadline=None, max_examples=250)
@given(RULES, STREAM)
def test_each_turn_is_legal_and_keeps_what_may_never_break(
    rules: OrderRules, stream: list[tuple[str, Step]]
) -> None:
    """I-5 (decide twice, in the desk), I-17, I-18, I-19, I-20, I-21, I-23."""
    desk = begun(rules)
    for order, step in stream:
        before = dict(desk.orders)
        at = len(desk.journal)
        outcome = play(desk, order, step)
        if not isinstance(outcome, list):
            assert desk.orders == before
            assert len(desk.journal) == at
        for name, state in desk.orders.items():
            _holds(state, desk)
            _is_monotone(before.get(name), state, desk.journal[at:])
        _is_legal(step, before.get(order), outcome, desk.orders.get(order))


def _holds(state: OrderState, desk: Desk) -> None:
    assert 0 <= leaves(state) <= state.qty
    assert leaves(state) == (0 if state.closed else max(0, state.qty - state.cum))
    assert overfill(state) == max(0, state.cum - state.qty)
    if overfill(state):
        of_order = [
            it for it in desk.journal if type(it) is e.AnomalyRecorded and it.order_id == state.terms.order_id
        ]
        assert Anomaly.OVERFILL.value in [it.kind for it in of_order]
    filled = state.cum >= state.qty > 0 and not state.requests and not state.dfd
    assert (status(state) is OrderStatus.FILLED) == filled
    ids = [it.client_order_id for it in state.requests]
    assert len(ids) == len(set(ids))
    if state.closed:
        assert not state.requests
        assert not is_open(state)
    assert len(state.chain) <= 16


def _is_monotone(before: OrderState | None, after: OrderState, events: list[Any]) -> None:
    kinds = {type(it) for it in events}
    if before is not None and before.closed and leaves(after):
        assert {it.kind for it in events if type(it) is e.AnomalyRecorded} & {
            "ACK_AFTER_REJECT",
            "FILL_AFTER_REJECT",
        }
    if before is not None and after.cum < before.cum:
        assert kinds & {e.FillBusted, e.FillCorrected}


def _is_legal(step: Step, before: OrderState | None, outcome: Outcome, after: OrderState | None) -> None:
    kinds = {"submit": "SubmitOrder", "cancel": "CancelOrder", "replace": "ReplaceOrder"}
    name = kinds.get(step[0], step[0]) if isinstance(step[0], str) else step[0].__name__
    by_name = {it.__name__: it for it in LEGAL}
    if (
        name not in by_name
    ):  # Executions find their order by the fill; their cells are played in the table's tests.
        return
    cell = LEGAL[by_name[name]][phase(before)]
    if isinstance(outcome, Rejection):
        assert outcome.code < 30 or outcome.code in (cell.code, *cell.may)
    elif isinstance(outcome, list) and outcome and type(outcome[0]) is not e.AnomalyRecorded:
        stays = (phase(before),) if cell.does is Does.SAME else ()
        assert phase(after) in (*cell.to, *stays)
    elif isinstance(outcome, list) and outcome:
        assert {it.kind for it in outcome} <= {
            str(cell.record),
            *(str(it) for it in cell.may),
            "CUM_MISMATCH",
        }
    else:
        assert outcome == [] or isinstance(outcome, Repeated)


@settings(deadline=None, max_examples=150)
@given(RULES, STREAM)
def test_replay_is_nothing_but_evolve(rules: OrderRules, stream: list[tuple[str, Step]]) -> None:
    """I-2, I-5: the journal alone, through its bytes, gives the same orders and fills, byte for byte."""
    live = begun(rules)
    for order, step in stream:
        play(live, order, step)
    replayed = Desk(rules)
    for event in live.journal:
        replayed.apply(msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=type(event)))
    assert replayed.orders == live.orders
    assert replayed.fills == live.fills
    assert replayed.ids == live.ids
    for state in live.orders.values():
        stored = msgspec.msgpack.encode(canonical(state))
        assert from_canonical(msgspec.msgpack.decode(stored)) == state
        assert msgspec.msgpack.encode(canonical(from_canonical(msgspec.msgpack.decode(stored)))) == stored


@settings(deadline=None, max_examples=150)
@given(STREAM)
def test_an_execution_sent_again_changes_nothing(stream: list[tuple[str, Step]]) -> None:
    """I-11: each fill, bust and correction that was taken is sent again at the end."""
    desk = begun()
    taken: list[tuple[str, Step]] = []
    for order, step in stream:
        outcome = play(desk, order, step)
        applied = isinstance(outcome, list) and outcome and type(outcome[0]) is not e.AnomalyRecorded
        if applied and step[0] in ("fill", "bust", "correct"):
            taken.append((order, step))
    orders, fills = dict(desk.orders), dict(desk.fills)
    for order, step in taken:
        again = play(desk, order, step)
        # A bust or correction under the id of its own fill is known by the fill alone: an old one may be a conflict.
        assert again == [] or (step[0] != "fill" and (step[1] == step[2] or not _has_its_own_id(desk, step)))
        assert (desk.orders, desk.fills) == (orders, fills)


@settings(deadline=None, max_examples=150)
@given(STREAM)
def test_orders_do_not_see_each_other(stream: list[tuple[str, Step]]) -> None:
    """I-13: interleaved or one after the other, each order ends the same (the places of its events apart)."""
    mixed, apart = begun(), begun()
    for order, step in stream:
        play(mixed, order, step, names=order)
    for name in ORDERS:
        for order, step in stream:
            if order == name:
                play(apart, order, step, names=order)
    for name in ORDERS:
        assert _without_seq(mixed.orders[name]) == _without_seq(apart.orders[name])


def _without_seq(state: OrderState) -> tuple[Any, ...]:
    requests = tuple(msgspec.structs.replace(it, seq=0) for it in state.requests)
    return canonical(msgspec.structs.replace(state, requests=requests, version=0))


def _has_its_own_id(desk: Desk, step: Step) -> bool:
    return desk.fills["NASDAQ", "A1", "AAPL", step[3], step[1]].standing is FillStanding.ALIAS


CHAIN = st.lists(st.tuples(QTY, PX, FEE), min_size=1, max_size=4)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(CHAIN, st.booleans()), min_size=1, max_size=4), st.data())
def test_fills_corrections_and_busts_may_come_in_any_order(
    executions: list[tuple[list[Any], bool]], data: st.DataObject
) -> None:
    """I-14, I-15: each execution is a fill, its chain of corrections, perhaps a bust at its end; all shuffled, with the ack."""
    facts: list[tuple[Any, ...]] = [("ack",)]
    expected: list[Any] = []
    for number, (chain, busted) in enumerate(executions):
        names = [f"{number}-{depth}" for depth in range(len(chain))]
        for depth, terms in enumerate(chain):
            facts.append(
                ("fill", names[0], *terms)
                if depth == 0
                else ("correct", names[depth], names[depth - 1], *terms)
            )
        if busted:
            facts.append(("bust", f"{number}-b", names[-1]))
        else:
            expected.append(chain[-1])
    shuffled = data.draw(st.permutations(facts))
    desk = Desk()
    desk.submit(qty=1000)
    for fact in (*shuffled, *shuffled):
        _say(desk, fact)
    assert desk.x.cum == sum(qty for qty, _, _ in expected)
    assert desk.x.cum_cost == sum(qty * px for qty, px, _ in expected)
    assert desk.x.fill_count == len(expected)
    sums: dict[str, int] = {}
    for _, _, (fee, ccy) in expected:
        sums[ccy] = sums.get(ccy, 0) + fee
    assert desk.x.fees == tuple(sorted((ccy, fee) for ccy, fee in sums.items() if fee))
    assert phase(desk.x) is Phase.LIVE
    assert set(desk.anomalies()) <= {"FILL_BEFORE_ACK", "BUST_BEFORE_FILL", "CORRECT_BEFORE_FILL"}


def _say(desk: Desk, fact: tuple[Any, ...]) -> None:
    what, *args = fact
    if what == "ack":
        desk.report(f.ReportAccepted, "V1")
    elif what == "bust":
        desk.bust(*args)
    elif what == "fill":
        name, qty, px, (fee, ccy) = args
        desk.fill(name, qty, px, fee=fee, fee_ccy=ccy)
    else:
        name, ref, qty, px, (fee, ccy) = args
        desk.correct(name, ref, qty, px, fee=fee, fee_ccy=ccy)


@settings(deadline=None, max_examples=150)
@given(STREAM, QTY)
def test_a_known_id_is_one_order_for_ever(stream: list[tuple[str, Step]], qty: int) -> None:
    """I-10, I-12: whatever happened, one OrderSubmitted per id; the same again is a repeat, another is refused."""
    desk = begun()
    for order, step in stream:
        play(desk, order, step)
    for name in ORDERS:
        assert sum(type(it) is e.OrderSubmitted and it.client_order_id == name for it in desk.journal) == 1
        order_id = desk.orders[name].terms.order_id
        answer = desk.submit(name, qty)
        assert answer == Repeated(order_id, order_id) if qty == 100 else isinstance(answer, Rejection)


def test_the_nasty_stream_reaches_every_event_of_orders() -> None:
    """A property that never meets a case proves nothing: the steps above make every event there is."""
    made: set[type] = set()

    @settings(deadline=None, max_examples=1500, derandomize=True, database=None)
    @given(RULES, STREAM)
    def gather(rules: OrderRules, stream: list[tuple[str, Step]]) -> None:
        desk = begun(rules)
        for order, step in stream:
            play(desk, order, step)
        made.update(type(it) for it in desk.journal)

    gather()
    assert made >= set(e.OrderEvent.__args__) - {e.OrderAdopted, e.OrderUnconfirmed}
