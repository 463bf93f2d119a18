"""Every cell of the table of legal inputs, written a second time as text and played against the real code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from ledger.domain import commands as c
from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.context import OrderRules, Rejection
from ledger.domain.enums import CancelRejectReason, Phase, Side
from ledger.domain.order import OrderState, Repeated, phase
from ledger.domain.order_table import EXECUTIONS, LEGAL, Does
from ledger.testing.order_desk import DAY, Desk, Outcome

PHASES = ("NONE", "PEND", "LIVE", "FULL", "CXL", "EXP", "REJ")


def given(column: str, asked: bool, rules: OrderRules | None = None) -> Desk:
    """An order X for 100 in the phase of the column; LIVE has 40 filled; `asked`: a cancel C and a replace R are out.

    Where the request must be out before the order is FULL, it is.
    """
    desk = Desk(rules or OrderRules(max_outstanding_replaces=0, replace_unacked=asked))
    if column == "NONE":
        return desk
    desk.submit()
    if column not in ("PEND", "REJ"):
        desk.report(f.ReportAccepted, "V1")
        desk.fill("F1", 40)
    if asked:
        assert isinstance(desk.cancel("C"), list)
        assert isinstance(desk.replace("R", 120), list)
    if column == "FULL":
        desk.fill("F2", 60)
    elif column == "CXL":
        desk.report(f.ReportCanceled)
    elif column == "EXP":
        desk.report(f.ReportExpired)
    elif column == "REJ":
        desk.report(f.ReportRejected)
    assert phase(desk.x).name == column
    return desk


def told(desk: Desk, outcome: Outcome) -> str:
    """An outcome in the table's notation."""
    if isinstance(outcome, Rejection):
        return f"R:{outcome.code.value}"
    if isinstance(outcome, Repeated) or outcome == []:
        return "="
    assert isinstance(outcome, list)
    kinds = [it.kind for it in outcome if type(it) is e.AnomalyRecorded]
    if len(kinds) == sum(type(it) is not e.OrderStatusRequested for it in outcome):
        return " ".join(f"~{kind}" for kind in kinds)
    stands = phase(desk.orders.get("X")).name
    return " ".join([stands, *(f"!{kind}" for kind in kinds)])


def report(kind: type, *fields: Any, **more: Any) -> Callable[[Desk], Outcome]:
    return lambda desk: desk.report(kind, *fields, **more)


