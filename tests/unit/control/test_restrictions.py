"""Kill switch, trading states, reduce_only and mass cancels: what they refuse, what they never refuse, how they end."""

from __future__ import annotations

from typing import Any

import pytest

from desk_partition import START_NS, DeskPartition, code_of
from ledger.domain import order as orders
from ledger.domain.codes import Code
from ledger.domain.commands import SubmitOrder
from ledger.domain.control_commands import (
    CONTROL_COMMANDS,
    EngageKillSwitch,
    MassCancel,
    ReleaseKillSwitch,
    SetTradingState,
)
from ledger.domain.control_events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    MassCancelCompleted,
    MassCancelRequested,
)
from ledger.domain.enums import OrderType, Side, TradingState
from ledger.domain.events import CancelRequested, EngineFault, EntityQuarantined
from ledger.domain.facts import ReportAccepted, ReportCancelRejected
from ledger.domain.order_evolve import ORDER_STEPS
from ledger.domain.scope import Scope
from ledger.engine.control_turns import CHUNK_CANCELS, CHUNK_ORDERS

IN = {"trader_id": "tom", "session_id": "s1"}
OUT = {"trader_id": "eve", "session_id": "s2", "strategy": "S3", "symbol": "MSFT"}
SCOPES = [
    (Scope.ALL, ""),
    (Scope.ACCOUNT, "A1"),
    (Scope.STRATEGY, "S1"),
    (Scope.SYMBOL, "AAPL"),
    (Scope.EXCHANGE, "XNAS"),
    (Scope.TRADER, "tom"),
    (Scope.SESSION, "s1"),
    (Scope.STRATEGY_SYMBOL, "S1/AAPL"),
]
BROAD = (Scope.ALL, Scope.EXCHANGE)


def desk_with_orders() -> DeskPartition:
    desk = DeskPartition()
    desk.submit("in", **IN)
    desk.submit("out", **OUT)
    return desk


# ---- kill switch -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "name"), SCOPES)
def test_a_kill_switch_refuses_new_orders_of_its_scope_and_cancels_the_open_ones(
    scope: Scope, name: str
) -> None:
    desk = desk_with_orders()
    engagement = desk.engage(scope, name)
    outside = 0 if scope not in BROAD else Code.KILL_SWITCH
    assert code_of(desk.submit("in2", **IN)) == Code.KILL_SWITCH
    assert code_of(desk.submit("out2", **OUT)) == outside
    assert desk.asked() == (["in"] if scope not in BROAD else ["in", "out"])
    desk.release(engagement)
    assert code_of(desk.submit("in3", **IN)) == 0


def test_the_engagement_says_who_engaged_it_and_why_and_so_does_its_release() -> None:
    desk = desk_with_orders()
    engagement = desk.new_id()
    desk.tell(EngageKillSwitch(engagement, Scope.STRATEGY, "S1", "runaway", "bob"))
    desk.tell(ReleaseKillSwitch(desk.new_id(), engagement, "mended", "eve"))
    (engaged,) = (it for it in desk.journal if type(it) is KillSwitchEngaged)
    (released,) = (it for it in desk.journal if type(it) is KillSwitchReleased)
    assert (engaged.actor, engaged.on_behalf_of, engaged.reason) == ("ann", "bob", "runaway")
    assert (released.actor, released.on_behalf_of, released.reason) == ("ann", "eve", "mended")
    kill = desk.trading.control.kills.states[engagement]
    assert (kill.on_behalf_of, kill.released_on_behalf_of) == ("bob", "eve")
    assert (kill.reason, kill.release_reason) == ("runaway", "mended")


def test_a_release_ends_the_engagement_that_it_names_and_no_other() -> None:
    desk = DeskPartition()
    first, second = desk.engage(Scope.ALL), desk.engage(Scope.ALL)
    wide = desk.engage(Scope.STRATEGY, "S1")
    desk.release(first)
    assert code_of(desk.submit("a")) == Code.KILL_SWITCH
    desk.release(second)
    assert code_of(desk.submit("b")) == Code.KILL_SWITCH
    assert code_of(desk.submit("c", strategy="S2")) == 0
    desk.release(wide)
    assert code_of(desk.submit("d")) == 0


def test_a_second_release_is_a_repeat_and_an_unknown_engagement_is_malformed() -> None:
    desk = DeskPartition()
    engagement = desk.engage(Scope.ALL)
    first, again = desk.release(engagement), desk.release(engagement)
    assert (again.seq, again.repeated) == (first.seq, True)
    assert code_of(desk.release(desk.new_id())) == Code.MALFORMED


