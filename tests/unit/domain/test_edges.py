"""Numbers at their edges: the first, the last, one unit, nothing at all; each rule where it turns."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ledger.domain import facts as f
from ledger.domain.adjustments import Adjustment
from ledger.domain.calendars import CalendarSession, date_of, decide_calendar, start_of
from ledger.domain.context import Context, Instrument, Rejection
from ledger.domain.enums import BookFault, OrderAction, OrderStatus, Side, TimerKind
from ledger.domain.exposure import load_of, notional_of, worst_px, worst_qty
from ledger.domain.operator_commands import DefineCalendar
from ledger.domain.order import status
from ledger.domain.position import empty, evolve
from ledger.domain.position_view import avg_px
from ledger.domain.resting import Resting
from ledger.domain.source import GAPS_MAX, advanced, closed, is_missing, opened
from ledger.domain.timers import decide_order
from ledger.testing.made_fills import position
from ledger.testing.order_desk import AAPL, DAY, Desk

BTC = Instrument("BTC", "X", 2, 8, 1, 1, 3 * 10**8, "USD", False, False, "24/7")


def accepted(qty: int = 100, **terms: Any) -> Desk:
    desk = Desk()
    desk.submit(qty=qty, **terms)
    desk.report(f.ReportAccepted, "V1")
    return desk


# ---- the numbers of a source -----------------------------------------------------------------------------------


def test_a_source_goes_on_and_begins_anew_with_its_next_run() -> None:
    state = advanced(None, 1, 5)
    assert state == (1, 5, ())
    assert advanced(state, 1, 6) == (1, 6, ())
    assert advanced(state, 1, 5) is state
    assert advanced(state, 1, 4) is state
    holed = opened(state, 1, 6, 8)
    assert advanced(holed, 1, 9) == (1, 9, ((6, 8),))
    assert advanced(holed, 0, 99) is holed
    assert advanced(holed, 2, 1) == (2, 1, ()), "the numbers of the run before are closed"


def test_a_hole_is_known_by_its_numbers_until_each_has_come() -> None:
    state = opened(None, 1, 3, 7)
    assert state == (1, 7, ((3, 7),))
    assert [number for number in range(1, 10) if is_missing(state, number)] == [3, 4, 5, 6, 7]
    amid: Any = closed(state, 1, 5)
    assert amid == (1, 7, ((3, 4), (6, 7)))
    assert [number for number in range(1, 10) if is_missing(amid, number)] == [3, 4, 6, 7]
    for number, left in ((3, ((4, 7),)), (7, ((3, 6),)), (2, ((3, 7),)), (8, ((3, 7),))):
        assert closed(state, 1, number) == (1, 7, left)
    assert closed((1, 4, ((4, 4),)), 1, 4) == (1, 4, ())
    assert closed(state, 2, 5) is state
    assert closed(None, 1, 5) is None


def test_another_hole_of_the_run_is_added_and_one_of_a_run_before_is_nothing() -> None:
    state = opened(None, 2, 3, 4)
    assert opened(state, 2, 6, 6) == (2, 6, ((3, 4), (6, 6)))
    assert opened((2, 9, ()), 2, 6, 6) == (2, 9, ((6, 6),)), "the highest number stays"
    assert opened(state, 1, 8, 9) is state
    assert opened(state, 3, 1, 2) == (3, 2, ((1, 2),))
    for number in range(GAPS_MAX + 5):
        state = opened(state, 2, 10 + 2 * number, 10 + 2 * number)
    assert (len(state[2]), state[2][-1]) == (GAPS_MAX, (10 + 2 * (GAPS_MAX + 4),) * 2)


# ---- days and calendars ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "date", ["1970-01-01", "2000-02-28", "2000-02-29", "2000-03-01", "2100-02-28", "2100-03-01", "2262-04-11"]
)
def test_a_date_is_that_of_its_own_start(date: str) -> None:
    start = start_of(date)
    assert start is not None
    assert date_of(start) == date
    assert date_of(start - 1) < date


@pytest.mark.parametrize(
    ("sessions", "fault"),
    [
        ((), "0 sessions"),
        ((("2026-11-20", 5, 5),), "open before it closes"),
        ((("2026-11-20", 5, 6),), ""),
        ((("2026-11-20", 5, 2**63),), "open before it closes"),
        ((("2026-11-20", 5, 2**63 - 1),), ""),
        ((("2026-11-20", 5, 6), ("2026-11-21", 6, 7)), ""),
        ((("2026-11-20", 5, 7), ("2026-11-21", 6, 8)), "without overlapping"),
        ((("2026-11-20", 5, 6), ("2026-11-20", 7, 8)), "must come after"),
    ],
)
def test_sessions_have_a_beginning_an_end_and_an_order(
    sessions: tuple[CalendarSession, ...], fault: str
) -> None:
    outcome = decide_calendar(None, DefineCalendar(bytes(16), "C", sessions), Context(now_ns=1))
    detail = outcome.detail if isinstance(outcome, Rejection) else ""
    assert fault in detail
    assert bool(fault) == bool(detail)


# ---- what an order weighs --------------------------------------------------------------------------------------


def test_notional_has_eight_digits_whatever_the_scales_and_rounds_up() -> None:
    assert notional_of(10**8, 100, BTC) == 3 * 10**8  # 1 BTC at 1.00, times 3
    assert notional_of(1, 1, BTC) == 1, "3 * 10^-10 of a dollar is not nothing"
    assert notional_of(0, 100, BTC) == 0
    assert notional_of(5, 20_000, AAPL) == 10 * 10**8


def test_a_replace_on_its_way_weighs_by_its_larger_quantity_and_dearer_price() -> None:
    desk = accepted(10)
    assert worst_px(replace(desk.x, px=-100_000), None) == 100_000
    desk.replace("r1", 15, px=120_000)
    assert (worst_qty(desk.x), worst_px(desk.x, None)) == (15, 120_000)
    desk.report(f.ReportReplaceRejected, "r1")
    desk.replace("r2", 9, px=90_000)
    assert (worst_qty(desk.x), worst_px(desk.x, None)) == (10, 100_000)
    assert load_of(desk.x, AAPL, None) == (1, 10, 0, 100 * 10**8)
    desk.fill("F", 9)
    assert load_of(desk.x, AAPL, None) == (1, 1, 0, 10 * 10**8)


# ---- one unit --------------------------------------------------------------------------------------------------


def test_an_order_of_one_unit_is_an_order() -> None:
    desk = Desk()
    desk.submit(qty=1)
    assert status(desk.x) is OrderStatus.PENDING_NEW
    desk.report(f.ReportAccepted, "V1")
    assert status(desk.x) is OrderStatus.NEW
    desk.fill("F", 1)
    assert status(desk.x) is OrderStatus.FILLED


def test_one_unit_filled_of_two_is_partly_filled() -> None:
    desk = accepted(2)
    desk.fill("F", 1)
    assert status(desk.x) is OrderStatus.PARTIALLY_FILLED


@pytest.mark.parametrize(("side", "average"), [("B", (500, 1)), ("S", (500, 1))])
def test_the_average_price_of_one_unit_has_a_positive_denominator(
    side: str, average: tuple[int, int]
) -> None:
    assert avg_px(position([(side, 1, 500)])) == average
    assert avg_px(position([("B", 1, 500), ("S", 1, 600)])) is None


def test_an_adjustment_of_cost_alone_opens_nothing() -> None:
    held = position([("B", 1, 500)])
    after = evolve(held, Adjustment("MM_01", "AAPL", "ACC", 0, 5, 0, 9_000), 9, 9_000)
    assert (after.qty, after.cost, after.realized, after.cycle, after.ts_opened) == (1, 505, 5, 1, 1000)
    opened_again = evolve(held, Adjustment("MM_01", "AAPL", "ACC", -2, 0, 0, 9_000), 9, 9_000)
    assert (opened_again.qty, opened_again.cycle, opened_again.ts_opened) == (-1, 2, 9_000)
    nothing = evolve(empty("MM_01", "AAPL", "ACC"), Adjustment("MM_01", "AAPL", "ACC", 0, 0, 7, 1), 1, 1)
    assert (nothing.qty, nothing.cost, nothing.realized, nothing.cycle) == (0, 0, 7, 0)


# ---- single orders of a book -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "ref", "qty", "level", "fault"),
    [
        (OrderAction.ADDED, "b", 1, 5, BookFault.NONE),
        (OrderAction.ADDED, "b", 0, 5, BookFault.NEGATIVE_SIZE),
        (OrderAction.ADDED, "a", 1, 5, BookFault.UNKNOWN_ORDER),
        (OrderAction.REDUCED, "a", 5, 5, BookFault.NONE),
        (OrderAction.REDUCED, "a", 6, 6, BookFault.ORDER_UNDERFLOW),
        (OrderAction.REDUCED, "a", 0, 5, BookFault.NEGATIVE_SIZE),
        (OrderAction.DELETED, "a", 0, 5, BookFault.NONE),
        (OrderAction.DELETED, "a", -1, 5, BookFault.NEGATIVE_SIZE),
        (OrderAction.DELETED, "b", 0, 9, BookFault.UNKNOWN_ORDER),
        (OrderAction.EXECUTED, "b", 2, 7, BookFault.NONE),  # 5 of 7 are of order a, 2 of orders from before
        (OrderAction.EXECUTED, "b", 3, 7, BookFault.UNKNOWN_ORDER),
    ],
)
def test_no_message_takes_more_from_an_order_than_rests_there(
    action: OrderAction, ref: str, qty: int, level: int, fault: BookFault
) -> None:
    resting = Resting()
    resting.apply(OrderAction.ADDED, "a", Side.BUY, 100, 5)
    assert resting.fault_of(action, ref, Side.BUY, 100, qty, level) is fault


# ---- what the engine says itself -------------------------------------------------------------------------------


def test_an_order_that_the_engine_lets_expire_names_no_number_of_a_source() -> None:
    desk = accepted()
    _fired, expired, note = decide_order(desk.x, TimerKind.TIME_IN_FORCE, 77, desk.context())
    assert (expired.source_epoch, expired.source_seq, expired.received_at_ns) == (0, 0, 0)
    assert expired.event_time_ns == 77
    assert note.ref_seq == len(desk.journal) + 2, "beside the expiry"


def test_ids_are_the_places_of_events_and_name_their_partition() -> None:
    context = Context(now_ns=1, next_seq=10)
    assert [context.id_of(index) for index in range(3)] == [10, 11, 12]
    context.partition = 3
    assert context.id_of(1) == 3 << 48 | 11


def test_a_bust_that_waited_under_another_day_keeps_that_day() -> None:
    desk = accepted()
    desk.bust("B", "F", trade_date="2026-11-23")
    desk.fill("F", 10)
    late = desk.journal[-1]
    assert (late.known, late.trade_date, late.report_date) == (True, DAY, "2026-11-23")
    again = accepted()
    again.bust("B", "F")
    again.fill("F", 10)
    assert (again.journal[-1].known, again.journal[-1].report_date) == (True, "")
    assert replace(desk.x, version=0) == replace(again.x, version=0)