# name: (type, whether requests are out, the input)
INPUTS: dict[str, tuple[type, bool, Callable[[Desk], Outcome]]] = {
    "SubmitOrder same content": (c.SubmitOrder, False, lambda desk: desk.submit()),
    "SubmitOrder other content": (c.SubmitOrder, False, lambda desk: desk.submit(qty=101)),
    "CancelOrder": (c.CancelOrder, False, lambda desk: desk.cancel("C2")),
    "CancelOrder another pending": (c.CancelOrder, True, lambda desk: desk.cancel("C2")),
    "ReplaceOrder": (c.ReplaceOrder, False, lambda desk: desk.replace("R2", 130)),
    "ReplaceOrder to cum": (c.ReplaceOrder, False, lambda desk: desk.replace("R2", 40)),
    "ReplaceOrder to the same": (c.ReplaceOrder, False, lambda desk: desk.replace("R2", 100, px=100_000)),
    "ReportAccepted": (f.ReportAccepted, False, report(f.ReportAccepted, "V1")),
    "ReportAccepted other id": (f.ReportAccepted, False, report(f.ReportAccepted, "V2")),
    "ReportRejected": (f.ReportRejected, False, report(f.ReportRejected)),
    "ReportFill part": (f.ReportFill, False, lambda desk: desk.fill("N", 10)),
    "ReportFill all": (f.ReportFill, False, lambda desk: desk.fill("N", 100)),
    "ReportCanceled": (f.ReportCanceled, False, report(f.ReportCanceled)),
    "ReportCanceled asked": (f.ReportCanceled, True, report(f.ReportCanceled, True, "C")),
    "ReportCancelRejected": (f.ReportCancelRejected, True, report(f.ReportCancelRejected, "C")),
    "ReportCancelRejected too late": (
        f.ReportCancelRejected,
        True,
        report(f.ReportCancelRejected, "C", CancelRejectReason.TOO_LATE),
    ),
    "ReportCancelRejected unknown": (f.ReportCancelRejected, True, report(f.ReportCancelRejected, "Q")),
    "ReportReplaced": (f.ReportReplaced, True, report(f.ReportReplaced, "R")),
    "ReportReplaced below cum": (f.ReportReplaced, True, report(f.ReportReplaced, "R", 30)),
    "ReportReplaced unasked": (f.ReportReplaced, False, report(f.ReportReplaced, "Q", 120)),
    "ReportReplaceRejected": (f.ReportReplaceRejected, True, report(f.ReportReplaceRejected, "R")),
    "ReportPendingCancel": (f.ReportPendingCancel, True, report(f.ReportPendingCancel, "C")),
    "ReportPendingCancel unknown": (f.ReportPendingCancel, False, report(f.ReportPendingCancel, "Q")),
    "ReportPendingReplace": (f.ReportPendingReplace, True, report(f.ReportPendingReplace, "R")),
    "ReportExpired": (f.ReportExpired, False, report(f.ReportExpired)),
    "ReportDoneForDay": (f.ReportDoneForDay, False, report(f.ReportDoneForDay)),
    "ReportRestated": (f.ReportRestated, False, report(f.ReportRestated, 150)),
    "ReportRestated below cum": (f.ReportRestated, False, report(f.ReportRestated, 30)),
    "ReportReduced": (f.ReportReduced, False, report(f.ReportReduced, 70)),
    "ReportReduced to cum": (f.ReportReduced, False, report(f.ReportReduced, 40)),
    "ReportSuspended": (f.ReportSuspended, False, report(f.ReportSuspended)),
    "ReportTriggered": (f.ReportTriggered, False, report(f.ReportTriggered)),
    "ReportStatus open with 40": (f.ReportStatus, False, report(f.ReportStatus, True, 40)),
}