def test_the_same_engagement_sent_again_is_answered_as_at_first_and_cancels_nothing_more() -> None:
    desk = desk_with_orders()
    command = EngageKillSwitch(desk.new_id(), Scope.ALL, "", "panic")
    first = desk.tell(command)
    length = len(desk.journal)
    again = desk.tell(command)
    assert (again.seq, again.repeated, len(desk.journal)) == (first.seq, True, length)
    other = EngageKillSwitch(command.command_id, Scope.ALL, "", "another reason")
    assert code_of(desk.tell(other)) == Code.COMMAND_ID_CONFLICT


@pytest.mark.parametrize("change", [{"qty": 11}, {"px": 10_100}])
def test_a_kill_switch_refuses_a_replace_that_increases(change: dict[str, int]) -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.accept("a")
    desk.engage(Scope.TRADER, "nobody")
    assert code_of(desk.replace("r0", "a", px=9_999)) == 0
    desk.replaced("a", "r0", px=9_999)
    desk.engage(Scope.ALL)
    assert code_of(desk.replace("r1", "a", **change)) == Code.KILL_SWITCH


@pytest.mark.parametrize("change", [{"qty": 9}, {"px": 9_900}])
def test_a_kill_switch_lets_a_replace_pass_that_increases_nothing(change: dict[str, int]) -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.accept("a")
    desk.engage(Scope.ALL)
    assert code_of(desk.replace("r1", "a", **change)) == 0


@pytest.mark.parametrize(
    "command",
    [
        EngageKillSwitch(bytes(16), Scope.ALL, "", ""),
        EngageKillSwitch(bytes(16), Scope.ALL, "x", "why"),
        EngageKillSwitch(bytes(16), Scope.SESSION, "", "why"),
        ReleaseKillSwitch(bytes(16), bytes(16), ""),
        SetTradingState(bytes(16), Scope.ALL, TradingState.HALTED, "", " "),
        MassCancel(bytes(16), Scope.SYMBOL, "A|B"),
        MassCancel(bytes(16), Scope.STRATEGY_SYMBOL, "S1"),
    ],
)
def test_a_scope_or_reason_that_cannot_be_meant_is_malformed_and_not_journaled(command: Any) -> None:
    desk = DeskPartition()
    length = len(desk.journal)
    fields = {name: getattr(command, name) for name in command.__struct_fields__}
    answer = desk.tell(type(command)(**{**fields, "command_id": desk.new_id()}))
    assert (code_of(answer), len(desk.journal)) == (Code.MALFORMED, length)


# ---- cancels ---------------------------------------------------------------------------------------------------


def test_a_cancel_is_never_refused_by_risk_or_control() -> None:
    """I-24: codes 40 to 50, 5 and 25 never appear for CancelOrder and MassCancel."""
    desk = DeskPartition()
    for name in ("a", "b", "c"):
        desk.submit(name)
    limit = {"max_order_qty": 0, "max_order_notional": 0, "px_collar": 0, "max_position": 0}
    more = {"max_open_orders": 0, "max_gross_notional": 0, "messages_per_second": 1}
    desk.limit(**limit, **more, duplicate_window_ms=10**6)
    desk.state(TradingState.HALTED)
    desk.engage(Scope.SYMBOL, "MSFT")
    assert [code_of(desk.cancel(f"k{name}", name)) for name in ("a", "b")] == [0, 0]
    assert code_of(desk.mass_cancel(Scope.ALL)) == 0
    assert desk.asked() == ["a", "b", "c"]


# ---- trading state ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "name"), SCOPES)
def test_a_halted_scope_takes_no_new_order_until_it_is_active_again(scope: Scope, name: str) -> None:
    desk = DeskPartition()
    desk.state(TradingState.HALTED, scope, name)
    assert code_of(desk.submit("a", **IN)) == Code.TRADING_HALTED
    assert code_of(desk.submit("b", **OUT)) == (Code.TRADING_HALTED if scope in BROAD else 0)
    desk.state(TradingState.ACTIVE, scope, name)
    assert code_of(desk.submit("c", **IN)) == 0


def test_a_halt_cancels_nothing() -> None:
    desk = desk_with_orders()
    desk.state(TradingState.HALTED)
    assert desk.asked() == []


def test_reducing_lets_only_orders_pass_that_cannot_make_the_position_larger_or_turn_it() -> None:
    desk = DeskPartition()
    desk.holds(10)
    desk.state(TradingState.REDUCING)
    assert code_of(desk.submit("a", qty=1)) == Code.REDUCE_ONLY_STATE
    assert code_of(desk.submit("b", qty=6, side=Side.SELL)) == 0
    assert code_of(desk.submit("c", qty=5, side=Side.SELL)) == Code.REDUCE_ONLY_STATE
    assert code_of(desk.submit("d", qty=4, side=Side.SELL)) == 0
    assert code_of(desk.submit("e", qty=1, side=Side.SELL, strategy="S2")) == Code.REDUCE_ONLY_STATE


