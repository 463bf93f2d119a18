"""Where a rule turns, one step before and one after: each of these was once changed without a test that noticed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ledger.domain import facts as f
from ledger.domain.adjustments import decide_adjustment
from ledger.domain.calendars import DAY_NS
from ledger.domain.cases import decide_conflict
from ledger.domain.codes import Code
from ledger.domain.commands import SubmitOrder
from ledger.domain.context import Context, Instrument, Rejection, Strategy
from ledger.domain.continuity import follows
from ledger.domain.enums import (
    AdjustReason,
    BookFault,
    BookSource,
    CancelRejectReason,
    ConflictResolution,
    OrderAction,
    OrderType,
    Side,
    TimeInForce,
    TimerKind,
)
from ledger.domain.events import AnomalyRecorded, CancelRejected, OrderFilled
from ledger.domain.exposure import NOTHING
from ledger.domain.facts import BookOrder, BookSnapshot
from ledger.domain.fill import content_text
from ledger.domain.limit import RiskLimit
from ledger.domain.operator_commands import AdjustPosition, ResolveExecConflict
from ledger.domain.operator_events import OrderUnconfirmed
from ledger.domain.order_evolve import evolve
from ledger.domain.risk import Applied, Surroundings, judge_submit
from ledger.domain.scope import Scope
from ledger.domain.sessions import Session
from ledger.domain.timers import TimeRules, order_due, session_due, session_warning_ns
from ledger.domain.trading_day import LastCut, cut_of
from ledger.testing.made_fills import position
from ledger.testing.made_market import HEAD, Feed, delta
from ledger.testing.order_desk import DAY, NOW, Desk, command_id

ONE = 10**8
RULES = TimeRules(ack_timeout_ns=5, tif_grace_ns=7, ioc_timeout_ns=11, gtc_max_days=3)


def live(**more: Any) -> Desk:
    desk = Desk()
    desk.submit(**more)
    desk.report(f.ReportAccepted, "V1")
    return desk


# ---- operators -------------------------------------------------------------------------------------------------


def conflict(resolution: ConflictResolution, qty: int) -> Any:
    desk = live()
    desk.fill("F", 5)
    (fill,) = desk.fills.values()
    [case] = desk.fill("F", 6)  # type: ignore[misc]
    command = ResolveExecConflict(
        command_id(), 4, "AAPL", "NASDAQ", "A1", DAY, "F", resolution, "agreed", qty, 100_000
    )
    return decide_conflict(case, fill, command, desk.context())


def test_a_correction_of_a_conflict_needs_a_quantity_and_keeping_the_first_does_not() -> None:
    refused = conflict(ConflictResolution.CORRECT, 0)
    assert isinstance(refused, Rejection)
    assert refused.code is Code.QTY_NOT_POSITIVE
    assert conflict(ConflictResolution.CORRECT, -1) == refused
    for resolution, qty in ((ConflictResolution.CORRECT, 1), (ConflictResolution.KEEP, 0)):
        resolved, closed = conflict(resolution, qty)
        assert (resolved.qty, closed.seq) == (qty, 4)


@pytest.mark.parametrize(
    ("dcost", "good"),
    [
        ("12", True),
        ("-12", True),
        ("9" * 64, True),
        ("9" * 65, False),
        ("1x", False),
        ("١٢", False),
        ("", False),
    ],
)
def test_money_as_text_is_digits_of_which_there_are_not_too_many(dcost: str, good: bool) -> None:
    instrument = Instrument("AAPL", "NASDAQ", 4, 0, 1, 1, ONE, "USD", False, False, "24/7")
    context = Context(now_ns=NOW, instrument=instrument, strategy=Strategy("S1", "A1", 1), actor="ann")
    command = AdjustPosition(
        command_id(), "S1", "AAPL", AdjustReason.MANUAL, approver="bob", dqty=1, dcost=dcost
    )
    answer = decide_adjustment((0, 0), command, context)
    if good:
        assert not isinstance(answer, Rejection)
        assert int(answer[0].dcost) == int(dcost)
    else:
        assert isinstance(answer, Rejection)
        assert answer.code is Code.MALFORMED


def test_a_day_is_cut_of_what_is_held_or_has_changed() -> None:
    flat = replace(position([("B", 5, 100), ("S", 5, 110)]), version=9)
    held = replace(position([("B", 5, 100)]), version=9)
    first = cut_of(flat, None, (100, "BOOK"))
    assert first is not None
    assert (first.mark_px, first.mark_from) == (None, "")
    for version, nothing in ((9, True), (10, True), (8, False)):
        last = LastCut(DAY, first, version)
        assert (cut_of(flat, last, (100, "BOOK")) is None) is nothing
        assert cut_of(held, last, (100, "BOOK")) is not None


# ---- due times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tif", "kind", "due"),
    [
        (TimeInForce.GTC, TimerKind.GTC_AGE, NOW + 3 * DAY_NS),
        (TimeInForce.IOC, TimerKind.IOC, NOW + 11),
        (TimeInForce.FOK, TimerKind.IOC, NOW + 11),
        (TimeInForce.DAY, TimerKind.IOC, None),
        (TimeInForce.DAY, TimerKind.GTC_AGE, None),
        (TimeInForce.DAY, TimerKind.TIME_IN_FORCE, 99),
        (TimeInForce.GTD, TimerKind.TIME_IN_FORCE, NOW + 1 + 7),
        (TimeInForce.GTC, TimerKind.TIME_IN_FORCE, None),
    ],
)
def test_an_order_is_due_when_its_time_in_force_says(
    tif: TimeInForce, kind: TimerKind, due: int | None
) -> None:
    state = live(time_in_force=tif, expire_ts=NOW + 1 if tif is TimeInForce.GTD else 0).x
    assert order_due(state, kind, 99, RULES) == due


def test_an_acknowledgement_is_waited_for_once() -> None:
    desk = Desk()
    desk.submit()
    assert order_due(desk.x, TimerKind.ACK, None, RULES) == NOW + 5
    desk.apply(OrderUnconfirmed("AAPL", "X", "S1", "NASDAQ", desk.x.terms.order_id))
    assert desk.x.unconfirmed
    assert order_due(desk.x, TimerKind.ACK, None, RULES) is None
    desk.report(f.ReportCanceled)
    assert not desk.x.unconfirmed, "it has said something"


SESSION = Session("s", "ann", 100, 100, None, 0, 1)


@pytest.mark.parametrize(
    ("warning", "ttl", "at"), [(30, 100, 170), (99, 100, 101), (100, 100, None), (0, 100, None), (1, 2, 101)]
)
def test_a_warning_comes_so_long_before_the_end(warning: int, ttl: int, at: int | None) -> None:
    rules = TimeRules(session_ttl_ns=ttl, session_absolute=True, session_warning_ns=warning)
    assert session_warning_ns(SESSION, rules) == at
    assert session_warning_ns(SESSION, replace(rules, session_absolute=False)) is None


def test_of_a_session_s_due_times_the_first_counts() -> None:
    rules = TimeRules(session_ttl_ns=100, session_absolute=True, session_warning_ns=30, session_timeout_ns=70)
    assert session_due(SESSION, 100, rules) == (TimerKind.SESSION_LOST, 170), "both at once: it is lost"
    assert session_due(SESSION, 101, rules) == (TimerKind.SESSION_ENDS, 170)
    assert session_due(SESSION, 129, rules, warned=True) == (TimerKind.SESSION_LOST, 199)
    assert session_due(SESSION, 130, rules, warned=True) == (TimerKind.SESSION_EXPIRED, 200)


# ---- orders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "acked", "filled", "asked"),
    [
        (CancelRejectReason.TOO_LATE, True, 40, True),
        (CancelRejectReason.TOO_LATE, True, 100, False),
        (CancelRejectReason.TOO_LATE, False, 0, False),
        (CancelRejectReason.BROKER, True, 40, False),
    ],
)
def test_only_too_late_and_yet_open_is_a_doubt(reason: Any, acked: bool, filled: int, asked: bool) -> None:
    desk = Desk()
    desk.submit()
    if acked:
        desk.report(f.ReportAccepted, "V1")
    desk.cancel("C")
    if filled:
        desk.fill("F", filled)
    event = CancelRejected("AAPL", "X", "S1", "NASDAQ", "gw", 1, 9, 0, 0, "", "C", reason)
    assert evolve(desk.x, event, 9, NOW).needs_recon is asked


def test_what_is_said_without_an_instrument_is_said_in_units() -> None:
    context = Context(now_ns=NOW)
    assert context.qty_text(5) == "5"
    assert content_text(("BUY", "", 5, 7, 0, ""), context) == "BUY 5 at 7, fee 0"


def judged(qty: int, qty_scale: int, *scopes: tuple[Scope, str]) -> Rejection | None:
    """What a limit of 2 units of these scopes says of an order for `qty`."""
    instrument = Instrument("AAPL", "NASDAQ", 2, qty_scale, 1, 1, ONE, "USD", False, False, "24/7")
    limits = tuple(Applied(scope, RiskLimit(max_order_qty=2 * ONE)) for scope in scopes)
    order = SubmitOrder(command_id(), "c", "S1", "AAPL", "NASDAQ", Side.BUY, OrderType.LIMIT, qty, 100)
    return judge_submit(order, instrument, Surroundings(own=NOTHING, limits=limits), None)


def test_an_order_s_quantity_is_limited_in_whole_units() -> None:
    assert judged(2000, 3, (Scope.ALL, "")) is None
    refused = judged(2001, 3, (Scope.ALL, ""))
    assert refused is not None
    assert refused.code is Code.MAX_ORDER_QTY


def test_of_two_limits_of_one_kind_the_first_is_named() -> None:
    first, second = (Scope.SYMBOL, "AAPL"), (Scope.ALL, "")
    both, alone, other = judged(3, 0, first, second), judged(3, 0, first), judged(3, 0, second)
    assert both == alone != other


# ---- books -----------------------------------------------------------------------------------------------------


def said(update: int, action: OrderAction, ref: str, px: int, qty: int) -> BookOrder:
    return BookOrder(*HEAD, update, action, ref, Side.BUY, px, qty)


def opened(**more: Any) -> Feed:
    whole = BookSnapshot(*HEAD, 100, ((10000, 5),), ((10002, 5),), continuity=BookSource.COUNTED)
    return Feed(whole, **more)


def test_an_order_message_that_is_not_the_next_is_not_judged() -> None:
    feed = opened()
    feed.take(said(103, OrderAction.REDUCED, "nobody", 10000, 9))
    assert feed.journal[-2].kind == "BOOK_GAP"
    (gap,) = [event for event in feed.journal if getattr(event, "update", 0) == 103]
    assert gap.fault is BookFault.NONE, "what is wrong with it shows only once it is its turn"
    feed.take(said(104, OrderAction.REDUCED, "nobody", 10000, 9))
    (later,) = [event for event in feed.journal if getattr(event, "update", 0) == 104]
    assert later.fault is BookFault.NONE


def test_what_is_wrong_with_an_order_message_is_said() -> None:
    unknown = opened()
    unknown.take(said(101, OrderAction.REDUCED, "nobody", 10000, 9))
    (note,) = [it for it in unknown.journal if type(it) is AnomalyRecorded]
    assert note.detail.endswith("is set aside")
    crossed = opened(crossed_max_ns=1)
    crossed.take(said(101, OrderAction.ADDED, "a", 10005, 1))
    crossed.take(said(102, OrderAction.ADDED, "b", 9000, 1))
    last = [it for it in crossed.journal if type(it) is AnomalyRecorded][-1]
    assert "crossed for longer than book.crossed_max_ms" in last.detail


def test_a_delta_without_numbers_always_follows() -> None:
    assert follows(delta(0, 0, continuity=BookSource.UNNUMBERED), 55, fresh=False)
    assert follows(delta(0, 0, continuity=BookSource.UNNUMBERED), 55, fresh=True)


def test_fills_are_events_of_their_own() -> None:
    desk = live()
    assert type(desk.fill("F", 1)[0]) is OrderFilled  # type: ignore[index]