# DOMAIN.md 1.6 once more. A cell that the page leaves open after `~` names the closest kind there is.
TABLE = """
SubmitOrder same content     |PEND|=|=|=|=|=|=
SubmitOrder other content    |PEND|R:10|R:10|R:10|R:10|R:10|R:10
CancelOrder                  |R:14|PEND|LIVE|R:30|R:30|R:30|R:30
CancelOrder another pending  |R:14|R:31|R:31|R:30|R:30|R:30|R:30
ReplaceOrder                 |R:14|R:33|LIVE|R:30|R:30|R:30|R:30
ReplaceOrder to cum          |R:14|R:33|R:34|R:30|R:30|R:30|R:30
ReplaceOrder to the same     |R:14|R:33|R:35|R:30|R:30|R:30|R:30
ReportAccepted               |~UNKNOWN_ORDER|LIVE|=|FULL !ACK_AFTER_FILL|CXL !ACK_AFTER_CLOSE|EXP !ACK_AFTER_CLOSE|LIVE !ACK_AFTER_REJECT
ReportAccepted other id      |~UNKNOWN_ORDER|LIVE|LIVE !VENUE_ID_CHANGED|FULL !ACK_AFTER_FILL !VENUE_ID_CHANGED|CXL !ACK_AFTER_CLOSE !VENUE_ID_CHANGED|EXP !ACK_AFTER_CLOSE !VENUE_ID_CHANGED|LIVE !ACK_AFTER_REJECT
ReportRejected               |~UNKNOWN_ORDER|REJ|CXL !REJECT_WITH_FILLS|~REJECT_AFTER_FILL|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|=
ReportFill part              |NONE !UNKNOWN_ORDER|LIVE !FILL_BEFORE_ACK|LIVE|FULL !OVERFILL|CXL !LATE_FILL|EXP !LATE_FILL|LIVE !FILL_AFTER_REJECT !FILL_BEFORE_ACK
ReportFill all               |NONE !UNKNOWN_ORDER|FULL !FILL_BEFORE_ACK|FULL !OVERFILL|FULL !OVERFILL|CXL !LATE_FILL !OVERFILL|EXP !LATE_FILL !OVERFILL|FULL !FILL_AFTER_REJECT !FILL_BEFORE_ACK
ReportCanceled               |~UNKNOWN_ORDER|CXL|CXL !UNSOLICITED_CANCEL|~CANCEL_AFTER_FILL|=|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportCanceled asked         |~UNKNOWN_ORDER|CXL|CXL|~CANCEL_AFTER_FILL|=|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportCancelRejected         |~UNKNOWN_REQUEST|PEND|LIVE|FULL|=|=|=
ReportCancelRejected too late|~UNKNOWN_REQUEST|PEND|LIVE !MISSED_FILL_SUSPECTED|FULL|=|=|=
ReportCancelRejected unknown |~UNKNOWN_REQUEST|~UNKNOWN_REQUEST|~UNKNOWN_REQUEST|~UNKNOWN_REQUEST|=|=|=
ReportReplaced               |~UNKNOWN_ORDER|LIVE|LIVE|LIVE|~REPLACED_AFTER_CLOSE|~REPLACED_AFTER_CLOSE|~REPLACED_AFTER_CLOSE
ReportReplaced below cum     |~UNKNOWN_ORDER|LIVE|FULL !REPLACE_BELOW_CUM|FULL !REPLACE_BELOW_CUM|~REPLACED_AFTER_CLOSE|~REPLACED_AFTER_CLOSE|~REPLACED_AFTER_CLOSE
ReportReplaced unasked       |~UNKNOWN_ORDER|LIVE !UNSOLICITED_REPLACE|LIVE !UNSOLICITED_REPLACE|LIVE !UNSOLICITED_REPLACE|~REPLACED_AFTER_CLOSE|~REPLACED_AFTER_CLOSE|~REPLACED_AFTER_CLOSE
ReportReplaceRejected        |~UNKNOWN_REQUEST|PEND|LIVE|FULL|=|=|=
ReportPendingCancel          |~UNKNOWN_ORDER|PEND|LIVE|FULL|=|=|=
ReportPendingCancel unknown  |~UNKNOWN_ORDER|PEND|LIVE|FULL|=|=|=
ReportPendingReplace         |~UNKNOWN_ORDER|PEND|LIVE|FULL|=|=|=
ReportExpired                |~UNKNOWN_ORDER|EXP|EXP|~EXPIRE_AFTER_FILL|=|=|~REPORT_AFTER_CLOSE
ReportDoneForDay             |~UNKNOWN_ORDER|~ORDER_STATE_MISMATCH|LIVE|FULL|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportRestated               |~UNKNOWN_ORDER|~ORDER_STATE_MISMATCH|LIVE|LIVE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportRestated below cum     |~UNKNOWN_ORDER|~ORDER_STATE_MISMATCH|FULL !REPLACE_BELOW_CUM|FULL !REPLACE_BELOW_CUM|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportReduced                |~UNKNOWN_ORDER|PEND|LIVE|=|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportReduced to cum         |~UNKNOWN_ORDER|PEND|FULL|=|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportSuspended              |~UNKNOWN_ORDER|PEND|LIVE|=|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportTriggered              |~UNKNOWN_ORDER|PEND|LIVE|=|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE|~REPORT_AFTER_CLOSE
ReportStatus open with 40    |~UNKNOWN_ORDER|~ORDER_STATE_MISMATCH ~CUM_MISMATCH|=|~ORDER_STATE_MISMATCH|~ORDER_STATE_MISMATCH|~ORDER_STATE_MISMATCH|~ORDER_STATE_MISMATCH ~CUM_MISMATCH
"""
ROWS = {
    name.strip(): [cell.strip() for cell in cells]
    for name, *cells in (line.split("|") for line in TABLE.strip().splitlines())
}
CASES = [
    (name, column, cell) for name, cells in ROWS.items() for column, cell in zip(PHASES, cells, strict=True)
]