def test_setting_the_state_that_stands_is_a_repeat() -> None:
    desk = DeskPartition()
    first, again = desk.state(TradingState.HALTED), desk.state(TradingState.HALTED)
    assert (again.seq, again.repeated) == (first.seq, True)


def test_a_kill_switch_comes_before_a_halt_and_a_halt_before_reducing() -> None:
    desk = DeskPartition()
    desk.state(TradingState.REDUCING, Scope.STRATEGY, "S1")
    assert code_of(desk.submit("a")) == Code.REDUCE_ONLY_STATE
    desk.state(TradingState.HALTED, Scope.ACCOUNT, "A1")
    assert code_of(desk.submit("b")) == Code.TRADING_HALTED
    desk.engage(Scope.SYMBOL, "AAPL")
    assert code_of(desk.submit("c")) == Code.KILL_SWITCH


# ---- reduce_only -----------------------------------------------------------------------------------------------


def test_reduce_only_orders_together_never_turn_a_position() -> None:
    desk = DeskPartition()
    desk.holds(10)
    sell = {"side": Side.SELL, "reduce_only": True}
    assert code_of(desk.submit("a", qty=11, **sell)) == Code.WOULD_INCREASE_POSITION
    assert code_of(desk.submit("b", qty=6, **sell)) == 0
    answer = desk.submit("c", qty=5, **sell)
    assert code_of(answer) == Code.WOULD_INCREASE_POSITION
    assert answer.detail == "reduce_only, but the position is 10, with 0 to buy and 6 to sell in open orders"
    assert code_of(desk.submit("d", qty=4, **sell)) == 0
    assert code_of(desk.submit("e", qty=1, reduce_only=True)) == Code.WOULD_INCREASE_POSITION
    desk.canceled("b")
    assert code_of(desk.submit("f", qty=6, **sell)) == 0
    assert desk.folded().digest() == desk.trading.digest()


def test_a_reduce_only_order_cannot_be_replaced_to_more_than_the_position() -> None:
    desk = DeskPartition()
    desk.holds(-10)
    desk.submit("a", qty=8, reduce_only=True)
    desk.accept("a")
    assert code_of(desk.replace("r1", "a", qty=11)) == Code.WOULD_INCREASE_POSITION
    assert code_of(desk.replace("r2", "a", qty=10)) == 0


# ---- mass cancel -----------------------------------------------------------------------------------------------


def test_a_mass_cancel_asks_for_every_open_order_of_its_scope_once() -> None:
    desk = desk_with_orders()
    desk.submit("over", **IN)
    desk.canceled("over")
    desk.submit("full", **IN)
    desk.fill("full", 10)
    desk.submit("asked", **IN)
    desk.cancel("mine", "asked")
    answer = desk.mass_cancel(Scope.STRATEGY, "S1")
    cancels = [it for it in desk.journal if type(it) is CancelRequested and it.mass_seq]
    assert [(it.order, it.mass_seq, it.actor) for it in cancels] == [("in", answer.seq, "ann")]
    assert desk.journal[-1] == MassCancelCompleted(answer.seq, 1)


def test_new_orders_of_the_scope_wait_until_the_mass_cancel_is_complete() -> None:
    desk = DeskPartition(run_posted=False)
    desk.submit("a")
    desk.accept("a")
    desk.mass_cancel(Scope.STRATEGY, "S1")
    assert code_of(desk.submit("b")) == Code.TRADING_HALTED
    assert code_of(desk.replace("r", "a", qty=11)) == Code.TRADING_HALTED
    assert code_of(desk.submit("c", strategy="S2")) == 0
    desk.run_one_posted()
    assert code_of(desk.submit("d")) == 0


def test_a_mass_cancel_goes_in_chunks_between_which_other_inputs_have_their_turns() -> None:
    desk = DeskPartition(run_posted=False)
    count = 2 * CHUNK_CANCELS + 1
    for number in range(count):
        desk.submit(f"o{number}")
    desk.submit("other", strategy="S2")
    desk.mass_cancel(Scope.STRATEGY, "S1")
    asked: list[int] = []
    while desk.partition.posted:
        before = len(desk.journal)
        desk.run_one_posted()
        assert len(desk.journal) - before <= CHUNK_CANCELS + 1
        asked.append(len(desk.asked()))
        desk.submit(f"between{len(asked)}", strategy="S2")
    assert asked == [CHUNK_CANCELS, 2 * CHUNK_CANCELS, count]
    assert desk.journal[-2] == MassCancelCompleted(desk.journal[-2].ref_seq, count)


