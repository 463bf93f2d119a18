"""Reports that name no symbol find the one order that they can mean, or are kept for an operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.domain.commands import CancelOrder
from ledger.domain.enums import CancelRejectReason
from ledger.domain.events import CancelRejected, FactSuspended, OrderAccepted
from ledger.domain.facts import ReportCancelRejected
from ledger.wire import FactCommitted, decode_batch
from running_engine import Running, accepted, journaled, replayed, running


def rejected(seq: int, name: str, exchange: str = "XNAS") -> ReportCancelRejected:
    return ReportCancelRejected("gw", 1, seq, "", exchange, name, "x", CancelRejectReason.TOO_LATE)


def as_text(fact: Any) -> Any:
    """The same as JSON."""
    fields = (
        '{"type":"ReportCancelRejected","source":"%s","source_epoch":1,"source_seq":%d,"symbol":"","exchange":"%s",'
        '"client_order_id":"%s","request_id":"x","reason_code":"TOO_LATE"}'
    )
    text = fields % (fact.source, fact.source_seq, fact.exchange, fact.client_order_id)
    return decode_batch(text.encode(), "reports", batch_max=1).inputs[0]


async def given(one: Running, *symbols: str) -> None:
    """An order a of each symbol, and a cancel x of the first."""
    await one.define("AAPL", "MSFT")
    for symbol in symbols:
        await one.ask("commands", one.order("a", symbol=symbol))
    await one.ask("commands", CancelOrder(one.new_id(), symbols[0], "x", "a"))


@pytest.mark.parametrize("form", [lambda fact: fact, as_text], ids=["msgpack", "json"])
async def test_a_cancel_reject_without_a_symbol_clears_the_request_of_its_order(tmp_path: Path, form) -> None:
    async with running(tmp_path) as one:
        await given(one, "MSFT")
        await one.ask("reports", accepted(1, "a", "MSFT"))
        (answer,) = await one.ask("reports", form(rejected(2, "a")))
        assert type(answer) is FactCommitted
        (row,) = await one.rows("order", symbol="MSFT", client_order_id="a")
        assert (row["status"], row["needs_recon"]) == ("NEW", True)
        live = one.digests()
    (event,) = [event for _, event in journaled(tmp_path) if type(event) is CancelRejected]
    assert (event.symbol, event.order, event.source_seq) == ("MSFT", "a", 2)
    assert replayed(tmp_path) == live


@pytest.mark.parametrize("form", [lambda fact: fact, as_text], ids=["msgpack", "json"])
@pytest.mark.parametrize(("name", "many"), [("a", "2 orders"), ("nobody", "no order")])
async def test_what_several_orders_or_none_can_be_meant_by_is_kept(tmp_path: Path, form, name, many) -> None:
    async with running(tmp_path) as one:
        await given(one, "AAPL", "MSFT")
        (answer,) = await one.ask("reports", form(rejected(1, name)))
        assert type(answer) is FactCommitted
        (case,) = await one.rows("anomalies", kind="FACT_SUSPENDED")
        assert case["open"] is True
    (event,) = [event for _, event in journaled(tmp_path) if type(event) is FactSuspended]
    assert many in event.reason
    assert event.raw


async def test_the_venue_s_own_id_is_enough(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await given(one, "MSFT")
        await one.ask("reports", accepted(1, "a", "MSFT", venue_order_id="v7"))
        (answer,) = await one.ask("reports", accepted(2, "", "", venue_order_id="v7", venue_cum=5))
        assert type(answer) is FactCommitted
        (anomaly,) = await one.rows("anomalies", kind="CUM_MISMATCH")
        assert anomaly["symbol"] == "MSFT"
    accepts = [event for _, event in journaled(tmp_path) if type(event) is OrderAccepted]
    assert {event.symbol for event in accepts} == {"MSFT"}


async def test_an_order_of_another_venue_is_not_meant(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await given(one, "MSFT")
        await one.ask("reports", rejected(1, "a", exchange="XLON"))
    assert any(type(event) is FactSuspended for _, event in journaled(tmp_path))