@pytest.mark.parametrize(("name", "column", "expected"), CASES, ids=[f"{n} in {p}" for n, p, _ in CASES])
def test_each_input_does_in_each_phase_what_the_table_says(name: str, column: str, expected: str) -> None:
    kind, asked, say = INPUTS[name]
    desk = given(column, asked, OrderRules(max_outstanding_replaces=0) if not asked else None)
    before = desk.orders.get("X")
    outcome = say(desk)
    assert told(desk, outcome) == expected
    if expected.startswith(("=", "~", "R:")):
        _stands(desk.orders.get("X"), before, outcome)
    _agrees_with_legal(kind, column, outcome, desk)


def _stands(state: OrderState | None, before: OrderState | None, outcome: Outcome) -> None:
    """Nothing of the order moved, but that the venue was asked."""
    if isinstance(outcome, list) and any(type(it) is e.OrderStatusRequested for it in outcome):
        assert state is not None
        assert before is not None
        assert state.needs_recon
        state = replace(
            state,
            needs_recon=before.needs_recon,
            ts_updated=before.ts_updated,
            version=before.version,
        )
    assert state == before


def _agrees_with_legal(kind: type, column: str, outcome: Outcome, desk: Desk) -> None:
    cell = LEGAL[kind][Phase[column]]
    may = {*(str(it) for it in cell.may), str(cell.record)}
    if isinstance(outcome, Rejection):
        assert outcome.code in (cell.code, *cell.may)
    elif isinstance(outcome, Repeated) or outcome == []:
        assert cell.does is Does.SAME or cell.does is Does.APPLY
    else:
        assert isinstance(outcome, list)
        kinds = {it.kind for it in outcome if type(it) is e.AnomalyRecorded}
        assert kinds <= may
        if len(kinds) < sum(type(it) is not e.OrderStatusRequested for it in outcome):
            assert phase(desk.orders.get("X")) in (
                *cell.to,
                *((Phase[column],) if cell.does is Does.SAME else ()),
            )


@pytest.mark.parametrize("column", PHASES[1:])
def test_a_known_fill_again_changes_nothing_and_with_other_content_is_a_conflict(column: str) -> None:
    desk = given(column, asked=False)
    desk.fill("F9", 5)
    before = desk.x
    assert desk.fill("F9", 5) == []
    outcome = desk.fill("F9", 6)
    assert told(desk, outcome) == "~EXEC_ID_CONFLICT"
    assert outcome[0].order_id == desk.x.terms.order_id  # type: ignore[index,union-attr]
    assert desk.x == before


@pytest.mark.parametrize("column", ["LIVE", "FULL", "CXL", "EXP"])
def test_a_bust_of_a_known_fill_takes_it_out_in_every_phase(column: str) -> None:
    desk = given(column, asked=False)
    cum = desk.x.cum
    outcome = desk.bust("B1", "F1")
    assert told(desk, outcome) == ("LIVE" if column == "FULL" else column)
    assert desk.x.cum == cum - 40
    assert desk.bust("B1", "F1") == []
    assert told(desk, desk.bust("B2", "F1")) == "~DOUBLE_BUST"


@pytest.mark.parametrize("column", PHASES)
@pytest.mark.parametrize("kind", ["BUST", "CORRECT"])
def test_a_bust_or_correction_of_an_unknown_fill_is_remembered(column: str, kind: str) -> None:
    desk = given(column, asked=False)
    before = phase(desk.orders.get("X")).name
    outcome = desk.bust("B", "N") if kind == "BUST" else desk.correct("B", "N", 7, 100_000)
    assert told(desk, outcome) == f"{before} !{kind}_BEFORE_FILL"
    cum = desk.x.cum if "X" in desk.orders else 0
    desk.fill("N", 10)
    if column != "NONE":
        assert desk.x.cum == cum + (0 if kind == "BUST" else 7)


def test_a_filled_order_is_full_after_a_bust_that_gives_nothing_back() -> None:
    desk = given("FULL", asked=False)
    assert told(desk, desk.bust("B1", "F1", reinstated=False)) == "FULL"
    assert (desk.x.qty, desk.x.cum) == (60, 60)


def test_a_live_order_rejected_by_the_venue_before_any_fill_is_rejected() -> None:
    desk = Desk()
    desk.submit()
    desk.report(f.ReportAccepted, "V1")
    assert told(desk, desk.report(f.ReportRejected)) == "REJ !REJECT_AFTER_ACK"
    assert told(desk, desk.fill("N", 10)) == "LIVE !FILL_AFTER_REJECT"
    assert desk.x.needs_recon


