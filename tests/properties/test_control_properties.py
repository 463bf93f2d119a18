"""Exposures are the sums of what is open, at every step; limits hold whatever the order of inputs; replay has it all."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from desk_partition import DeskPartition, code_of
from ledger.domain.commands import DefineInstrument
from ledger.domain.context import Instrument
from ledger.domain.enums import OrderType, Side, TimeInForce, TradingState
from ledger.domain.events import CommandRejected
from ledger.domain.exposure import NOTHING, load_of, position_notional
from ledger.domain.facts import ReportRejected, ReportReplaceRejected, ReportTradeCancel
from ledger.domain.order_state import OrderState
from ledger.domain.scope import Scope
from ledger.fold import TradingFold

ONE = 10**8
LIMIT = {"max_open_orders": 6, "max_gross_notional": 5000 * ONE, "max_position": 30 * ONE}
SYMBOLS = ("AAPL", "MSFT")
SCOPES = [
    (Scope.ALL, ""),
    (Scope.ACCOUNT, "A1"),
    (Scope.STRATEGY, "S1"),
    (Scope.SYMBOL, "AAPL"),
    (Scope.STRATEGY_SYMBOL, "S1/AAPL"),
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit"] * 6
            + ["fill"] * 4
            + ["accept", "cancel", "canceled", "rejected", "replace", "replaced", "unreplaced", "bust"]
            + ["limit", "reducing", "active", "mass", "market", "redefine", "reduce_only", "reduce_only"]
        ),
        st.integers(0, 7),
        st.integers(1, 12),
        st.integers(9_900, 10_100),
        st.sampled_from(list(Side)),
    ),
    max_size=40,
)


class Walk:
    """One run of random inputs over a few orders."""

    def __init__(self) -> None:
        self.desk = DeskPartition()
        self.desk.book(9_990, 10_010)
        self.orders: list[tuple[str, str]] = []
        self.fills: list[tuple[str, str, str]] = []
        self.count = 0
        self.multiplier = 1

    def step(self, what: str, which: int, qty: int, px: int, side: Side) -> Any:
        self.count += 1
        name = f"n{self.count}"
        if what == "submit" or what == "market" or what == "reduce_only":
            return self._submit(what, name, which, qty, px, side)
        if what == "limit":
            scope, of = SCOPES[which % len(SCOPES)]
            return self.desk.limit(scope, of, **LIMIT)
        if what == "reducing" or what == "active":
            return self.desk.state(TradingState[what.upper()], Scope.STRATEGY, f"S{which % 3 + 1}")
        if what == "mass":
            return self.desk.mass_cancel(*SCOPES[which % len(SCOPES)])
        if what == "redefine":
            self.multiplier = self.multiplier % 3 + 1
            return self.desk.tell(
                DefineInstrument(self.desk.new_id(), "AAPL", "XNAS", 2, 0, multiplier=self.multiplier * ONE)
            )
        return self._about(what, name, which, qty, px) if self.orders else None

    def _submit(self, what: str, name: str, which: int, qty: int, px: int, side: Side) -> Any:
        symbol = SYMBOLS[which % 2]
        more: dict[str, Any] = {"symbol": symbol, "side": side, "strategy": f"S{which % 3 + 1}"}
        if what == "market":
            more |= {"order_type": OrderType.MARKET, "px": None, "time_in_force": TimeInForce.IOC}
        else:
            more |= {"px": px, "reduce_only": what == "reduce_only"}
        answer = self.desk.submit(name, qty, **more)
        if code_of(answer) == 0:
            self.orders.append((symbol, name))
        return answer

    def _about(self, what: str, name: str, which: int, qty: int, px: int) -> Any:
        symbol, order = self.orders[which % len(self.orders)]
        state = self.desk.order(order, symbol)
        desk = self.desk
        if what == "fill":
            desk.fill(order, qty, px, state.terms.side, symbol=symbol)
            self.fills.append((symbol, order, f"x{desk.reports}"))
        elif what == "bust" and self.fills:
            symbol, order, execution = self.fills[which % len(self.fills)]
            desk.report(ReportTradeCancel, order, f"b{name}", execution, "2025-11-20", symbol=symbol)
        elif what == "replace":
            return desk.replace(name, order, symbol, qty=qty + 3, px=px if state.px is not None else None)
        elif what == "replaced" and state.requests:
            desk.replaced(order, state.requests[0].client_order_id, qty, symbol=symbol)
        elif what == "unreplaced" and state.requests:
            desk.report(ReportReplaceRejected, order, state.requests[0].client_order_id, symbol=symbol)
        elif what == "cancel":
            return desk.cancel(name, order, symbol)
        elif what == "canceled":
            desk.canceled(order, symbol)
        elif what == "rejected":
            desk.report(ReportRejected, order, symbol=symbol)
        elif what == "accept":
            desk.accept(order, symbol)
        return None


def total(fold: TradingFold, kind: int, name: str) -> tuple[int, int, int, int, int, int]:
    """What a scope comes to, added up anew and in the plainest way."""
    orders_in = buys = sells = position = open_notional = cost = 0
    for state in fold.orders:
        terms = state.terms
        if not _within(kind, name, terms.account, terms.strategy_id, terms.symbol):
            continue
        load = load_of(state, _instrument(fold, terms.symbol), _mark(fold, state))
        orders_in, buys, sells = orders_in + load[0], buys + load[1], sells + load[2]
        open_notional += load[3]
    for held in fold.positions:
        if _within(kind, name, held.account, held.strategy_id, held.symbol):
            position += held.qty
            cost += position_notional(held, _instrument(fold, held.symbol))
    if kind in (0, 1, 2):
        buys = sells = position = 0
    return orders_in, buys, sells, position, open_notional, cost


def _instrument(fold: TradingFold, symbol: str) -> Instrument:
    return fold.instruments.states[symbol]


def _mark(fold: TradingFold, state: OrderState) -> int | None:
    return fold.control.marks.states.get((state.terms.symbol, state.terms.client_order_id))


def _within(kind: int, name: str, account: str, strategy: str, symbol: str) -> bool:
    names = {0: "", 1: account, 2: strategy, 3: symbol, 7: f"{strategy}/{symbol}", 100: f"{account}|{symbol}"}
    return names[kind] == name


def check(walk: Walk) -> None:
    fold = walk.desk.trading
    names = {
        0: {""},
        1: {"A1", "A2"},
        2: {"S1", "S2", "S3"},
        3: set(SYMBOLS),
        7: {f"S{n}/{symbol}" for n in (1, 2, 3) for symbol in SYMBOLS},
        100: {f"A{n}|{symbol}" for n in (1, 2) for symbol in SYMBOLS},
    }
    for kind in fold.control.kinds.states:
        for name in names[kind]:
            has = fold.control.exposures.states.get((kind, name), NOTHING)
            assert (
                has.open_orders,
                has.buy_qty,
                has.sell_qty,
                has.position,
                has.order_notional,
                has.position_notional,
            ) == total(fold, kind, name), (kind, name)
    for name in names[7]:
        strategy, _, symbol = name.partition("/")
        own = fold.control.own("", strategy, symbol)
        assert (own.buy_qty, own.sell_qty, own.position) == total(fold, 7, name)[1:4]


@settings(max_examples=60)
@given(STEPS)
def test_an_exposure_is_the_sum_of_what_is_open_after_every_step(steps: list[Any]) -> None:
    """I-2 for exposures, and that each is exactly what adding up anew gives."""
    walk = Walk()
    for step in steps:
        walk.step(*step)
        check(walk)
    digest = walk.desk.trading.digest()
    assert walk.desk.folded().digest() == digest
    assert walk.desk.folded(at_once=True).digest() == digest


@settings(max_examples=60)
@given(STEPS)
def test_no_order_that_was_taken_breaks_a_limit_and_no_cancel_is_refused_by_one(steps: list[Any]) -> None:
    """I-24: codes 40-50 never appear for a cancel; and what a limit holds back, it holds back whatever came before."""
    walk = Walk()
    walk.desk.limit(Scope.STRATEGY, "S1", **LIMIT)
    for step in steps:
        answer = walk.step(*step)
        if step[0] in ("cancel", "mass") and answer is not None:
            assert code_of(answer) in (0, 14, 30, 31)
        if step[0] == "submit" and code_of(answer) == 0 and step[1] % 3 == 0:
            orders, *_, open_notional, cost = total(walk.desk.trading, 2, "S1")
            _, buys, sells, position, *_ = total(walk.desk.trading, 7, f"S1/{SYMBOLS[step[1] % 2]}")
            assert orders <= 6
            if step[4] is Side.BUY:
                assert position + buys <= 30
            else:
                assert position - sells >= -30
            reduces = position + buys <= 0 if step[4] is Side.BUY else position - sells >= 0
            assert reduces or open_notional + cost <= 5000 * ONE


@settings(max_examples=40)
@given(STEPS)
def test_a_refused_command_changes_nothing_but_that_it_is_recorded(steps: list[Any]) -> None:
    """I-23 with limits set."""
    walk = Walk()
    walk.desk.limit(Scope.STRATEGY, "S1", **LIMIT)
    for step in steps:
        before, length = walk.desk.trading.digest(), len(walk.desk.journal)
        answer = walk.step(*step)
        if code_of(answer) >= 10:
            (event,) = walk.desk.journal[length:]
            assert type(event) is CommandRejected
            assert walk.desk.trading.digest() == before
