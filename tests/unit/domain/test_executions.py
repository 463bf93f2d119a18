"""Each execution counts once: busts, corrections, chains of them, and all of it in the wrong order."""

from __future__ import annotations

import msgspec
import pytest

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.context import Context
from ledger.domain.enums import FillStanding, Side, TimeInForce
from ledger.domain.fill import FillState, content_text, event_keys, fill_keys
from ledger.domain.order import Unfit, avg_px, canonical, from_canonical, overfill, phase
from ledger.testing.order_desk import AAPL, DAY, NOW, Desk


def live(qty: int = 100) -> Desk:
    desk = Desk()
    desk.submit(qty=qty)
    desk.report(f.ReportAccepted, "V1")
    return desk


def held(desk: Desk, execution_id: str, date: str = DAY) -> FillState:
    return desk.fills["NASDAQ", "A1", "AAPL", date, execution_id]


def test_a_fill_is_known_by_venue_account_symbol_day_and_id() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.report(f.ReportFill, "F", "2026-11-21", Side.BUY, 10, 100_000, account="A1")
    assert desk.x.cum == 20
    assert held(desk, "F").fill_id == 3
    assert held(desk, "F", "2026-11-21").fill_id == 4


def test_a_fill_carries_all_that_its_readers_need() -> None:
    desk = live()
    [fill] = desk.fill("F", 10, fee=-5, fee_ccy="USD", contra="MM")  # type: ignore[misc]
    assert (fill.order, fill.order_id, fill.strategy_id, fill.account) == ("X", 1, "S1", "A1")
    assert (fill.side, fill.qty, fill.px, fill.fee, fill.fee_ccy) == (Side.BUY, 10, 100_000, -5, "USD")
    assert (fill.client_order_id, fill.contra, fill.received_at_ns > 0) == ("X", "MM", True)


def test_a_second_feed_without_the_fee_repeats_and_one_with_another_fee_disagrees() -> None:
    desk = live()
    desk.fill("F", 10, fee=5, fee_ccy="USD")
    assert desk.fill("F", 10) == []
    desk.fill("F", 10, fee=6, fee_ccy="USD")
    assert desk.anomalies() == ["EXEC_ID_CONFLICT"]
    assert desk.x.fees == (("USD", 5),)


def test_the_same_execution_said_of_another_order_is_a_conflict() -> None:
    desk = live()
    desk.submit("Y")
    desk.fill("F", 10)
    desk.fill("F", 10, order="Y")
    assert desk.anomalies() == ["EXEC_ID_CONFLICT"]
    assert desk.orders["Y"].cum == 0


def test_a_repeat_of_a_fill_says_the_same_after_it_was_corrected_and_busted() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.correct("C", "F", 20, 90_000)
    assert desk.fill("F", 10) == []
    desk.bust("B", "C")
    assert desk.fill("F", 10) == []
    assert desk.x.cum == 0


def test_a_correction_changes_quantity_cost_and_fees() -> None:
    desk = live()
    desk.fill("F", 10, fee=5, fee_ccy="USD")
    desk.correct("C", "F", 20, 90_000, fee=7, fee_ccy="EUR")
    state = desk.x
    assert (state.cum, state.cum_cost, state.fees, state.fill_count) == (20, 1_800_000, (("EUR", 7),), 1)
    assert avg_px(state) == (1_800_000, 20)
    assert (held(desk, "F").qty, held(desk, "F").reported_by) == (20, "C")
    assert (held(desk, "C").standing, held(desk, "C").root) == (FillStanding.ALIAS, "F")


def test_a_correction_repeated_is_nothing_and_with_other_content_a_conflict() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.correct("C", "F", 20, 90_000)
    before = desk.x
    assert desk.correct("C", "F", 20, 90_000) == []
    desk.correct("C", "F", 21, 90_000)
    assert desk.anomalies() == ["EXEC_ID_CONFLICT"]
    assert desk.x == before


