"""The causal chain of an order and of a position, read from the journal alone."""

from __future__ import annotations

import pytest

from ledger.domain import commands as c
from ledger.domain import facts as f
from ledger.domain.enums import AdjustReason
from ledger.engine.why import why_order, why_position
from ledger.errors import Rejected
from operations_engine import TODAY, desk


def types(reasons) -> list[str]:
    return [reason.event["type"] for reason in reasons]


async def test_why_order_tells_every_record_of_it_and_of_no_other(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        submitted = await it.order("c1")
        await it.order("c2")
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.say(f.ReportAccepted, "c2", "v2")
        await it.fill("c1", "x1", 40, 100_000)
        await it.tell(c.ReplaceOrder(it.id(), "AAPL", "r1", "c1", qty=120))
        await it.say(f.ReportReplaced, "c1", "r1")
        await it.tell(c.CancelOrder(it.id(), "AAPL", "q1", "r1"))
        await it.tell(c.CancelOrder(it.id(), "AAPL", "q2", "r1"))  # refused: one is on its way
        await it.fill("c2", "x2", 40, 100_000)
        await it.say(f.ReportTradeCancel, "", "b1", "x1", TODAY, account="ACC")
        await it.say(f.ReportCanceled, "r1", request_id="q1")
        await it.fill("r1", "x3", 5, 100_000)
    told = list(why_order(tmp_path, 0, "r1", "AAPL"))
    assert types(told) == [
        "OrderSubmitted",
        "OrderAccepted",
        "OrderFilled",
        "ReplaceRequested",
        "OrderReplaced",
        "CancelRequested",
        "CommandRejected",
        "FillBusted",
        "OrderCanceled",
        "OrderFilled",
        "AnomalyRecorded",
    ]
    assert told[2].changed["cum_qty"] == ("0", "40")
    assert told[4].changed["current_client_order_id"] == ("c1", "r1")
    assert told[7].changed["cum_qty"] == ("40", "0")
    assert told[8].changed["status"] == ("PENDING_CANCEL", "CANCELED")
    assert told[0].place == f"trading/0:{submitted.seq}"
    assert told[0].event["actor"] == "olga"
    assert types(why_order(tmp_path, 0, f"0-{submitted.seq}")) == types(told)


async def test_why_order_tells_the_timers_that_concluded_something(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.at(mock_clock, 6)
    told = list(why_order(tmp_path, 0, "c1", "AAPL"))
    assert types(told) == ["OrderSubmitted", "TimerFired", "OrderUnconfirmed"]
    assert told[2].changed["unconfirmed"] == (False, True)
    assert [each.flags for each in told] == [[], ["SYNTHETIC"], ["SYNTHETIC"]]


async def test_why_order_flags_what_is_wrong_made_by_us_or_found_by_comparing(tmp_path, mock_clock) -> None:
    """DOMAIN 1.2: an anomaly attached, synthetic, reconciliation."""
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.fill("c1", "x1", 5, 100_000, venue_cum=9)
        await it.fill("c1", "x2", 4, 100_000, venue_cum=9)
        await it.say(f.ReportStatus, "c1", True, 9)
    told = [(each.event["type"], each.flags) for each in why_order(tmp_path, 0, "c1", "AAPL")]
    assert told == [
        ("OrderSubmitted", []),
        ("OrderAccepted", []),
        ("OrderFilled", ["ANOMALY"]),
        ("AnomalyRecorded", ["RECONCILIATION"]),
        ("OrderStatusRequested", ["SYNTHETIC", "RECONCILIATION"]),
        ("OrderFilled", []),
        ("OrderStatusAnswered", ["RECONCILIATION"]),
    ]


async def test_why_position_tells_what_makes_its_numbers(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 40, 100_000)
        await it.adjust(AdjustReason.CORP_ACTION, dqty=40, ref="2 for 1")
        await it.transfer("S1", "S2", 10, 60_000)
        await it.say(f.ReportTradeCorrect, "c1", "k1", "x1", TODAY, 50, 100_000)
        qty = it.position("S1").qty
    told = list(why_position(tmp_path, 0, "S1", "AAPL"))
    assert types(told) == [
        "OrderFilled",
        "AnomalyRecorded",
        "PositionAdjusted",
        "PositionTransferred",
        "FillCorrected",
        "PositionRestated",
    ]
    assert told[2].event["ref"] == "2 for 1"
    assert [told[index].changed["qty"][1] for index in (0, 2, 3, 5)] == ["40", "80", "70", str(qty)]
    assert types(why_position(tmp_path, 0, "S2", "AAPL")) == ["PositionTransferred"]


async def test_what_does_not_exist_is_refused_with_what_to_type(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
    with pytest.raises(Rejected, match="show orders"):
        list(why_order(tmp_path, 0, "c9", "AAPL"))
    with pytest.raises(Rejected, match="--symbol"):
        list(why_order(tmp_path, 0, "c9"))
    with pytest.raises(Rejected, match="show positions"):
        list(why_position(tmp_path, 0, "S1", "AAPL"))
