"""A doubt that only the venue can end makes us ask, once, in the turn that shows it; an answer that agrees ends it."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.context import Context
from ledger.domain.enums import CancelRejectReason, Side, TimeInForce, TimerKind
from ledger.domain.order_inquiry import ASKED_ABOUT
from ledger.domain.request_events import OrderStatusRequested
from ledger.domain.timers import decide_order
from ledger.testing.order_desk import NOW, Desk


def live(**more: Any) -> Desk:
    desk = Desk()
    desk.submit(**more)
    desk.report(f.ReportAccepted, "V1")
    return desk


def asked(desk: Desk) -> list[OrderStatusRequested]:
    return [it for it in desk.journal if type(it) is OrderStatusRequested]


def missed_fill(desk: Desk) -> None:
    desk.fill("F", 10, venue_cum=30)


def too_late(desk: Desk) -> None:
    desk.cancel("C")
    desk.report(f.ReportCancelRejected, "C", CancelRejectReason.TOO_LATE)


def fill_after_reject(desk: Desk) -> None:
    desk.report(f.ReportRejected)
    desk.fill("F", 10)


def replaced_after_close(desk: Desk) -> None:
    desk.report(f.ReportCanceled)
    desk.report(f.ReportReplaced, "R", 50)


def differs(desk: Desk) -> None:
    desk.report(f.ReportStatus, True, 0, 70)


def counts_more_when_closed(desk: Desk) -> None:
    desk.report(f.ReportCanceled, venue_cum=30)


DOUBTS = {
    missed_fill: ("CUM_MISMATCH", 30),
    too_late: ("MISSED_FILL_SUSPECTED", None),
    fill_after_reject: ("FILL_AFTER_REJECT", None),
    replaced_after_close: ("REPLACED_AFTER_CLOSE", None),
    differs: ("ORDER_STATE_MISMATCH", 0),
    counts_more_when_closed: ("CUM_MISMATCH", 30),
}


@pytest.mark.parametrize(("doubt", "why"), DOUBTS.items(), ids=lambda it: getattr(it, "__name__", ""))
def test_a_doubt_asks_the_venue_once_and_an_answer_that_agrees_ends_it(doubt: Any, why: tuple) -> None:
    desk = live()
    doubt(desk)
    [request] = asked(desk)
    assert (request.reason, request.venue_cum) == why
    note = desk.journal[request.ref_seq - 1]
    assert (note.kind, note.order_id) == (request.reason, request.order_id)
    assert (request.order, request.order_id, request.venue_order_id) == ("X", desk.x.terms.order_id, "V1")
    assert desk.x.needs_recon
    desk.fill("G", 1, venue_cum=99)
    desk.report(f.ReportStatus, True, 98)
    assert len(asked(desk)) == 1, "nothing is asked again while it stands open"
    assert desk.x.needs_recon
    desk.fill("H", 99 - desk.x.cum)
    open_there = desk.x.closed == 0
    [answered] = desk.report(f.ReportStatus, open_there, 99)  # type: ignore[misc]
    assert type(answered) is e.OrderStatusAnswered
    assert not desk.x.needs_recon
    assert desk.report(f.ReportStatus, open_there, 99) == [], "nothing was asked, so nothing is answered"
    desk.fill("I", 1, venue_cum=150)
    assert len(asked(desk)) == 2, "a new doubt asks again"


@pytest.mark.parametrize(("tif", "name"), [(TimeInForce.IOC, "IOC"), (TimeInForce.FOK, "FOK")])
def test_an_order_at_once_that_hears_nothing_asks(tif: TimeInForce, name: str) -> None:
    """DOMAIN 1.8: no response within ioc_timeout is IOC_STUCK and a status query, and no change of the order."""
    desk = live(time_in_force=tif)
    context = Context(now_ns=NOW, next_seq=40)
    fired, note, request = decide_order(desk.x, TimerKind.IOC, NOW, context)
    assert (type(fired).__name__, note.kind) == ("TimerFired", "IOC_STUCK")  # type: ignore[union-attr]
    assert type(request) is OrderStatusRequested
    assert (request.reason, request.ref_seq) == ("IOC_STUCK", 41)
    before = desk.x
    desk.apply(request)
    assert (desk.x.needs_recon, desk.x.cum, desk.x.closed) == (True, before.cum, before.closed)
    assert len(decide_order(desk.x, TimerKind.IOC, NOW, context)) == 2, "the venue was asked already"


def test_what_only_tells_of_the_past_asks_nothing() -> None:
    desk = live()
    desk.fill("F", 10, venue_cum=10)
    desk.report(f.ReportAccepted, "V2")
    desk.bust("B", "N")
    desk.report(f.ReportCanceled)
    desk.fill("L", 10)
    assert set(desk.anomalies()) == {
        "VENUE_ID_CHANGED",
        "BUST_BEFORE_FILL",
        "UNSOLICITED_CANCEL",
        "LATE_FILL",
    }
    assert asked(desk) == []
    assert not {"LATE_FILL", "VENUE_ID_CHANGED", "UNKNOWN_ORDER"} & ASKED_ABOUT


def test_an_open_order_that_only_the_venue_knows_is_adopted_from_its_status_and_its_fills_are_asked_for() -> (
    None
):
    """DOMAIN 1.6, note 7, and the row of ReportStatus: adopt, or UNKNOWN_ORDER."""
    desk = Desk()
    terms = {"qty": 50, "px": 90_000, "side": Side.SELL, "account": "A1", "venue_order_id": "V7"}
    adopted, unknown, mismatch, counted, request = desk.report(f.ReportStatus, True, 20, **terms)  # type: ignore[misc]
    assert (type(adopted), adopted.strategy_id, adopted.qty) == (e.OrderAdopted, "_EXTERNAL", 50)
    assert [it.kind for it in (unknown, mismatch, counted)] == [
        "UNKNOWN_ORDER",
        "ORDER_STATE_MISMATCH",
        "CUM_MISMATCH",
    ]
    assert type(request) is OrderStatusRequested
    assert (request.order_id, request.ref_seq, request.venue_cum) == (1, 3, 20)
    assert desk.journal[request.ref_seq - 1] == mismatch
    assert (desk.x.acked, desk.x.needs_recon, desk.x.venue_order_id) == (True, True, "V7")
    desk.fill("F", 20, side=Side.SELL)
    assert [type(it) for it in desk.report(f.ReportStatus, True, 20)] == [e.OrderStatusAnswered]


@pytest.mark.parametrize("missing", ["qty", "side", "account"])
def test_a_status_that_says_too_little_or_of_what_is_over_is_only_recorded(missing: str) -> None:
    terms: dict[str, Any] = {"qty": 50, "side": Side.SELL, "account": "A1"}
    assert [it.kind for it in Desk().report(f.ReportStatus, False, 0, **terms)] == ["UNKNOWN_ORDER"]  # type: ignore[union-attr]
    del terms[missing]
    assert [it.kind for it in Desk().report(f.ReportStatus, True, 0, **terms)] == ["UNKNOWN_ORDER"]  # type: ignore[union-attr]
    agreed = Desk()
    events = agreed.report(f.ReportStatus, True, 0, qty=50, side=Side.SELL, account="A1")
    assert [type(it).__name__ for it in events] == ["OrderAdopted", "AnomalyRecorded"]  # type: ignore[union-attr]


def test_what_the_venue_says_can_still_trade_is_kept_beside_its_acknowledgement() -> None:
    desk = Desk()
    desk.submit()
    [event] = desk.report(f.ReportAccepted, "V1", leaves=100)  # type: ignore[misc]
    assert (event.venue_order_id, event.leaves) == ("V1", 100)