def test_a_correction_may_refer_to_the_correction_before_it() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.correct("C", "F", 20, 90_000)
    [second] = desk.correct("D", "C", 30, 80_000)  # type: ignore[misc]
    assert (second.root, second.ref_execution_id, second.old_qty, second.old_px) == ("F", "C", 20, 90_000)
    [bust] = desk.bust("B", "D")  # type: ignore[misc]
    assert (bust.root, bust.qty, bust.px) == ("F", 30, 80_000)
    assert (desk.x.cum, desk.x.cum_cost, desk.x.fill_count) == (0, 0, 0)


def test_a_correction_upward_past_the_quantity_is_an_overfill() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.correct("C", "F", 130, 100_000)
    assert desk.anomalies() == ["OVERFILL"]
    assert overfill(desk.x) == 30


def test_a_correction_of_a_busted_fill_is_set_aside() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.bust("B", "F")
    desk.correct("C", "F", 20, 90_000)
    assert desk.anomalies() == ["DOUBLE_BUST"]
    assert desk.x.cum == 0


@pytest.mark.parametrize("date", [DAY, ""])
def test_a_bust_under_the_id_of_its_own_fill_counts_once(date: str) -> None:
    desk = live()
    desk.fill("F", 10)
    desk.bust("F", "F", trade_date=date)
    assert desk.bust("F", "F", trade_date=date) == []
    assert desk.x.cum == 0
    assert desk.fill("F", 10) == []


def test_a_bust_under_the_id_of_its_own_fill_may_come_first() -> None:
    desk = live()
    desk.bust("F", "F")
    assert desk.bust("F", "F") == []
    desk.fill("F", 10)
    assert (desk.x.cum, desk.x.fill_count) == (0, 0)
    assert desk.bust("F", "F") == []


def test_a_bust_of_another_day_does_not_take_the_id_of_that_days_fill() -> None:
    """A venue that counts its ids from 1 each day: today's bust 7 is not yesterday's fill 7."""
    desk = live()
    desk.fill("7", 10)
    desk.fill("8", 20)
    [bust] = desk.bust("7", "8", trade_date="2026-11-21")  # type: ignore[misc]
    assert (bust.root, bust.trade_date, bust.report_date) == ("8", DAY, "2026-11-21")
    assert desk.x.cum == 10
    assert held(desk, "7").standing is FillStanding.EFFECTIVE
    assert held(desk, "7", "2026-11-21").standing is FillStanding.ALIAS
    assert desk.bust("7", "8", trade_date="2026-11-21") == []


def test_a_bust_under_the_id_of_another_fill_is_a_conflict() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.fill("G", 20)
    desk.bust("G", "F")
    assert desk.anomalies() == ["EXEC_ID_CONFLICT"]
    assert desk.x.cum == 30


def test_a_fill_under_the_id_of_a_bust_is_a_conflict() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.bust("B", "F")
    desk.fill("B", 5)
    assert desk.anomalies() == ["EXEC_ID_CONFLICT"]
    assert desk.x.cum == 0


def test_a_bust_that_comes_first_takes_the_fill_out_in_the_turn_in_which_it_comes() -> None:
    """I-15."""
    early, late = live(), live()
    early.bust("B", "F", reinstated=False, reason="error")
    [fill, bust, *notes] = early.fill("F", 10, fee=3, fee_ccy="USD")  # type: ignore[misc]
    assert (type(fill), type(bust), notes) == (e.OrderFilled, e.FillBusted, [])
    assert (bust.known, bust.execution_id, bust.qty, bust.fee, bust.reason) == (True, "B", 10, 3, "error")
    late.fill("F", 10, fee=3, fee_ccy="USD")
    late.bust("B", "F", reinstated=False, reason="error")
    assert _content(early) == _content(late)
    assert early.anomalies() == ["BUST_BEFORE_FILL"]


def test_a_fill_that_was_busted_before_it_came_is_no_overfill() -> None:
    desk = live()
    desk.fill("F", 100)
    desk.bust("B", "G")
    desk.fill("G", 100)
    assert desk.anomalies() == ["BUST_BEFORE_FILL"]
    assert (desk.x.cum, phase(desk.x).name) == (100, "FULL")


