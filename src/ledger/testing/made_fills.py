"""Fills made up for tests: the least that a position reads, the rest fixed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from ledger.domain.enums import Liquidity, Side
from ledger.domain.events import OrderFilled
from ledger.domain.position import EffectiveFill, PositionState, evolve

SIDES: Final = {"B": Side.BUY, "S": Side.SELL}


def filled(side: str, qty: int, px: int, fee: int = 0, fee_ccy: str = "USD") -> OrderFilled:
    """The event of one fill; `side` is B or S."""
    return OrderFilled(
        symbol="AAPL",
        order="c1",
        strategy_id="MM_01",
        exchange="NASDAQ",
        source="gw",
        source_epoch=1,
        source_seq=1,
        event_time_ns=1,
        received_at_ns=1,
        actor="gw",
        order_id=1,
        client_order_id="c1",
        account="ACC",
        side=SIDES[side],
        execution_id="e",
        trade_date="2026-01-02",
        qty=qty,
        px=px,
        fee=fee,
        fee_ccy=fee_ccy if fee else "",
        liquidity=Liquidity.UNKNOWN,
    )


def effective(side: str, qty: int, px: int, fee: int = 0, recorded_at_ns: int = 0) -> EffectiveFill:
    """The same fill as a position keeps it for a bust."""
    return EffectiveFill(SIDES[side], qty, px, fee, "USD" if fee else "", recorded_at_ns)


def position(fills: Sequence[tuple[Any, ...]]) -> PositionState:
    """The fold of (side, qty, px[, fee]) fills, the first with seq 1, each recorded at 1000 times its seq."""
    state: PositionState | None = None
    for seq, fill in enumerate(fills, 1):
        state = evolve(state, filled(*fill), seq, seq * 1000)
    assert state is not None
    return state


def scaled(text: str, scale: int) -> int:
    """Decimal text as an integer in that scale."""
    value = Fraction(text) * 10**scale
    assert value.denominator == 1, f"{text} has more than {scale} digits"
    return value.numerator