def test_a_chunk_looks_at_a_bounded_number_of_orders() -> None:
    desk = DeskPartition(run_posted=False)
    for number in range(CHUNK_ORDERS + 1):
        desk.submit(f"o{number}", strategy="S2")
    desk.submit("last")
    desk.mass_cancel(Scope.STRATEGY, "S1")
    desk.run_one_posted()
    assert desk.asked() == []
    assert len(desk.partition.posted) == 1
    desk.run_one_posted()
    assert desk.asked() == ["last"]


def test_the_ids_of_the_cancels_follow_from_the_mass_cancel_and_the_order() -> None:
    def run() -> list[str]:
        desk = desk_with_orders()
        desk.mass_cancel(Scope.ALL)
        return [it.client_order_id for it in desk.journal if type(it) is CancelRequested]

    first = run()
    assert first == run()
    assert first == ["mc-10-0-7", "mc-10-0-9"]


def test_an_id_that_somebody_has_taken_is_not_given_twice() -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.submit("mc-8-0-6")
    desk.mass_cancel(Scope.ALL)
    ids = [it.client_order_id for it in desk.journal if type(it) is CancelRequested]
    assert ids == ["mc-8-0-6-2", "mc-8-0-7"]


def test_an_order_that_appears_while_the_mass_cancel_runs_is_asked_for_too() -> None:
    desk = DeskPartition(run_posted=False)
    for number in range(CHUNK_CANCELS + 1):
        desk.submit(f"o{number}")
    desk.mass_cancel(Scope.ALL)
    desk.run_one_posted()
    terms = {"side": Side.BUY, "order_type": OrderType.LIMIT, "qty": 5, "px": 10_000}
    desk.report(ReportAccepted, "theirs", venue_order_id="v9", account="A1", strategy_id="S1", **terms)
    while desk.partition.posted:
        desk.run_one_posted()
    open_orders = [key[1] for key, it in desk.trading.orders.states.items() if orders.is_open(it)]
    assert "theirs" in open_orders
    assert desk.asked() == open_orders


def test_an_order_whose_code_raises_is_set_aside_and_the_others_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = DeskPartition()
    for name in ("a", "bad", "c"):
        desk.submit(name)
    step = ORDER_STEPS[CancelRequested]

    def raising(state: Any, event: Any, *rest: Any) -> Any:
        if event.order == "bad":
            raise ZeroDivisionError
        return step(state, event, *rest)

    monkeypatch.setitem(ORDER_STEPS, CancelRequested, raising)
    desk.mass_cancel(Scope.ALL)
    assert desk.asked() == ["a", "c"]
    assert type(desk.journal[-1]) is MassCancelCompleted
    faults = [it for it in desk.journal if type(it) in (EngineFault, EntityQuarantined)]
    assert [(it.kind, it.key) for it in faults] == [("order", "AAPL/bad")] * 2


def test_a_cancel_that_the_venue_refuses_can_be_asked_for_by_the_next_mass_cancel() -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.accept("a")
    desk.mass_cancel(Scope.ALL)
    desk.report(ReportCancelRejected, "a", desk.order("a").requests[0].client_order_id)
    assert desk.asked() == []
    desk.mass_cancel(Scope.ALL)
    assert desk.asked() == ["a"]


def test_an_unfinished_mass_cancel_is_taken_up_again_and_leaves_out_what_was_asked_for() -> None:
    desk = DeskPartition(run_posted=False)
    count = CHUNK_CANCELS + 5
    for number in range(count):
        desk.submit(f"o{number}")
    desk.engage(Scope.ALL)
    desk.run_one_posted()
    desk.partition.posted.clear()  # as a kill forgets it
    desk.partition.control.resume()
    while desk.partition.posted:
        desk.run_one_posted()
    cancels = [it.order for it in desk.journal if type(it) is CancelRequested]
    assert cancels == [f"o{number}" for number in range(count)]
    assert desk.journal[-1] == MassCancelCompleted(
        next(seq for seq, it in enumerate(desk.journal, 1) if type(it) is MassCancelRequested), count
    )


def test_the_first_answer_of_a_mass_cancel_stays_its_own_after_its_cancels() -> None:
    desk = desk_with_orders()
    command = MassCancel(desk.new_id(), Scope.ALL)
    first = desk.tell(command)
    again = desk.tell(command)
    assert (again.seq, again.order_id, again.repeated) == (first.seq, 0, True)


def test_every_control_command_is_decided_and_none_asks_for_a_clock() -> None:
    desk = DeskPartition()
    assert set(desk.partition.control.table()) == set(CONTROL_COMMANDS)
    assert SubmitOrder not in desk.partition.control.table()
    assert desk.partition.context.now_ns in (0, START_NS)
