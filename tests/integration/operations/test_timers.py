"""What follows when nothing comes, on a clock that the test moves; every replay of it reads no clock."""

from __future__ import annotations

from ledger.domain import commands as c
from ledger.domain import facts as f
from ledger.domain.context import OrderRules
from ledger.domain.enums import OrderStatus, TimeInForce
from ledger.domain.order_state import status
from ledger.domain.timers import TimeRules
from operations_engine import START_NS, S, desk, settings

NINE_HOURS = 9 * 3600
"""From 15:00 to midnight UTC."""


def state_of(it, name: str = "c1"):
    return it.fold.orders.get(("AAPL", name))


async def test_an_order_without_an_answer_becomes_unconfirmed_and_stays_pending(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.at(mock_clock, 4.9)
        assert "OrderUnconfirmed" not in it.names()
        await it.at(mock_clock, 0.2)
        assert it.names()[-2:] == ["TimerFired", "OrderUnconfirmed"]
        assert state_of(it).unconfirmed
        assert status(state_of(it)) is OrderStatus.PENDING_NEW
        assert (await it.rows("order", symbol="AAPL", client_order_id="c1"))[0]["unconfirmed"]


async def test_a_late_acknowledgement_confirms_it(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.at(mock_clock, 6)
        await it.say(f.ReportAccepted, "c1", "v1")
        assert not state_of(it).unconfirmed
        assert status(state_of(it)) is OrderStatus.NEW


async def test_an_acknowledged_order_is_never_unconfirmed(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.at(mock_clock, 60)
        assert "TimerFired" not in it.names()


async def test_a_day_order_expires_here_after_the_close_and_its_grace(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.at(mock_clock, NINE_HOURS + 59)
        assert status(state_of(it)) is OrderStatus.NEW
        await it.at(mock_clock, 2)
        assert status(state_of(it)) is OrderStatus.EXPIRED
        assert it.names()[-3:] == ["TimerFired", "OrderExpired", "AnomalyRecorded"]
        assert it.journal()[-1].kind == "TIF_LOCAL_EXPIRY"


async def test_a_late_fill_of_an_order_expired_here_still_counts(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.at(mock_clock, NINE_HOURS + 61)
        await it.fill("c1", "x1", 40, 100_000)
        assert it.position().qty == 40
        assert state_of(it).cum == 40
        assert it.journal()[-1].kind == "LATE_FILL"


async def test_an_order_of_the_next_day_does_not_expire_with_the_last(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.at(mock_clock, NINE_HOURS + 30)
        await it.order("c2")
        await it.at(mock_clock, 31)
        assert status(state_of(it, "c1")) is OrderStatus.EXPIRED
        assert status(state_of(it, "c2")) is OrderStatus.PENDING_NEW
        await it.at(mock_clock, 86_400)
        assert status(state_of(it, "c2")) is OrderStatus.EXPIRED


async def test_a_gtd_order_expires_here_at_its_own_time_and_grace(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1", time_in_force=TimeInForce.GTD, expire_ts=START_NS + 600 * S)
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.at(mock_clock, 659)
        assert status(state_of(it)) is OrderStatus.NEW
        await it.at(mock_clock, 2)
        assert status(state_of(it)) is OrderStatus.EXPIRED


async def test_an_order_replaced_to_gtc_does_not_expire(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1", time_in_force=TimeInForce.GTD, expire_ts=START_NS + 600 * S)
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.tell(c.ReplaceOrder(it.id(), "AAPL", "r1", "c1", time_in_force=TimeInForce.GTC))
        await it.say(f.ReportReplaced, "c1", "r1")
        await it.at(mock_clock, 3 * 86_400)
        assert status(state_of(it)) is OrderStatus.NEW


async def test_an_ioc_without_an_outcome_is_stuck_once_and_asked_about_once(tmp_path, mock_clock) -> None:
    with_rules = settings(TimeRules(ioc_timeout_ns=2 * S))
    async with desk(tmp_path, with_rules) as it:
        await it.define()
        await it.order("c1", time_in_force=TimeInForce.IOC)
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.at(mock_clock, 3)
        assert [each.kind for each in it.journal() if hasattr(each, "severity")] == ["IOC_STUCK"]
        assert status(state_of(it)) is OrderStatus.NEW
        assert state_of(it).needs_recon
        assert it.names()[-1] == "OrderStatusRequested"
    async with desk(tmp_path, with_rules, run=2) as it:
        await it.at(mock_clock, 30)
        assert it.names().count("AnomalyRecorded") == 1
        assert it.names().count("OrderStatusRequested") == 1, "no start asks again"
        await it.say(f.ReportFill, "c1", "x1", "2026-11-20", c.Side.BUY, 5, 1_000_000, venue_cum=9)
        assert it.names().count("OrderStatusRequested") == 1, "one question is open, and covers this"
        await it.say(f.ReportStatus, "c1", True, 5)
        assert it.names()[-1] == "OrderStatusAnswered"
        assert not state_of(it).needs_recon


async def test_an_old_gtc_order_raises_one_alert_and_lives(tmp_path, mock_clock) -> None:
    async with desk(tmp_path, settings(TimeRules(gtc_max_days=2))) as it:
        await it.define()
        await it.order("c1", time_in_force=TimeInForce.GTC)
        await it.say(f.ReportAccepted, "c1", "v1")
        for _ in range(4):
            await it.at(mock_clock, 86_400)
        assert [each.kind for each in it.journal() if hasattr(each, "severity")] == ["GTC_OLD"]
        assert status(state_of(it)) is OrderStatus.NEW


async def test_a_restart_waits_again_before_it_concludes_from_silence(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
    mock_clock.jump(3600)
    async with desk(tmp_path, run=2) as it:
        await it.at(mock_clock, 4)
        assert "OrderUnconfirmed" not in it.names()
        await it.at(mock_clock, 2)
        assert it.names().count("OrderUnconfirmed") == 1


async def test_an_order_that_passed_its_close_while_the_ledger_was_down_expires(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.say(f.ReportAccepted, "c1", "v1")
    mock_clock.jump(86_400)
    async with desk(tmp_path, run=2) as it:
        await it.at(mock_clock, 59)
        assert status(state_of(it)) is OrderStatus.NEW
        await it.at(mock_clock, 2)
        assert status(state_of(it)) is OrderStatus.EXPIRED


async def test_no_firing_is_lost_when_the_queue_is_full(tmp_path, mock_clock) -> None:
    import msgspec

    small = msgspec.structs.replace(settings(), queue_max=8, queue_reserved=1)
    assert small.rules == OrderRules()
    async with desk(tmp_path, small) as it:
        await it.define()
        for number in range(20):
            await it.order(f"c{number}")
        for _ in range(10):
            await it.at(mock_clock, 6)
        assert it.names().count("OrderUnconfirmed") == 20
