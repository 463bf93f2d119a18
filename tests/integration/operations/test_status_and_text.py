"""Order status as the venue shows it, and operators' commands as the JSON that a person sends."""

from __future__ import annotations

import uuid

import msgspec

from ledger.domain import facts as f
from ledger.domain.calendars import start_of
from ledger.wire import Committed, decode_batch
from operations_engine import TODAY, desk


async def test_a_status_that_agrees_says_nothing(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.say(f.ReportAccepted, "c1", "v1")
        before = it.names()
        await it.say(f.ReportStatus, "c1", True, 0)
        assert it.names() == before


async def test_a_status_that_differs_names_what_is_missing_and_changes_nothing(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        before = it.fold.orders.get(("AAPL", "c1"))
        await it.say(f.ReportStatus, "c1", False, 40)
        after = it.fold.orders.get(("AAPL", "c1"))
        mismatch, counted, request = it.journal()[-3:]
        asked = {"needs_recon": True, "ts_updated": after.ts_updated, "version": after.version}
        assert after == msgspec.structs.replace(before, **asked)
        assert (type(request).__name__, request.reason, request.venue_cum) == (
            "OrderStatusRequested",
            "ORDER_STATE_MISMATCH",
            40,
        )
        assert mismatch.source, "its number is known as taken"
        assert (mismatch.kind, counted.kind) == ("ORDER_STATE_MISMATCH", "CUM_MISMATCH")
        assert "fills of 40 are missing" in mismatch.detail
        assert "the report of its end is missing" in mismatch.detail


async def test_every_operators_command_can_be_sent_as_text(tmp_path, mock_clock) -> None:
    midnight = start_of(TODAY)
    assert midnight is not None
    said = [
        {"type": "DefineCalendar", "calendar": "X", "sessions": [[TODAY, midnight, midnight + 10**15]]},
        {"type": "SetSettlementPrice", "symbol": "AAPL", "trade_date": TODAY, "px": "10.5"},
        {
            "type": "AdjustPosition",
            "strategy_id": "S1",
            "symbol": "AAPL",
            "reason": "OPENING_BALANCE",
            "approver": "bob",
            "dqty": "10",
            "dcost": "100.5",
            "dcash": "-100.5",
        },
        {
            "type": "TransferPosition",
            "from_strategy": "S1",
            "to_strategy": "S2",
            "symbol": "AAPL",
            "qty": "4",
            "px": "10.05",
            "reason": "allocation",
        },
        {"type": "RollTradingDay", "trade_date": TODAY},
        {"type": "OpenSession", "session_id": "s1", "user_id": "ann"},
        {"type": "TouchSession", "session_id": "s1"},
        {"type": "CloseSession", "session_id": "s1"},
        {"type": "ConfirmRecovery", "reason": "compared"},
    ]
    async with desk(tmp_path) as it:
        await it.define()
        texts = [{"command_id": str(uuid.UUID(bytes=it.id())), **each} for each in said]
        batch = decode_batch(msgspec.json.encode(texts), "commands", batch_max=100)
        answers = await it.ask("commands", *batch.inputs)
        assert [type(answer) for answer in answers] == [Committed] * len(said), answers
        assert (it.position("S1").qty, it.position("S2").qty) == (6, 4)
        assert it.position("S2").cost == 4 * 100_500
        # A conflated touch leaves nothing in the journal, so it is decided afresh; codes 1 to 9 stand apart in I-10.
        kept = [each for each in batch.inputs if each.kind.__name__ != "TouchSession"]
        again = await it.ask("commands", *kept)
        assert [(type(answer), answer.repeated) for answer in again] == [(Committed, True)] * len(kept)
