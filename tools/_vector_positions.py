"""Runs position vectors and bust cases through the real position: fold, refold, restate, fold on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from _vector_case import Case, Difference, expect, journaled, named, scaled
from ledger.domain.enums import Liquidity, Side
from ledger.domain.events import OrderFilled
from ledger.domain.position import EffectiveFill, PositionState, evolve, restated
from ledger.domain.position_view import avg_px, twice_total, twice_upnl

SIDES = {"B": Side.BUY, "S": Side.SELL}
FEE_SCALE = 8


def cases(group: object) -> list[tuple[str, Callable[[], None]]]:
    """The runs of `position_vectors`."""
    return [(name, lambda case=case: _run_vector(case)) for name, case in named(group)]


def bust_cases(group: object) -> list[tuple[str, Callable[[], None]]]:
    """The runs of `position_bust_cases`."""
    if isinstance(group, dict) and "cases" in group:
        group = group["cases"]
    return [(name, lambda case=case: _run_bust(case)) for name, case in named(group)]


def _run_vector(case: Case) -> None:
    price_scale, qty_scale = case["price_scale"], case["qty_scale"]
    expect("number of states", len(case["fills"]), len(case["after_each"]))
    state: PositionState | None = None
    for seq, (fill, wanted) in enumerate(zip(case["fills"], case["after_each"], strict=True), 1):
        side, qty, px, *fees = fill
        fee = scaled(fees[0], FEE_SCALE) if fees and fees[0] is not None else 0
        state = _after(state, seq, (side, scaled(qty, qty_scale), scaled(px, price_scale), fee))
        _compare(f"after fill {seq}", wanted, state, price_scale)
    for mark in case.get("marks", []):
        assert state is not None
        twice_px = 2 * Fraction(str(mark["mark"])) * 10**price_scale
        got = Fraction(twice_upnl(state, twice_px), 2)  # type: ignore[arg-type]
        expect(f"unrealized at {mark['mark']}", Fraction(mark["unrealized"]), got)
        total = Fraction(twice_total(state, twice_px), 2)  # type: ignore[arg-type]
        expect(f"total at {mark['mark']}", state.realized + got, total)


def _run_bust(case: Case) -> None:
    before, after = case["before"], case["effective_after"]
    state: PositionState | None = None
    for seq, fill in enumerate(before, 1):
        state = _after(state, seq, (*fill[:3], fill[3] if len(fill) > 3 else 0))
    if state is None:
        raise Difference("no fills before the bust")
    at = next((at for at, fill in enumerate(before) if at >= len(after) or fill != after[at]), None)
    if at is None:
        raise Difference("nothing is busted or corrected")
    seqs = list(range(1, len(before) + 1))
    instead = None
    if len(after) == len(before):
        instead = _effective(after[at], seqs[at])
    else:
        del seqs[at]
    expect("number of fills that count", len(seqs), len(after))
    fills = [_effective(fill, seq) for fill, seq in zip(after, seqs, strict=True)]
    seq = len(before) + 2
    event = journaled(restated(state, fills, _effective(before[at], at + 1), instead, seq - 1))
    state = evolve(state, event, seq, seq)  # type: ignore[arg-type]
    _compare("after the restatement", case["expect"], state, 0)
    for mark, total in case.get("total_at_mark", {}).items():
        expect(f"total at {mark}", 2 * total, twice_total(state, 2 * int(mark)))


def _after(state: PositionState | None, seq: int, fill: tuple[str, int, int, int]) -> PositionState:
    side, qty, px, fee = fill
    event = OrderFilled(
        symbol="SYMBOL",
        order="c1",
        strategy_id="STRATEGY",
        exchange="EXCHANGE",
        source="vectors",
        source_epoch=1,
        source_seq=seq,
        event_time_ns=seq,
        received_at_ns=seq,
        actor="vectors",
        order_id=1,
        client_order_id="c1",
        account="ACCOUNT",
        side=SIDES[side],
        execution_id=f"e{seq}",
        trade_date="2026-01-02",
        qty=qty,
        px=px,
        fee=fee,
        fee_ccy="USD" if fee else "",
        liquidity=Liquidity.UNKNOWN,
    )
    return evolve(state, journaled(event), seq, seq)  # type: ignore[arg-type]


def _effective(fill: list, seq: int) -> EffectiveFill:
    side, qty, px, *fees = fill
    fee = fees[0] if fees else 0
    return EffectiveFill(SIDES[side], qty, px, fee, "USD" if fee else "", seq)


def _compare(where: str, wanted: Case, state: PositionState, price_scale: int) -> None:
    average = avg_px(state)
    got = {
        "qty": state.qty,
        "cost": state.cost,
        "realized": state.realized,
        "cash": state.cash,
        "fees": {currency: amount for currency, amount in state.fees if amount},
        "buy": state.buy_qty,
        "sell": state.sell_qty,
        "fills": state.fill_count,
        "cycle": state.cycle,
        "avg_px": None if average is None else Fraction(*average) / 10**price_scale,
    }
    for name, value in wanted.items():
        if name not in got:
            raise Difference(f"{where}: {name} is no field of a position")
        if name == "fees":
            value = {currency: amount for currency, amount in value.items() if amount}
        elif name == "avg_px" and value is not None:
            value = Fraction(str(value))
        expect(f"{where}, {name}", value, got[name])
    expect(f"{where}, cash + cost", state.realized, state.cash + state.cost)
