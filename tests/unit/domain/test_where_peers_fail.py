"""Where other engines go wrong (DOMAIN.md 2.5 and the notes of 1.6), sentence by sentence: this one does not."""

from __future__ import annotations

import random
from fractions import Fraction

from ledger.domain import facts as f
from ledger.domain.enums import CancelRejectReason, OrderStatus
from ledger.domain.order import leaves, status, status_of_broker
from ledger.domain.position import evolve
from ledger.domain.position_view import avg_px, twice_upnl
from ledger.testing.made_fills import filled, position
from ledger.testing.order_desk import Desk


def accepted(qty: int = 100) -> Desk:
    desk = Desk()
    desk.submit(qty=qty)
    desk.report(f.ReportAccepted, "V1")
    return desk


# ---- 2.5 ---------------------------------------------------------------------------------------------------------


def test_twenty_thousand_fills_of_a_penny_stock_lose_no_part_of_a_cent() -> None:
    """Near 0.15 USD, with four digits: exact against fractions at every step, and realised = cash once flat."""
    dice = random.Random(25)
    state, cash, held = None, Fraction(0), 0
    for seq in range(1, 20_001):
        side = "B" if held <= 0 or (held < 500 and dice.random() < 0.5) else "S"
        qty = dice.randint(1, 40) if side == "B" or held <= 0 else dice.randint(1, min(40, held))
        px = 1500 + dice.randint(-9, 9)
        sign = 1 if side == "B" else -1
        cash -= Fraction(sign * qty * px, 10_000)
        held += sign * qty
        state = evolve(state, filled(side, qty, px), seq, seq)
        assert state.realized == state.cash + state.cost
    assert state is not None
    state = evolve(state, filled("S" if held > 0 else "B", abs(held), 1500), 20_001, 20_001)
    cash += Fraction(held * 1500, 10_000)
    assert (state.qty, state.cost) == (0, 0)
    assert Fraction(state.realized, 10_000) == cash


def test_a_flip_opens_at_its_own_price() -> None:
    """P04: unrealised +15.00, not -60.00."""
    state = position([("B", 100, 100_000), ("S", 250, 105_000)])
    assert avg_px(state) == (15_750_000, 150)
    assert Fraction(twice_upnl(state, 2 * 104_000), 2 * 10_000) == 15


def test_lifetime_profit_survives_a_flip() -> None:
    state = position([("B", 100, 100_000), ("S", 250, 105_000), ("B", 200, 105_000)])
    assert Fraction(state.realized, 10_000) == 50


def test_an_overfill_reaches_order_and_position() -> None:
    desk = accepted()
    desk.fill("F1", 100)
    desk.fill("F2", 30)
    assert (desk.x.cum, status(desk.x)) == (130, OrderStatus.FILLED)
    assert desk.anomalies()[-1] == "OVERFILL"


def test_a_bust_that_comes_before_its_fill_kills_neither_the_order_nor_the_fill() -> None:
    desk = accepted()
    desk.bust("B1", "F1")
    assert status(desk.x) is OrderStatus.NEW
    desk.fill("F1", 40)
    assert (desk.x.cum, status(desk.x)) == (0, OrderStatus.NEW)
    desk.fill("F2", 60)
    assert (desk.x.cum, leaves(desk.x)) == (60, 40)


# ---- the notes of 1.6 --------------------------------------------------------------------------------------------


def test_note_1_a_fill_revives_a_rejected_order_and_counts_on_a_closed_one() -> None:
    desk = accepted()
    desk.report(f.ReportRejected)
    desk.fill("F1", 40)
    assert (status(desk.x), desk.x.cum, desk.x.needs_recon) == (OrderStatus.PARTIALLY_FILLED, 40, True)
    for kind, shown in ((f.ReportCanceled, OrderStatus.CANCELED), (f.ReportExpired, OrderStatus.EXPIRED)):
        desk = accepted()
        desk.report(kind)
        desk.fill("F1", 40)
        assert (status(desk.x), desk.x.cum, leaves(desk.x)) == (shown, 40, 0)


def test_note_2_a_late_ack_never_takes_the_status_back() -> None:
    desk = Desk()
    desk.submit()
    desk.fill("F1", 40)
    desk.report(f.ReportAccepted, "V1")
    assert (status(desk.x), desk.x.cum) == (OrderStatus.PARTIALLY_FILLED, 40)


def test_note_3_whether_a_bust_reinstates_is_in_its_record() -> None:
    for reinstated, open_again in ((True, 40), (False, 0)):
        desk = accepted()
        desk.fill("F1", 40)
        desk.fill("F2", 60)
        desk.bust("B1", "F1", reinstated=reinstated)
        assert (desk.x.cum, leaves(desk.x)) == (60, open_again)
        again = Desk()
        for event in desk.journal:  # replay has nothing but the record
            again.apply(event)
        assert again.x == desk.x


def test_note_4_a_replace_below_what_was_filled_meanwhile_is_filled_not_open_for_ever() -> None:
    desk = accepted()
    desk.replace("R", 50)
    desk.fill("F1", 60)
    desk.report(f.ReportReplaced, "R", 50)
    assert (status(desk.x), desk.x.qty, leaves(desk.x)) == (OrderStatus.FILLED, 60, 0)


def test_note_5_a_cancel_reject_after_the_last_fill_clears_the_request_and_shows_filled() -> None:
    desk = accepted()
    desk.cancel("C")
    desk.report(f.ReportPendingCancel, "C")
    desk.fill("F1", 100)
    assert status_of_broker(desk.x) is OrderStatus.PENDING_CANCEL
    desk.report(f.ReportCancelRejected, "C", CancelRejectReason.TOO_LATE)
    assert (status(desk.x), desk.x.requests) == (OrderStatus.FILLED, ())


def test_note_5_fills_count_against_the_present_terms_while_a_replace_is_out() -> None:
    desk = accepted()
    desk.replace("R", 40)
    desk.fill("F1", 60)
    assert (desk.x.qty, leaves(desk.x), status(desk.x)) == (100, 40, OrderStatus.PENDING_REPLACE)


def test_note_6_a_higher_venue_cum_says_that_a_fill_is_missing() -> None:
    desk = accepted()
    desk.fill("F1", 10, venue_cum=30)
    assert "CUM_MISMATCH" in desk.anomalies()
    desk = accepted()
    desk.fill("F1", 10, venue_cum=5)
    assert "CUM_MISMATCH" not in desk.anomalies()


def test_note_7_a_fill_of_an_unknown_order_still_reaches_a_position() -> None:
    desk = Desk()
    desk.fill("F1", 10, order="stranger")
    (fill,) = [event for event in desk.journal if hasattr(event, "execution_id")]
    assert (fill.strategy_id, fill.qty) == ("_UNALLOCATED", 10)