def test_a_chain_of_corrections_may_come_backwards() -> None:
    """I-15: D corrects C corrects B corrects F, and F comes last."""
    backwards, forwards = live(), live()
    backwards.correct("D", "C", 40, 70_000)
    backwards.correct("C", "B", 30, 80_000)
    backwards.correct("B", "F", 20, 90_000)
    backwards.fill("F", 10)
    forwards.fill("F", 10)
    forwards.correct("B", "F", 20, 90_000)
    forwards.correct("C", "B", 30, 80_000)
    forwards.correct("D", "C", 40, 70_000)
    assert (forwards.x.cum, forwards.x.cum_cost) == (40, 2_800_000)
    assert _content(backwards) == _content(forwards)
    for desk in (backwards, forwards):
        assert desk.correct("C", "B", 30, 80_000) == []
        desk.bust("Z", "D")
        assert desk.x.cum == 0


def test_what_waits_for_a_correction_follows_it() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.correct("C", "B", 30, 80_000)
    [first, second] = desk.correct("B", "F", 20, 90_000)  # type: ignore[misc]
    assert (first.qty, second.qty, second.old_qty, second.root) == (20, 30, 20, "F")
    assert desk.x.cum == 30


def test_a_second_bust_of_a_fill_that_has_not_come_is_set_aside() -> None:
    desk = live()
    desk.bust("B", "F")
    desk.bust("C", "F")
    assert desk.anomalies() == ["BUST_BEFORE_FILL", "DOUBLE_BUST"]


def test_a_fill_that_waits_corrected_can_still_be_busted() -> None:
    desk = live()
    desk.correct("C", "F", 30, 80_000)
    desk.bust("B", "C")
    desk.fill("F", 10)
    assert desk.x.cum == 0
    assert held(desk, "F").standing is FillStanding.BUSTED


def test_a_bust_of_what_is_itself_a_bust_is_set_aside() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.bust("C", "B")
    desk.bust("B", "F")
    assert desk.anomalies() == ["BUST_BEFORE_FILL", "DOUBLE_BUST"]
    assert desk.x.cum == 0


def test_a_bust_without_an_order_finds_it_by_the_fill() -> None:
    desk = live()
    desk.fill("F", 10)
    [bust] = desk.bust("B", "F", order="")  # type: ignore[misc]
    assert (bust.order, bust.strategy_id) == ("X", "S1")
    assert desk.x.cum == 0


def test_a_bust_of_a_fill_without_an_order_stays_with_its_holder() -> None:
    desk = Desk()
    desk.fill("F", 10, order="Q")
    [bust] = desk.bust("B", "F", order="")  # type: ignore[misc]
    assert (bust.order, bust.strategy_id, bust.known, bust.qty) == ("", "_UNALLOCATED", True, 10)


@pytest.mark.parametrize(
    ("filled", "busted", "after"),
    [((40,), 0, (60, 0)), ((60, 60), 0, (60, 60)), ((100, 20), 0, (20, 20)), ((100, 20), 1, (100, 100))],
)
def test_a_bust_that_gives_nothing_back_leaves_what_could_still_trade(
    filled: tuple[int, ...], busted: int, after: tuple[int, int]
) -> None:
    desk = live()
    for number, qty in enumerate(filled):
        desk.fill(f"F{number}", qty)
    desk.bust("B", f"F{busted}", reinstated=False)
    assert (desk.x.qty, desk.x.cum) == after


@pytest.mark.parametrize("qty", [0, -5])
def test_a_fill_of_nothing_fits_no_state(qty: int) -> None:
    desk = live()
    before = desk.x
    assert isinstance(desk.fill("F", qty), Unfit)
    assert isinstance(desk.correct("C", "F", -1, 1), Unfit)
    assert isinstance(desk.report(f.ReportReduced, -1), Unfit)
    assert desk.x == before


def test_a_venue_that_counts_more_than_we_do_shows_that_we_miss_a_fill() -> None:
    desk = live()
    desk.fill("F", 10, venue_cum=10)
    assert not desk.x.needs_recon
    desk.fill("G", 10, venue_cum=50)
    assert desk.anomalies() == ["CUM_MISMATCH"]
    assert desk.x.needs_recon
    desk.report(f.ReportCanceled, venue_cum=60)
    desk.report(f.ReportCanceled, venue_cum=60)
    assert desk.anomalies() == ["CUM_MISMATCH", "UNSOLICITED_CANCEL", "CUM_MISMATCH", "CUM_MISMATCH"]


