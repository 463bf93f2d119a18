"""Flags and numbers of orders, executions and books that nobody shows by itself, but everybody relies on."""

from __future__ import annotations

import pytest

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.enums import CancelReason, FillStanding, OrderType, Side, TimeInForce
from ledger.testing.made_market import Feed, delta, quote, snapshot, trade
from ledger.testing.order_desk import DAY, NOW, Desk

_TERMS = (Side.SELL, OrderType.LIMIT, 7, 100_000)


def accepted(**terms: object) -> Desk:
    desk = Desk()
    desk.submit(**terms)  # type: ignore[arg-type]
    desk.report(f.ReportAccepted, "V1")
    return desk


def test_a_new_order_carries_no_flag() -> None:
    desk = Desk()
    desk.submit()
    for state, adopted in ((desk.x, False), (_adopted(), True)):
        assert (state.dfd, state.suspended, state.triggered) == (False, False, False)
        assert (state.unconfirmed, state.needs_recon, state.requests) == (False, False, ())
        assert (state.cum, state.cum_cost, state.fill_count, state.fees) == (0, 0, 0, ())
        assert (state.acked, state.terms.adopted) == (adopted, adopted)


def _adopted():
    desk = Desk()
    desk.report(f.ReportAccepted, "V9", NOW, None, *_TERMS, account="A1", order="Z")
    state = desk.orders["Z"]
    assert (state.terms.side, state.qty, state.px) == (Side.SELL, 7, 100_000)
    assert (state.terms.post_only, state.terms.reduce_only, state.terms.display_qty) == (False, False, 0)
    return state


def test_the_anomaly_of_an_adopted_order_stands_beside_its_adoption() -> None:
    desk = Desk()
    desk.report(f.ReportAccepted, "V9", NOW, None, *_TERMS, account="A1", order="Z")
    adopted, anomaly = desk.journal
    assert type(adopted) is e.OrderAdopted
    assert anomaly.ref_seq == 1
    desk.report(f.ReportExpired, order="nobody")
    assert desk.journal[-1].ref_seq == 0


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY])
@pytest.mark.parametrize("reason", [CancelReason.IOC_REMAINDER, CancelReason.FOK_KILL])
def test_only_an_ioc_or_fok_has_asked_for_its_remainder_to_be_canceled(
    tif: TimeInForce, reason: CancelReason
) -> None:
    desk = accepted(time_in_force=tif)
    desk.report(f.ReportCanceled, False, "", reason)
    natural = (tif, reason) in (
        (TimeInForce.IOC, CancelReason.IOC_REMAINDER),
        (TimeInForce.FOK, CancelReason.FOK_KILL),
    )
    assert desk.anomalies() == ([] if natural else ["UNSOLICITED_CANCEL"])


@pytest.mark.parametrize("kind", [f.ReportAccepted, f.ReportReplaced, f.ReportCanceled, f.ReportExpired])
@pytest.mark.parametrize(("theirs", "missed"), [(None, False), (3, False), (4, False), (5, True)])
def test_a_report_that_counts_more_than_we_do_asks_for_the_fill_that_we_miss(
    kind: type, theirs: int | None, missed: bool
) -> None:
    desk = accepted()
    desk.fill("F", 4)
    fields = {f.ReportReplaced: {"qty": 90}, f.ReportAccepted: {"venue_order_id": "V2"}}.get(kind, {})
    desk.report(kind, venue_cum=theirs, **fields)
    assert desk.x.needs_recon is missed
    assert ("CUM_MISMATCH" in desk.anomalies()) is missed
    desk.fill("G", 1)
    assert desk.x.needs_recon is missed, "only an answer of the venue ends it"


def test_a_fill_that_counts_more_than_we_do_asks_too() -> None:
    desk = accepted()
    desk.fill("F", 4, venue_cum=4)
    assert not desk.x.needs_recon
    desk.fill("G", 4, venue_cum=9)
    assert desk.x.needs_recon


def test_what_is_said_of_a_fill_that_has_not_come_has_no_terms_of_it() -> None:
    desk = accepted()
    [busted, _] = desk.bust("B", "F")  # type: ignore[misc]
    assert (busted.known, busted.qty, busted.px, busted.fee, busted.fee_ccy) == (False, 0, 0, 0, "")
    [corrected, _] = desk.correct("C", "G", 5, 90_000)  # type: ignore[misc]
    assert (corrected.known, corrected.qty, corrected.px) == (False, 5, 90_000)
    assert (corrected.old_qty, corrected.old_px, corrected.old_fee, corrected.old_fee_ccy) == (0, 0, 0, "")
    for name in ("F", "G"):
        waiting = desk.fills["NASDAQ", "A1", "AAPL", DAY, name]
        assert (waiting.fill_id, waiting.recorded_at_ns) == (0, 0)


def test_only_a_bust_says_whether_its_quantity_is_given_back() -> None:
    desk = accepted()
    desk.fill("F", 10)
    desk.correct("C", "F", 20, 90_000)
    key = ("NASDAQ", "A1", "AAPL", DAY)
    root, alias = desk.fills[*key, "F"], desk.fills[*key, "C"]
    assert (root.reinstated, alias.reinstated, alias.standing) == (False, False, FillStanding.ALIAS)
    assert (alias.fill_id, alias.recorded_at_ns, alias.reported_by, alias.refers_to) == (0, 0, "", "")
    desk.bust("B", "C", reinstated=True)
    assert desk.fills[*key, "F"].reinstated


def test_a_book_counts_what_came_from_the_first_event_on() -> None:
    feed = Feed(quote(9_900, 10_100))
    counts = feed.live.statistics
    names = ("snapshots", "deltas", "buffered", "stale", "trades", "quotes", "clock_regressions")

    def counted() -> tuple[int, ...]:
        return tuple(getattr(counts, name) for name in names)

    assert counted() == (0, 0, 0, 0, 0, 1, 0)
    for fact in (
        trade(10_000),
        snapshot(5, [(9_900, 1)], [(10_100, 1)]),
        delta(6, 6),
        delta(8, 8),
        delta(9, 9),
    ):
        feed.take(fact)
    assert counted() == (1, 1, 2, 1, 1, 1, 0)
    feed.take(delta(10, 10, [(9_900, -1)]))
    assert counted() == (1, 1, 3, 1, 1, 1, 0), "a book becomes stale once"
