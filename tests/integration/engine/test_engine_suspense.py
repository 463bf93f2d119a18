"""Facts that do not fit are kept whole and decided again, in their order, once their symbol is defined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from ledger.domain.codes import Code
from ledger.domain.commands import DefineInstrument
from ledger.domain.facts import BookDelta, BookSnapshot, Quote
from ledger.wire import FactCommitted, Refused, decode_batch
from running_engine import SETTINGS, accepted, fill, journaled, names, running


def text(door: str, **fields: Any) -> Any:
    """A fact as it comes through the door as JSON."""
    return decode_batch(json.dumps(fields).encode(), door, batch_max=1).inputs[0]


def fill_text(seq: int, qty: str, px: str, symbol: str = "AAPL", **more: Any) -> Any:
    fields = {
        "execution_id": f"x{seq}",
        "trade_date": "2025-11-20",
        "side": "BUY",
        "qty": qty,
        "px": px,
        **more,
    }
    head = {"type": "ReportFill", "source": "gw", "source_epoch": 1, "source_seq": seq}
    return text("reports", **head, symbol=symbol, exchange="XNAS", client_order_id="c1", **fields)


async def suspended(one, journal: str = "trading") -> list[int]:
    fold = one.engine.partition.trading if journal == "trading" else one.engine.partition.market
    return [seq for seq, event in fold.facts.suspended.states.items() if event is not False]


async def test_reports_of_an_unknown_symbol_wait_and_are_decided_in_their_order(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define()
        answers = await one.ask(
            "reports",
            accepted(1, "c1", "LATE", side=1, order_type=2, qty=100, px=5, time_in_force=0, account="ACC"),
            fill(2, "c1", 40, symbol="LATE"),
            fill(3, "c1", 20, symbol="LATE"),
        )
        assert [type(answer) for answer in answers] == [FactCommitted] * 3
        assert len(await suspended(one)) == 3
        await one.define("LATE")
        assert await suspended(one) == []
        (order,) = await one.rows("orders")
        assert (order["strategy_id"], order["cum_qty"], order["fills"]) == ("_EXTERNAL", "60", 2)
        await one.settle()
        events = [event for _seq, event in journaled(tmp_path)]
        told = [type(event).__name__ for event in events]
        first = told.index("FactResumed")
        assert [name for name in told[first:] if name in ("FactResumed", "OrderAdopted", "OrderFilled")] == [
            "FactResumed",
            "OrderAdopted",
            "FactResumed",
            "OrderFilled",
            "FactResumed",
            "OrderFilled",
        ]
        assert [event.source_seq for event in events if type(event).__name__ == "OrderFilled"] == [2, 3]


async def test_market_data_of_an_unknown_symbol_waits_and_makes_the_book(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define()
        await one.ask(
            "market",
            BookSnapshot("f", 1, 1, "LATE", "XNAS", 10, ((100, 5),), ((102, 7),)),
            BookDelta("f", 1, 2, "LATE", "XNAS", 11, 11, ((101, 9),), ()),
        )
        assert len(await suspended(one, "market")) == 2
        await one.define("LATE")
        (book,) = await one.rows("book", symbol="LATE")
        assert (book["best_bid"], book["last_update"]) == (["0.0101", "9"], 11)
        await one.settle()
        assert names(tmp_path, "market")[-5:] == [
            "InstrumentDefined",
            "FactResumed",
            "BookSnapshotApplied",
            "FactResumed",
            "BookDeltaApplied",
        ]


async def test_a_text_of_an_unknown_symbol_means_what_its_later_scales_say(tmp_path: Path) -> None:
    """10 at scale 4 is 100000; it was never read at a scale that nobody had given."""
    async with running(tmp_path) as one:
        await one.define()
        await one.ask("reports", fill_text(1, "40", "10", "LATE"))
        await one.define("LATE")
        (row,) = await one.rows("fills")
        assert (row["qty"], row["px"]) == ("40", "10")
        assert next(iter(one.engine.partition.trading.fills.states.values())).px == 100_000


async def test_a_number_with_more_digits_than_the_scale_is_kept_never_rounded(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        answers = await one.ask(
            "reports",
            fill_text(1, "40", "10.00001"),
            fill_text(2, "0.5", "10"),
            fill_text(3, "1", "10", fee="0.123456789", fee_ccy="USD"),
        )
        assert [type(answer) for answer in answers] == [FactCommitted] * 3
        assert await one.rows("fills") == []
        reasons = [row["detail"] for row in await one.rows("anomalies", kind="FACT_SUSPENDED")]
        assert len(reasons) == 3
        assert "10.00001 has more than 4 digits" in reasons[0]
        await one.ask("commands", DefineInstrument(one.new_id(), "AAPL", "XNAS", 4, 0, 100, 1))
        assert len(await suspended(one)) == 3


async def test_levels_with_more_digits_than_the_scale_are_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        head = {"type": "BookSnapshot", "source": "f", "source_epoch": 1, "source_seq": 1, "symbol": "AAPL"}
        (answer,) = await one.ask(
            "market",
            text("market", **head, exchange="XNAS", last_update=1, bids=[["10.00001", "1"]], asks=[]),
        )
        assert type(answer) is FactCommitted
        assert len(await suspended(one, "market")) == 1


async def test_what_is_no_number_or_no_name_is_malformed_whether_or_not_the_symbol_is_known(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        before = one.digests()
        for symbol in ("AAPL", "NONE"):
            answers = await one.ask(
                "reports", fill_text(1, "40", "ten", symbol), fill_text(1, "40", "10", symbol, side="BOTH")
            )
            assert [(type(answer), answer.code) for answer in answers] == [(Refused, Code.MALFORMED)] * 2
        assert one.digests() == before


async def test_a_suspended_fact_waits_over_a_crash(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define()
        await one.ask("reports", fill(1, "c1", 40, symbol="LATE", account="ACC"))
        clock, new_id = one.clock, one.new_id
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        assert (await one.ask("reports", fill(1, "c1", 40, symbol="LATE", account="ACC")))[0].repeated
        await one.define("LATE")
        assert [row["qty"] for row in await one.rows("positions")] == ["40"]


async def test_a_definition_that_a_crash_parted_from_its_facts_resumes_them_at_the_start(
    tmp_path: Path,
) -> None:
    settings = msgspec.structs.replace(SETTINGS, market_sync_s=0.0005)
    async with running(tmp_path, settings=settings) as one:
        await one.define()
        await one.ask("market", Quote("f", 1, 1, "LATE", "XNAS", 1, 2, 3, 4))
        await one.settle()
        clock, new_id = one.clock, one.new_id
        from ledger.journal import StorageError

        # The market journal fails at its first frame after the definition; trading has it.
        one.commits["market"].fail_with = StorageError("no more", "none")
        await one.ask("commands", DefineInstrument(new_id(), "LATE", "XNAS"))
        await one.engine.wait_failed()
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        await one.settle()
        assert await suspended(one, "market") == []
        (book,) = await one.rows("book", symbol="LATE")
        assert book["last_quote"]["bid"] == ["0.0001", "2"]


async def test_facts_that_come_while_others_of_their_symbol_wait_are_decided_behind_them(
    tmp_path: Path,
) -> None:
    settings = msgspec.structs.replace(SETTINGS, turns_max=4)
    async with running(tmp_path, settings=settings) as one:
        await one.define()
        await one.ask("reports", *(fill(seq, "c1", 1, symbol="LATE", account="ACC") for seq in range(1, 31)))
        define = DefineInstrument(one.new_id(), "LATE", "XNAS")
        one.send("commands", [define], lambda _got: None)
        one.send(
            "reports",
            [fill(seq, "c1", 1, symbol="LATE", account="ACC") for seq in range(31, 41)],
            lambda _got: None,
        )
        await one.settle()
        await one.settle()
        filled = [
            event.source_seq for _seq, event in journaled(tmp_path) if type(event).__name__ == "OrderFilled"
        ]
        assert filled == list(range(1, 41))
        assert len(await one.rows("anomalies", kind="FACT_SUSPENDED")) == 30