def test_a_part_of_a_fill_or_kill_is_applied_and_recorded() -> None:
    desk = Desk()
    desk.submit(time_in_force=TimeInForce.FOK)
    desk.report(f.ReportAccepted, "V1")
    desk.fill("F", 40)
    assert desk.anomalies() == ["FOK_PARTIAL"]
    assert desk.x.cum == 40


def test_every_anomaly_beside_an_event_names_its_seq() -> None:
    desk = live()
    desk.fill("F", 100)
    seq = len(desk.journal) + 1
    desk.fill("G", 10, venue_cum=500)
    notes = [it for it in desk.journal[seq:] if type(it) is e.AnomalyRecorded]
    assert [(it.kind, it.ref_seq, it.order_id) for it in notes] == [
        ("OVERFILL", seq, 1),
        ("CUM_MISMATCH", seq, 1),
    ]


def test_the_keys_that_a_report_needs_are_those_that_its_event_changes() -> None:
    desk = live()
    report = f.ReportTradeCancel("gw1", 1, 9, "AAPL", "NASDAQ", "X", "B", "F", DAY, trade_date="2026-11-21")
    assert fill_keys(report, "A1") == (
        ("NASDAQ", "A1", "AAPL", "2026-11-21", "B"),
        ("NASDAQ", "A1", "AAPL", DAY, "F"),
    )
    [event, _] = desk.tell(report)  # type: ignore[misc]
    assert set(event_keys(event)) == set(fill_keys(report, "A1"))


def test_a_cost_beyond_64_bits_survives_its_stored_form() -> None:
    desk = live(qty=2**62)
    desk.fill("F", 2**62, 2**62, fee=2**62, fee_ccy="USD")
    desk.fill("G", 1, 2**62, fee=2**62, fee_ccy="USD")
    desk.cancel("C")
    stored = canonical(desk.x)
    assert str((2**62 + 1) * 2**62) in stored
    import msgspec

    assert from_canonical(msgspec.msgpack.decode(msgspec.msgpack.encode(stored))) == desk.x


def _content(desk: Desk) -> tuple[object, ...]:
    """The order without the place of its last event."""
    return canonical(desk.x)[:-2]


def test_a_correction_under_the_id_of_its_own_fill_counts_once_and_another_is_a_conflict() -> None:
    desk = live()
    desk.fill("F", 10)
    desk.correct("F", "F", 20, 90_000)
    assert desk.correct("F", "F", 20, 90_000) == []
    desk.correct("F", "F", 30, 90_000)
    assert desk.anomalies() == ["EXEC_ID_CONFLICT"]
    assert desk.x.cum == 20
    desk.bust("F", "F")
    assert desk.bust("F", "F") == []
    assert desk.x.cum == 0


def test_a_bust_under_the_fills_id_may_refer_to_its_correction() -> None:
    for first in ("fill", "bust"):
        desk = live()
        desk.correct("C", "F", 20, 90_000)
        for what in ("fill", "bust") if first == "fill" else ("bust", "fill"):
            if what == "fill":
                desk.fill("F", 10)
            else:
                desk.bust("F", "C")
        assert desk.x.cum == 0
        assert desk.bust("F", "C") == []


def test_what_an_anomaly_says_has_decimal_text_at_the_scales_of_its_instrument() -> None:
    """CONTRACT: prices and quantities are decimal text everywhere a person sees them, also inside a sentence."""
    fine = msgspec.structs.replace(AAPL, qty_scale=8)
    said = ("BUY", "", 150_000_000, 100_500, 2_000_000, "USD")
    context = Context(now_ns=NOW, instrument=fine)
    assert content_text(said, context) == "BUY 1.5 at 10.05, fee 0.02 USD"
    assert context.qty_text(-1) == "-0.00000001"
