"""Why our commands are refused, which refusal comes first, and what a repeat is answered."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain import commands as c
from ledger.domain import facts as f
from ledger.domain.codes import Code
from ledger.domain.context import Context, Instrument, OrderRules, Rejection
from ledger.domain.enums import OrderType, Side, SideFlag, TimeInForce
from ledger.domain.order import Repeated, decide
from ledger.domain.units import QTY_MAX
from ledger.testing.order_desk import AAPL, NOW, S1, Desk, limit

LOTS = Instrument("AAPL", "NASDAQ", 4, 0, 1000, 10, 10**8, "USD", False, False, "24/7", 1)
NEGATIVE = Instrument("AAPL", "NASDAQ", 4, 0, 1000, 1, 10**8, "USD", True, False, "24/7", 1)

FAULTS: list[tuple[Code, dict[str, Any], str]] = [
    (Code.MALFORMED, {"client_order_id": "a b"}, "client_order_id 'a b' must be"),
    (Code.MALFORMED, {"exchange": "NAS|DAQ"}, "exchange 'NAS|DAQ' must be"),
    (Code.UNSUPPORTED, {"order_type": OrderType.PEG}, "order_type PEG is not supported"),
    (Code.UNSUPPORTED, {"order_type": OrderType.TRAILING_STOP}, "order_type TRAILING_STOP is not supported"),
    (Code.BAD_SIDE, {"side_flag": SideFlag.SHORT}, "side_flag SHORT is for SELL only"),
    (
        Code.BAD_ORDER_TYPE,
        {"order_type": OrderType.MARKET, "px": None, "post_only": True},
        "post_only needs a limit",
    ),
    (Code.BAD_TIF, {"order_type": OrderType.MARKET, "px": None, "time_in_force": TimeInForce.GTC}, "GTC"),
    (Code.BAD_TIF, {"post_only": True, "time_in_force": TimeInForce.IOC}, "IOC contradicts post_only"),
    (Code.BAD_TIF, {"expire_ts": NOW + 1}, "expire_ts is for time_in_force GTD, not DAY"),
    (Code.QTY_NOT_POSITIVE, {"qty": 0}, "qty 0 is not positive"),
    (Code.QTY_NOT_POSITIVE, {"display_qty": -1}, "display_qty -1 is not positive"),
    (Code.QTY_TOO_LARGE, {"qty": QTY_MAX + 1}, f"qty {QTY_MAX + 1} is more than {QTY_MAX}"),
    (Code.PX_REQUIRED, {"px": None}, "px is required for order_type LIMIT"),
    (Code.PX_REQUIRED, {"order_type": OrderType.STOP_LIMIT}, "stop_px is required for order_type STOP_LIMIT"),
    (Code.PX_NOT_ALLOWED, {"order_type": OrderType.MARKET}, "px is not for order_type MARKET"),
    (Code.PX_NOT_ALLOWED, {"stop_px": 100_000}, "stop_px is not for order_type LIMIT"),
    (Code.PX_NOT_TICK_MULTIPLE, {"px": 100_500}, "px 10.05 is not a multiple of tick 0.1 of AAPL"),
    (Code.PX_NOT_POSITIVE, {"px": 0}, "px 0 of AAPL is not positive"),
    (Code.EXPIRE_TS_REQUIRED, {"time_in_force": TimeInForce.GTD}, "expire_ts is required"),
    (Code.EXPIRE_TS_IN_PAST, {"time_in_force": TimeInForce.GTD, "expire_ts": NOW}, "is not after now"),
    (Code.DISPLAY_QTY_EXCEEDS_QTY, {"display_qty": 101}, "display_qty 101 is more than qty 100"),
    (Code.WOULD_INCREASE_POSITION, {"reduce_only": True}, "reduce_only, but the position is 0"),
]


def context(instrument: Instrument | None = AAPL, **more: Any) -> Context:
    return Context(now_ns=NOW, instrument=instrument, strategy=more.get("strategy", S1))


@pytest.mark.parametrize(
    ("code", "spoilt", "says"), FAULTS, ids=[f"{code.name} {list(s)}" for code, s, _ in FAULTS]
)
def test_a_fault_of_a_new_order_is_refused_with_its_code(
    code: Code, spoilt: dict[str, Any], says: str
) -> None:
    answer = decide(None, limit(**spoilt), context())
    assert isinstance(answer, Rejection)
    assert answer.code is code
    assert says in answer.detail


def test_a_quantity_off_the_lot_is_refused() -> None:
    answer = decide(None, limit(105), context(LOTS))
    assert answer == Rejection(Code.QTY_NOT_LOT_MULTIPLE, "qty 105 is not a multiple of lot 10 of AAPL")


def test_an_instrument_may_allow_prices_at_or_below_zero() -> None:
    assert isinstance(decide(None, limit(px=-1000), context(NEGATIVE)), list)
    answer = decide(None, limit(px=-1000), context())
    assert isinstance(answer, Rejection)
    assert answer.code is Code.PX_NOT_POSITIVE


def test_what_is_not_defined_is_named_with_the_cure() -> None:
    no_symbol = decide(None, limit(), context(None))
    no_strategy = decide(None, limit(), context(strategy=None))
    assert no_symbol == Rejection(
        Code.UNKNOWN_SYMBOL, "symbol AAPL is not defined: send DefineInstrument first"
    )
    assert no_strategy == Rejection(
        Code.UNKNOWN_STRATEGY, "strategy S1 is not defined: send DefineStrategy first"
    )


def test_of_several_faults_the_lowest_code_is_answered() -> None:
    """The faults of FAULTS that can stand together, spoilt one after the other from the highest code down."""
    spoils: list[tuple[Code, dict[str, Any]]] = [
        (Code.DISPLAY_QTY_EXCEEDS_QTY, {"display_qty": 2_000}),
        (Code.EXPIRE_TS_IN_PAST, {"time_in_force": TimeInForce.GTD, "expire_ts": 1}),
        (Code.PX_NOT_POSITIVE, {"px": -1000}),
        (Code.PX_NOT_TICK_MULTIPLE, {"px": -1001}),
        (Code.PX_NOT_ALLOWED, {"stop_px": 5}),
        (Code.PX_REQUIRED, {"px": None}),
        (Code.QTY_NOT_LOT_MULTIPLE, {"qty": 105}),
        (Code.QTY_NOT_POSITIVE, {"qty": -5}),
        (Code.BAD_TIF, {"time_in_force": TimeInForce.DAY}),
        (Code.BAD_ORDER_TYPE, {"order_type": OrderType.MARKET, "post_only": True}),
        (Code.BAD_SIDE, {"side_flag": SideFlag.SHORT}),
        (Code.UNSUPPORTED, {"order_type": OrderType.PEG}),
        (Code.MALFORMED, {"client_order_id": "{}"}),
    ]
    spoilt: dict[str, Any] = {"qty": 100}
    for code, more in spoils:
        spoilt |= more
        answer = decide(None, limit(**spoilt), context(LOTS))
        assert isinstance(answer, Rejection)
        assert answer.code is code
    spoilt |= {"client_order_id": "X", "order_type": OrderType.LIMIT, "post_only": False}
    for instrument, strategy, code in ((None, None, 12), (LOTS, None, 13), (LOTS, S1, 15)):
        answer = decide(None, limit(**spoilt), context(instrument, strategy=strategy))
        assert isinstance(answer, Rejection)
        assert answer.code == code


@pytest.mark.parametrize(
    "name", ["", "a b", "a{b", "a}b", "a:b", "a|b", "a\tb", "é", "x" * 51, "a\x7f", "a\n"]
)
def test_a_client_order_id_that_cannot_stand_in_a_key_is_refused(name: str) -> None:
    desk = Desk()
    desk.submit()
    for answer in (desk.submit(name), desk.cancel(name), desk.replace(name, 200)):
        assert isinstance(answer, Rejection)
        assert answer.code is Code.MALFORMED


@pytest.mark.parametrize("name", ["!", "~", "a/b", "order-000123", "x" * 50])
def test_any_other_printable_client_order_id_is_taken(name: str) -> None:
    assert isinstance(Desk().submit(name), list)


@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT])
def test_each_order_type_takes_its_own_prices(kind: OrderType) -> None:
    px = 100_000 if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None
    stop_px = 101_000 if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None
    desk = Desk()
    assert isinstance(desk.submit(order_type=kind, px=px, stop_px=stop_px), list)
    assert (desk.x.px, desk.x.stop_px, desk.x.terms.order_type) == (px, stop_px, kind)


# ---- repeats ----


def test_the_same_order_under_another_command_id_is_a_repeat_even_after_it_changed() -> None:
    """I-10, I-12: FIX F.1.b compares with the order as it was submitted, not as it is."""
    desk = Desk()
    desk.submit(side=Side.SELL, side_flag=SideFlag.SHORT, session_id="a")
    desk.report(f.ReportAccepted, "V1")
    desk.report(f.ReportReplaced, "R", 300, 200_000)
    journal = list(desk.journal)
    assert desk.submit(side=Side.SELL, side_flag=SideFlag.SHORT, session_id="b") == Repeated(1, 1)
    assert desk.journal == journal


@pytest.mark.parametrize(
    "other",
    [
        {"qty": 101},
        {"px": 101_000},
        {"side": Side.SELL},
        {"strategy_id": "S2"},
        {"trader_id": "t"},
        {"display_qty": 5},
    ],
    ids=str,
)
def test_a_known_client_order_id_with_other_content_is_refused(other: dict[str, Any]) -> None:
    """I-12, I-23."""
    desk = Desk()
    desk.submit()
    before = desk.x
    answer = desk.submit(**other)
    assert answer == Rejection(
        Code.DUPLICATE_CLIENT_ORDER_ID, "client_order_id X is taken by order X of AAPL"
    )
    assert desk.x == before


def test_a_request_id_is_an_id_like_any_other() -> None:
    desk = Desk(OrderRules(max_outstanding_replaces=0))
    desk.submit()
    desk.submit("Y")
    desk.report(f.ReportAccepted, "V1")
    desk.cancel("C")
    desk.replace("R", 200)
    for answer in (
        desk.submit("C"),
        desk.submit("R"),
        desk.cancel("C", "Y"),
        desk.cancel("X"),
        desk.cancel("R"),
        desk.replace("C", 200),
        desk.replace("R", 201),
        desk.replace("R", 200, px=101_000),
    ):
        assert isinstance(answer, Rejection)
        assert answer.code is Code.DUPLICATE_CLIENT_ORDER_ID


def test_the_same_request_again_while_it_is_on_its_way_is_a_repeat() -> None:
    desk = Desk()
    desk.submit()
    desk.report(f.ReportAccepted, "V1")
    desk.cancel("C")
    desk.replace("R", 200)
    seq = len(desk.journal)
    assert desk.cancel("C") == Repeated(1, seq - 1)
    assert desk.replace("R", 200) == Repeated(1, seq)
    desk.report(f.ReportCancelRejected, "C")
    answer = desk.cancel("C")
    assert isinstance(answer, Rejection)
    assert answer.code is Code.DUPLICATE_CLIENT_ORDER_ID


def test_an_order_is_found_by_its_first_and_its_current_id_and_requests_name_the_current_one() -> None:
    desk = Desk()
    desk.submit()
    desk.report(f.ReportAccepted, "V1")
    desk.replace("R", 200)
    desk.report(f.ReportReplaced, "R")
    assert (desk.x.client_order_id, desk.x.chain) == ("R", ("X",))
    [asked] = desk.cancel("C", "X")  # type: ignore[misc]
    assert (asked.order, asked.orig_client_order_id) == ("X", "R")
    [replaced] = desk.replace("R2", 300, "R")  # type: ignore[misc]
    assert (replaced.order, replaced.orig_client_order_id) == ("X", "R")


# ---- replaces and cancels ----

CHANGES: list[tuple[Code, dict[str, Any]]] = [
    (Code.BAD_TIF, {"expire_ts": NOW + 1}),
    (Code.QTY_NOT_POSITIVE, {"qty": 0}),
    (Code.QTY_TOO_LARGE, {"qty": QTY_MAX + 1}),
    (Code.PX_NOT_ALLOWED, {"stop_px": 100_000}),
    (Code.PX_NOT_TICK_MULTIPLE, {"px": 100_500}),
    (Code.PX_NOT_POSITIVE, {"px": -1000}),
    (Code.EXPIRE_TS_REQUIRED, {"time_in_force": TimeInForce.GTD}),
    (Code.EXPIRE_TS_IN_PAST, {"time_in_force": TimeInForce.GTD, "expire_ts": 1}),
    (Code.NEW_QTY_NOT_ABOVE_CUM, {"qty": 40}),
    (Code.NOTHING_TO_CHANGE, {}),
    (Code.NOTHING_TO_CHANGE, {"qty": 100, "px": 100_000, "time_in_force": TimeInForce.DAY}),
]


@pytest.mark.parametrize(
    ("code", "change"), CHANGES, ids=[f"{code.name} {list(change)}" for code, change in CHANGES]
)
def test_a_fault_of_a_change_is_refused_with_its_code(code: Code, change: dict[str, Any]) -> None:
    """I-20, I-23."""
    desk = Desk()
    desk.submit()
    desk.report(f.ReportAccepted, "V1")
    desk.fill("F", 40)
    before = desk.x
    answer = desk.replace("R", **change)
    assert isinstance(answer, Rejection)
    assert answer.code is code
    assert desk.x == before


def test_a_replace_without_an_instrument_is_refused_but_a_cancel_is_not() -> None:
    """I-24: only an id, an unknown order, an order that is over or another cancel refuses a cancel."""
    desk = Desk()
    desk.submit()
    bare = Context(now_ns=NOW)
    assert isinstance(decide(desk.x, c.CancelOrder(b"0" * 16, "AAPL", "C", "X"), bare), list)
    answer = decide(desk.x, c.ReplaceOrder(b"0" * 16, "AAPL", "R", "X", 200), bare)
    assert isinstance(answer, Rejection)
    assert answer.code is Code.UNKNOWN_SYMBOL


def test_a_replaced_order_takes_what_was_asked_where_the_venue_says_nothing() -> None:
    desk = Desk()
    desk.submit()
    desk.report(f.ReportAccepted, "V1")
    gtd = {"time_in_force": TimeInForce.GTD, "expire_ts": NOW + 5}
    desk.replace("R", 200, px=110_000, **gtd)
    desk.report(f.ReportReplaced)
    state = desk.x
    assert (state.client_order_id, state.qty, state.px) == ("R", 200, 110_000)
    assert (state.time_in_force, state.expire_ts, state.requests) == (TimeInForce.GTD, NOW + 5, ())
    desk.replace("R2", time_in_force=TimeInForce.DAY)
    desk.report(f.ReportReplaced, "R2", 201, 111_000, venue_order_id="V2")
    state = desk.x
    assert (state.qty, state.px, state.venue_order_id) == (201, 111_000, "V2")
    assert (state.time_in_force, state.expire_ts) == (TimeInForce.DAY, 0)


def test_an_order_shows_a_bounded_number_of_its_former_ids() -> None:
    desk = Desk()
    desk.submit()
    for number in range(40):
        desk.report(f.ReportReplaced, f"R{number}", 200 + number)
    assert desk.x.client_order_id == "R39"
    assert desk.x.chain == tuple(f"R{number}" for number in range(23, 39))