def test_the_settings_open_the_refusals_that_name_them() -> None:
    filled = given("FULL", asked=False, rules=OrderRules(replace_filled=True))
    assert told(filled, filled.replace("R2", 100)) == "R:30"
    assert told(filled, filled.replace("R2", 130)) == "FULL"
    unacked = given("PEND", asked=False, rules=OrderRules(replace_unacked=True))
    assert told(unacked, unacked.replace("R2", 130)) == "PEND"
    live = given("LIVE", asked=False, rules=OrderRules(max_outstanding_replaces=1))
    assert told(live, live.replace("R2", 130)) == "LIVE"
    assert told(live, live.replace("R3", 140)) == "R:32"


def test_resumed_lifts_a_suspension() -> None:
    desk = given("LIVE", asked=False)
    assert desk.report(f.ReportResumed) == []
    desk.report(f.ReportSuspended)
    assert told(desk, desk.report(f.ReportResumed)) == "LIVE"
    assert not desk.x.suspended


def test_the_table_names_every_order_input_and_every_phase() -> None:
    reports = set(get_args(f.OrderReport))
    assert set(LEGAL) == {c.SubmitOrder, c.CancelOrder, c.ReplaceOrder} | reports
    assert {tuple(row) for row in LEGAL.values()} == {tuple(Phase)}
    assert set(EXECUTIONS) == {f.ReportFill, f.ReportTradeCancel, f.ReportTradeCorrect}


def test_every_cell_can_be_shown() -> None:
    for row in LEGAL.values():
        for cell in row.values():
            assert cell.text()
    assert LEGAL[f.ReportAccepted][Phase.FULL].text().startswith("FULL !ACK_AFTER_FILL")
    assert LEGAL[c.ReplaceOrder][Phase.PEND].text().startswith("R:33 unless replace_unacked")


def test_a_fill_of_an_unknown_order_is_held_for_whoever_claims_it() -> None:
    desk = Desk()
    [fill, note] = desk.fill("N", 10)  # type: ignore[misc]
    assert (fill.order, fill.order_id, fill.strategy_id, fill.account) == ("", 0, "_UNALLOCATED", "A1")
    assert (note.kind, note.ref_seq) == ("UNKNOWN_ORDER", 1)
    [claimed, _] = desk.fill("M", 10, strategy_id="S1")  # type: ignore[misc]
    assert claimed.strategy_id == "S1"


def test_a_fill_against_the_orders_side_does_not_touch_the_order() -> None:
    desk = given("LIVE", asked=False)
    before = desk.x
    [fill, note] = desk.fill("N", 10, side=Side.SELL)  # type: ignore[misc]
    assert (fill.order, fill.side, note.kind) == ("", Side.SELL, "UNKNOWN_ORDER")
    assert desk.x == before
    assert ("NASDAQ", "A1", "AAPL", DAY, "N") in desk.fills


def test_an_acknowledgement_that_says_enough_adopts_an_unknown_order() -> None:
    desk = Desk()
    outcome = desk.report(f.ReportAccepted, "V7", qty=50, px=90_000, side=Side.SELL, account="A1")
    assert told(desk, outcome) == "LIVE !UNKNOWN_ORDER"
    assert (desk.x.terms.strategy_id, desk.x.terms.adopted, desk.x.venue_order_id) == (
        "_EXTERNAL",
        True,
        "V7",
    )
    assert told(desk, desk.fill("N", 50, side=Side.SELL)) == "FULL"


def test_a_fill_that_a_bust_waited_for_overfills_nothing_and_one_that_was_corrected_up_does() -> None:
    busted = given("LIVE", asked=False)
    busted.bust("B", "N")
    assert told(busted, busted.fill("N", 100)) == "LIVE"
    assert busted.x.cum == 40
    corrected = given("LIVE", asked=False)
    corrected.correct("B", "N", 61, 100_000)
    assert told(corrected, corrected.fill("N", 10)) == "FULL !OVERFILL"
    assert corrected.x.cum == 101
