"""Risk limits at the partition: each code, in its precedence, by scope; what counts towards a limit and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from desk_partition import DeskPartition, code_of
from ledger.domain.codes import Code
from ledger.domain.commands import ReplaceOrder
from ledger.domain.enums import OrderType, Side, TimeInForce
from ledger.domain.events import OrderSubmitted, ReplaceRequested
from ledger.domain.facts import ReportReplaceRejected
from ledger.domain.operator_commands import SetSettlementPrice
from ledger.domain.scope import Scope

ONE = 10**8
"""1, as limits have it."""
MARKET: dict[str, Any] = {"order_type": OrderType.MARKET, "px": None, "time_in_force": TimeInForce.IOC}
SCOPES = [
    (Scope.ALL, ""),
    (Scope.ACCOUNT, "A1"),
    (Scope.STRATEGY, "S1"),
    (Scope.SYMBOL, "AAPL"),
    (Scope.STRATEGY_SYMBOL, "S1/AAPL"),
]
OTHERS = [
    (Scope.ACCOUNT, "A2"),
    (Scope.STRATEGY, "S2"),
    (Scope.SYMBOL, "MSFT"),
    (Scope.STRATEGY_SYMBOL, "S1/MSFT"),
]
# (limit, an order that just keeps it, one that just does not, the code): qty 10 at 100.00 unless said otherwise
CASES: list[tuple[dict[str, int], dict[str, Any], dict[str, Any], Code]] = [
    ({"max_order_qty": 10 * ONE}, {}, {"qty": 11}, Code.MAX_ORDER_QTY),
    ({"max_order_notional": 1000 * ONE}, {}, {"px": 10_001}, Code.MAX_ORDER_NOTIONAL),
    ({"max_position": 10 * ONE}, {}, {"qty": 11}, Code.MAX_POSITION),
    ({"max_position": 10 * ONE}, {"side": Side.SELL}, {"qty": 11, "side": Side.SELL}, Code.MAX_POSITION),
    ({"max_gross_notional": 1000 * ONE}, {}, {"px": 10_001}, Code.MAX_GROSS_NOTIONAL),
]


@pytest.mark.parametrize(("scope", "name"), SCOPES)
@pytest.mark.parametrize(("limit", "keeps", "breaks", "code"), CASES)
def test_an_order_over_a_limit_of_any_scope_it_is_in_is_refused_with_its_code(
    scope: Scope,
    name: str,
    limit: dict[str, int],
    keeps: dict[str, Any],
    breaks: dict[str, Any],
    code: Code,
) -> None:
    desk = DeskPartition()
    assert code_of(desk.limit(scope, name, **limit)) == 0
    assert code_of(desk.submit("b", **breaks)) == code
    assert code_of(desk.submit("k", **keeps)) == 0


@pytest.mark.parametrize(("scope", "name"), OTHERS)
@pytest.mark.parametrize(("limit", "keeps", "breaks", "code"), CASES)
def test_a_limit_of_another_scope_does_not_matter(
    scope: Scope, name: str, limit: dict[str, int], keeps: dict[str, Any], breaks: dict[str, Any], code: Code
) -> None:
    desk = DeskPartition()
    desk.limit(scope, name, **limit)
    assert code_of(desk.submit("b", **breaks)) == 0


def test_of_several_limits_the_lowest_code_is_answered() -> None:
    desk = DeskPartition()
    desk.limit(max_gross_notional=ONE)
    desk.limit(Scope.STRATEGY, "S1", max_position=ONE)
    desk.limit(Scope.SYMBOL, "AAPL", max_order_notional=ONE)
    assert code_of(desk.submit("a")) == Code.MAX_ORDER_NOTIONAL


def test_a_fault_of_the_order_itself_comes_before_a_limit() -> None:
    desk = DeskPartition()
    desk.limit(max_order_qty=ONE)
    assert code_of(desk.submit("a", qty=0)) == Code.QTY_NOT_POSITIVE


def test_a_limit_can_be_taken_away_and_what_is_equal_is_a_repeat() -> None:
    desk = DeskPartition()
    first = desk.limit(max_order_qty=ONE)
    again = desk.limit(max_order_qty=ONE)
    assert (again.seq, again.repeated) == (first.seq, True)
    desk.limit()
    assert code_of(desk.submit("a")) == 0


# ---- open orders -----------------------------------------------------------------------------------------------


def test_open_orders_are_counted_until_they_are_over() -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.submit("b")
    desk.limit(Scope.STRATEGY, "S1", max_open_orders=2)
    assert code_of(desk.submit("c")) == Code.MAX_OPEN_ORDERS
    assert code_of(desk.submit("o", strategy="S2")) == 0
    desk.fill("a", 4)
    assert code_of(desk.submit("d")) == Code.MAX_OPEN_ORDERS
    desk.fill("a", 6)
    assert code_of(desk.submit("e")) == 0
    desk.canceled("b")
    assert code_of(desk.submit("f")) == 0
    assert code_of(desk.submit("g")) == Code.MAX_OPEN_ORDERS


# ---- position --------------------------------------------------------------------------------------------------


def test_open_orders_of_the_same_side_count_towards_the_position() -> None:
    desk = DeskPartition()
    desk.limit(Scope.STRATEGY, "S1", max_position=25 * ONE)
    desk.holds(10)
    assert code_of(desk.submit("a")) == 0
    assert code_of(desk.submit("b", qty=6)) == Code.MAX_POSITION
    assert code_of(desk.submit("c", qty=5)) == 0
    assert code_of(desk.submit("d", qty=35, side=Side.SELL)) == 0
    assert code_of(desk.submit("e", qty=1, side=Side.SELL)) == Code.MAX_POSITION


def test_a_position_beyond_its_limit_can_always_be_reduced() -> None:
    desk = DeskPartition()
    desk.holds(100)
    desk.limit(Scope.STRATEGY, "S1", max_position=10 * ONE)
    assert code_of(desk.submit("a", qty=1)) == Code.MAX_POSITION
    assert code_of(desk.submit("b", qty=100, side=Side.SELL)) == 0


def test_the_firms_position_in_a_symbol_is_net_over_its_strategies() -> None:
    desk = DeskPartition()
    desk.holds(10, strategy="S1")
    desk.holds(-8, strategy="S3")
    desk.limit(max_position=5 * ONE)
    desk.limit(Scope.ACCOUNT, "A1", max_position=12 * ONE)
    assert code_of(desk.submit("a", qty=4)) == Code.MAX_POSITION
    assert code_of(desk.submit("b", qty=3, strategy="S2")) == Code.MAX_POSITION  # the account: 10 + 3
    assert code_of(desk.submit("c", qty=3, strategy="S3")) == 0


def test_a_position_in_one_symbol_is_not_added_to_that_in_another() -> None:
    desk = DeskPartition()
    desk.holds(10)
    desk.limit(Scope.STRATEGY, "S1", max_position=10 * ONE)
    assert code_of(desk.submit("a", symbol="MSFT")) == 0


# ---- gross notional --------------------------------------------------------------------------------------------


def test_gross_notional_adds_open_orders_and_the_cost_of_positions_of_both_sides() -> None:
    desk = DeskPartition()
    desk.holds(10)  # 1000
    desk.holds(-10, strategy="S3")  # 1000
    desk.submit("a", symbol="MSFT")  # 1000
    desk.limit(max_gross_notional=3500 * ONE)
    assert code_of(desk.submit("b", qty=6)) == Code.MAX_GROSS_NOTIONAL
    assert code_of(desk.submit("c", qty=5)) == 0


def test_an_order_that_only_reduces_passes_a_gross_limit_that_is_reached() -> None:
    desk = DeskPartition()
    desk.holds(10)
    desk.limit(max_gross_notional=ONE)
    assert code_of(desk.submit("a", qty=1)) == Code.MAX_GROSS_NOTIONAL
    assert code_of(desk.submit("b", qty=10, side=Side.SELL)) == 0
    assert code_of(desk.submit("c", qty=1, side=Side.SELL)) == Code.MAX_GROSS_NOTIONAL


# ---- replaces --------------------------------------------------------------------------------------------------


def test_a_replace_is_judged_by_what_it_adds() -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.accept("a")
    desk.limit(max_order_qty=5 * ONE, max_position=12 * ONE, max_gross_notional=1100 * ONE)
    assert code_of(desk.replace("r1", "a", qty=9)) == 0
    desk.report(ReportReplaceRejected, "a", "r1")
    assert code_of(desk.replace("r2", "a", qty=11)) == Code.MAX_ORDER_QTY
    desk.limit(max_position=12 * ONE)
    assert code_of(desk.replace("r3", "a", qty=13)) == Code.MAX_POSITION
    desk.limit(max_gross_notional=1100 * ONE)
    assert code_of(desk.replace("r4", "a", px=11_001)) == Code.MAX_GROSS_NOTIONAL
    assert code_of(desk.replace("r5", "a", qty=11)) == 0


def test_a_replace_on_its_way_counts_with_the_larger_quantity_until_it_is_answered() -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.accept("a")
    desk.limit(Scope.STRATEGY, "S1", max_position=30 * ONE)
    desk.replace("r1", "a", qty=20)
    assert code_of(desk.submit("b", qty=11)) == Code.MAX_POSITION
    desk.report(ReportReplaceRejected, "a", "r1")
    assert code_of(desk.submit("c", qty=11)) == 0


# ---- reference price -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("px", "code"), [(10_500, 0), (9_500, 0), (10_501, 25), (9_499, 25)])
def test_a_limit_price_outside_the_collar_around_the_mark_is_refused(px: int, code: int) -> None:
    desk = DeskPartition()
    desk.book(9_990, 10_010)
    desk.limit(px_collar=ONE // 20)
    assert code_of(desk.submit("a", px=px)) == code


def test_a_collar_comes_before_the_codes_after_it() -> None:
    desk = DeskPartition()
    desk.book(9_990, 10_010)
    desk.limit(px_collar=ONE // 20)
    desk.engage(Scope.ALL)
    answer = desk.submit("a", px=20_000, display_qty=11)
    assert code_of(answer) == Code.PX_OUT_OF_COLLAR
    assert "px 200 is more than 0.05 away from the mark 100" in answer.detail
    assert code_of(desk.submit("b", display_qty=11)) == Code.DISPLAY_QTY_EXCEEDS_QTY


def test_a_replace_keeps_to_the_collar_whichever_way_its_price_moves() -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.accept("a")
    desk.book(9_990, 10_010)
    desk.limit(px_collar=ONE // 20)
    assert code_of(desk.replace("r1", "a", px=10_600)) == Code.PX_OUT_OF_COLLAR
    assert code_of(desk.replace("r2", "a", px=9_400)) == Code.PX_OUT_OF_COLLAR
    assert code_of(desk.replace("r3", "a", qty=9)) == 0


@pytest.mark.parametrize(
    ("limit", "order"),
    [
        ({"px_collar": ONE}, {}),
        ({"max_order_notional": 10**6 * ONE}, MARKET),
        ({"max_gross_notional": 10**6 * ONE}, MARKET),
    ],
)
def test_a_check_that_needs_a_mark_refuses_where_there_is_none(
    limit: dict[str, int], order: dict[str, Any]
) -> None:
    desk = DeskPartition()
    desk.limit(**limit)
    assert code_of(desk.submit("a", **order)) == Code.NO_REFERENCE_PRICE
    desk.book(9_990, 10_010)
    assert code_of(desk.submit("b", **order)) == 0


def test_no_limit_that_needs_a_mark_is_no_reason_to_refuse_a_market_order() -> None:
    desk = DeskPartition()
    desk.limit(max_order_qty=100 * ONE)
    assert code_of(desk.submit("a", **MARKET)) == 0


def test_a_crossed_book_gives_no_mark_but_its_last_trade_does_while_it_is_young() -> None:
    desk = DeskPartition()
    desk.book(10_020, 10_010)
    desk.limit(px_collar=ONE // 20)
    assert code_of(desk.submit("a")) == Code.NO_REFERENCE_PRICE
    desk.trade(10_000)
    assert code_of(desk.submit("b")) == 0
    desk.advance(5_001)
    assert code_of(desk.submit("c")) == Code.NO_REFERENCE_PRICE


def test_the_settlement_price_stands_in_where_the_market_shows_nothing_young() -> None:
    desk = DeskPartition()
    desk.limit(px_collar=ONE // 20)
    assert code_of(desk.submit("a")) == Code.NO_REFERENCE_PRICE
    desk.tell(SetSettlementPrice(desk.new_id(), "AAPL", "2025-11-20", 10_000))
    assert code_of(desk.submit("b", px=10_500)) == 0
    answer = desk.submit("c", px=10_501)
    assert code_of(answer) == Code.PX_OUT_OF_COLLAR
    assert "the settlement price of 2025-11-20 100" in answer.detail
    desk.book(19_990, 20_010)
    assert code_of(desk.submit("d", px=10_500)) == Code.PX_OUT_OF_COLLAR
    desk.advance(5_001)
    assert code_of(desk.submit("e", px=10_500)) == 0
    (first, second) = [it for it in desk.journal if type(it) is OrderSubmitted]
    assert (first.twice_mark, first.mark_seq, second.twice_mark, second.mark_seq) == (20_000, 0, 20_000, 0)


def test_a_mark_older_than_mark_age_max_ms_is_no_reference() -> None:
    desk = DeskPartition()
    desk.book(9_990, 10_010)
    desk.limit(px_collar=ONE // 20, mark_age_max_ms=1000)
    desk.advance(1000)
    assert code_of(desk.submit("a")) == 0
    desk.advance(1)
    assert code_of(desk.submit("b")) == Code.NO_REFERENCE_PRICE


def test_the_event_holds_the_mark_that_its_decision_used_and_where_that_stands() -> None:
    desk = DeskPartition()
    desk.book(9_990, 10_011)
    desk.limit(px_collar=ONE // 20)
    desk.submit("a")
    desk.accept("a")
    desk.replace("r", "a", px=10_001)
    version = desk.market.books.states[("XNAS", "AAPL")].version
    marks = [
        (it.twice_mark, it.mark_seq) for it in desk.journal if type(it) in (OrderSubmitted, ReplaceRequested)
    ]
    assert marks == [(20_001, version), (20_001, version)]


def test_a_market_order_weighs_what_the_mark_said_when_it_was_taken() -> None:
    desk = DeskPartition()
    desk.book(9_990, 10_010)
    desk.submit("a", **MARKET)
    desk.book(19_990, 20_010)
    desk.limit(max_gross_notional=1100 * ONE)
    assert code_of(desk.submit("b", qty=2, px=5_001)) == Code.MAX_GROSS_NOTIONAL
    assert code_of(desk.submit("c", qty=2, px=5_000)) == 0
    assert desk.folded().digest() == desk.trading.digest()


# ---- duplicates and rate ---------------------------------------------------------------------------------------


def test_an_equal_order_inside_the_window_is_suspected_and_refused() -> None:
    desk = DeskPartition()
    desk.limit(Scope.STRATEGY, "S1", duplicate_window_ms=500)
    assert code_of(desk.submit("a")) == 0
    answer = desk.submit("b")
    assert code_of(answer) == Code.DUPLICATE_ORDER_SUSPECTED
    assert answer.detail.startswith("order a with the same side, qty and px came 0 ms before")
    assert code_of(desk.submit("c", px=10_001)) == 0
    assert code_of(desk.submit("d", side=Side.SELL)) == 0
    assert code_of(desk.submit("e", symbol="MSFT")) == 0
    desk.advance(499)
    assert code_of(desk.submit("f")) == Code.DUPLICATE_ORDER_SUSPECTED
    desk.advance(1)
    assert code_of(desk.submit("g")) == 0


def test_equal_orders_are_nothing_to_suspect_where_no_window_is_set() -> None:
    desk = DeskPartition()
    desk.limit(Scope.STRATEGY, "S2", duplicate_window_ms=500)
    assert [code_of(desk.submit(name)) for name in "abc"] == [0, 0, 0]


def test_what_is_remembered_of_orders_ends_with_the_window() -> None:
    desk = DeskPartition()
    desk.limit(duplicate_window_ms=100)
    for number in range(50):
        desk.submit(f"o{number}", px=10_000 + number)
        desk.advance(10)
    assert len(desk.trading.control.twins) <= 11


def test_more_messages_a_second_than_allowed_are_refused_for_now_and_never_journaled() -> None:
    desk = DeskPartition()
    desk.limit(messages_per_second=10)
    assert [code_of(desk.submit(f"a{number}")) for number in range(10)] == [0] * 10
    before = len(desk.journal)
    answer = desk.submit("over")
    assert (answer.code, len(desk.journal)) == (Code.RATE_LIMITED, before)
    assert 0 < answer.retry_after_ms <= 101
    desk.advance(answer.retry_after_ms)
    assert code_of(desk.submit("later")) == 0


def test_the_rate_is_counted_by_actor_and_session() -> None:
    desk = DeskPartition()
    desk.limit(messages_per_second=1)
    assert code_of(desk.submit("a", session_id="s1")) == 0
    assert code_of(desk.submit("b", session_id="s1")) == Code.RATE_LIMITED
    assert code_of(desk.submit("c", session_id="s2")) == 0


def test_a_replace_counts_towards_the_rate_and_a_cancel_never_does() -> None:
    desk = DeskPartition()
    desk.submit("a")
    desk.submit("b")
    desk.accept("a")
    desk.limit(messages_per_second=1)
    assert code_of(desk.replace("r1", "a", qty=9)) == 0
    assert code_of(desk.replace("r2", "a", qty=8)) == Code.RATE_LIMITED
    assert [code_of(desk.cancel(f"k{name}", name)) for name in "ab"] == [0, 0]


def test_a_replace_of_an_unknown_order_is_refused_as_such_under_any_limit() -> None:
    desk = DeskPartition()
    desk.limit(max_order_qty=ONE)
    answer = desk.tell(ReplaceOrder(desk.new_id(), "AAPL", "r", "nobody", 5))
    assert code_of(answer) == Code.UNKNOWN_ORDER


# ---- what may be set -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "name", "values", "says"),
    [
        (Scope.ALL, "x", {}, "scope ALL has no name"),
        (Scope.ACCOUNT, "", {}, "scope ACCOUNT needs a name"),
        (Scope.STRATEGY_SYMBOL, "S1", {}, "is not strategy/symbol"),
        (Scope.SESSION, "s", {}, "scope SESSION has no limits"),
        (Scope.ALL, "", {"reason": " "}, "reason is empty"),
        (Scope.ALL, "", {"max_order_qty": -1}, "max_order_qty -1 is not"),
        (Scope.ALL, "", {"max_open_orders": 2**63}, "max_open_orders"),
        (Scope.ALL, "", {"messages_per_second": 0}, "would refuse everything"),
        (Scope.SYMBOL, "AAPL", {"mark_age_max_ms": 1}, "for scope ALL only"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_malformed(
    scope: Scope, name: str, values: dict[str, Any], says: str
) -> None:
    answer = DeskPartition().limit(scope, name, **values)
    assert code_of(answer) == Code.MALFORMED
    assert says in answer.detail


@pytest.mark.parametrize(
    ("scope", "name", "code"),
    [
        (Scope.SYMBOL, "ZZZ", Code.UNKNOWN_SYMBOL),
        (Scope.STRATEGY, "S9", Code.UNKNOWN_STRATEGY),
        (Scope.STRATEGY_SYMBOL, "S1/ZZZ", Code.UNKNOWN_SYMBOL),
        (Scope.STRATEGY_SYMBOL, "S9/AAPL", Code.UNKNOWN_STRATEGY),
    ],
)
def test_a_limit_of_a_strategy_or_symbol_that_nobody_defined_is_refused(
    scope: Scope, name: str, code: Code
) -> None:
    assert code_of(DeskPartition().limit(scope, name, max_order_qty=ONE)) == code
