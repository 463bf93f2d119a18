"""What risk judges of one order: what a replace adds, what makes an order quicker to trade, what needs a price."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ledger.domain.codes import Code
from ledger.domain.commands import ReplaceOrder
from ledger.domain.context import Rejection
from ledger.domain.enums import OrderType, Side
from ledger.domain.exposure import Exposure
from ledger.domain.limit import RiskLimit
from ledger.domain.order import OrderState
from ledger.domain.risk import (
    Applied,
    Reference,
    Surroundings,
    increases,
    judge_replace,
    judge_submit,
    mark_of,
    needs_reference,
    only_reduces,
)
from ledger.domain.scope import Scope
from ledger.testing.order_desk import AAPL, Desk, limit

ONE = 10**8
FIRM = (Scope.ALL, "")
STOP = {"order_type": OrderType.STOP_LIMIT, "stop_px": 110_000, "px": 120_000}


def order(cum: int = 0, **terms: Any) -> OrderState:
    desk = Desk()
    desk.submit("X", 10, **terms)
    if cum:
        desk.fill("F", cum, side=terms.get("side", Side.BUY))
    return desk.x


def asked(qty: int | None = None, **more: Any) -> ReplaceOrder:
    return ReplaceOrder(bytes(16), "AAPL", "r", "X", qty, **more)


def under(position: int = 0, reference: Reference | None = None, **limits: int) -> Surroundings:
    own = Exposure(0, 0, 0, position, 0, 0, 0)
    return Surroundings(
        own=own, reference=reference, limits=(Applied(FIRM, RiskLimit(**limits), in_symbol=own),)
    )


def code(answer: Rejection | None) -> int:
    return 0 if answer is None else answer.code


@pytest.mark.parametrize(
    ("cum", "qty", "most", "refused"),
    [
        (0, 15, 5, False),  # 10 open, 15 after: 5 more
        (0, 15, 4, True),
        (4, 15, 5, False),  # 6 open, 11 after
        (4, 15, 4, True),
        (10, 15, 5, False),  # nothing open, 5 after: a filled order may be enlarged where the settings say so
        (10, 15, 4, True),
    ],
)
def test_a_replace_adds_what_could_not_trade_before(cum: int, qty: int, most: int, refused: bool) -> None:
    about = under(max_position=most * ONE)
    answer = judge_replace(order(cum), asked(qty), AAPL, about, None)
    assert code(answer) == (Code.MAX_POSITION if refused else 0)


def test_a_replace_that_only_moves_its_price_passes_a_position_limit_that_is_passed_already() -> None:
    about = under(position=100, max_position=ONE)
    assert judge_replace(order(), asked(px=101_000), AAPL, about, None) is None
    assert code(judge_replace(order(), asked(11), AAPL, about, None)) == Code.MAX_POSITION


@pytest.mark.parametrize(
    ("side", "change", "more"),
    [
        (Side.BUY, {"qty": 11}, True),
        (Side.BUY, {"qty": 10}, False),
        (Side.BUY, {"qty": 9}, False),
        (Side.BUY, {"px": 120_001}, True),
        (Side.BUY, {"px": 120_000}, False),
        (Side.BUY, {"px": 119_999}, False),
        (Side.BUY, {"stop_px": 109_999}, True),  # it triggers sooner
        (Side.BUY, {"stop_px": 110_000}, False),
        (Side.BUY, {"stop_px": 110_001}, False),
        (Side.BUY, {"px": 119_999, "stop_px": 109_999}, True),
        (Side.BUY, {}, False),
        (Side.SELL, {"px": 119_999}, True),
        (Side.SELL, {"px": 120_001}, False),
        (Side.SELL, {"stop_px": 110_001}, True),
        (Side.SELL, {"stop_px": 109_999}, False),
    ],
)
def test_more_or_sooner_is_a_larger_quantity_a_better_price_or_a_nearer_stop(
    side: Side, change: dict[str, int], more: bool
) -> None:
    assert increases(order(side=side, **STOP), asked(**change)) is more


def test_a_first_price_or_stop_of_an_order_without_one_counts_as_more() -> None:
    bare = replace(order(), px=None, stop_px=None)
    assert increases(bare, asked(px=1))
    assert increases(bare, asked(stop_px=1))


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.STOP, OrderType.MARKET])
@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize("name", ["px_collar", "max_order_notional", "max_gross_notional", "max_order_qty"])
def test_a_price_is_looked_up_where_a_limit_must_know_it(kind: OrderType, priced: bool, name: str) -> None:
    collared = name == "px_collar" and kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    weighed = name in ("max_order_notional", "max_gross_notional") and not priced
    assert needs_reference(RiskLimit(**{name: ONE}), kind, priced=priced) is (collared or weighed)


@pytest.mark.parametrize(
    ("side", "position", "open_qty", "qty", "reduces"),
    [
        (Side.SELL, 10, 0, 10, True),
        (Side.SELL, 10, 0, 11, False),
        (Side.SELL, 10, 4, 6, True),
        (Side.SELL, 10, 4, 7, False),
        (Side.BUY, -10, 0, 10, True),
        (Side.BUY, -10, 0, 11, False),
        (Side.BUY, -10, 4, 6, True),
        (Side.BUY, -10, 4, 7, False),
        (Side.BUY, 0, 0, 0, True),
        (Side.BUY, 1, 0, 0, False),
    ],
)
def test_an_order_only_reduces_if_with_all_open_ones_it_ends_at_zero_or_before(
    side: Side, position: int, open_qty: int, qty: int, reduces: bool
) -> None:
    buys, sells = (open_qty, 0) if side is Side.BUY else (0, open_qty)
    assert only_reduces(side, qty, Exposure(0, buys, sells, position, 0, 0, 0)) is reduces


def test_an_order_weighs_its_dearest_price_or_what_the_market_shows() -> None:
    about = under(max_order_notional=110 * ONE, reference=Reference(200_001, 7))
    assert judge_submit(limit(10, px=110_000), AAPL, about, None) is None
    dear = limit(10, order_type=OrderType.STOP_LIMIT, px=100_000, stop_px=110_001)
    assert code(judge_submit(dear, AAPL, about, None)) == Code.MAX_ORDER_NOTIONAL
    market = limit(11, order_type=OrderType.MARKET, px=None)  # at 10.00005, rounded up to 10.0001
    answer = judge_submit(market, AAPL, about, None)
    assert answer is not None
    assert answer.detail.startswith("notional 110.0011 is more than max_order_notional 110")
    assert mark_of(about) == (200_001, 7)
    assert mark_of(under()) == (None, 0)


def test_a_fault_before_the_collar_stands_and_one_after_it_gives_way() -> None:
    about = under(px_collar=ONE // 100, reference=Reference(200_000, 7))
    far, near = limit(10, px=102_000), limit(10, px=101_000)
    before, after = Rejection(Code.QTY_NOT_POSITIVE, ""), Rejection(Code.DISPLAY_QTY_EXCEEDS_QTY, "")
    assert before.code < Code.PX_OUT_OF_COLLAR < after.code
    assert judge_submit(far, AAPL, about, before) is before
    assert code(judge_submit(far, AAPL, about, after)) == Code.PX_OUT_OF_COLLAR
    assert judge_submit(near, AAPL, about, after) is after
    assert judge_replace(order(), asked(px=102_000), AAPL, about, before) is before
    assert code(judge_replace(order(), asked(px=102_000), AAPL, about, after)) == Code.PX_OUT_OF_COLLAR
    assert judge_replace(order(), asked(px=101_000), AAPL, about, after) is after
