"""A position that a venue or custodian reports for an account, beside what the ledger holds over all strategies."""

from __future__ import annotations

from typing import Any

from ledger.domain import facts as f
from ledger.domain.commands import DefineInstrument, DefineStrategy
from ledger.domain.enums import AdjustReason, Severity, Side
from ledger.domain.operator_commands import CloseCase
from ledger.wire import Committed, FactCommitted, decode_batch
from operations_engine import START_NS, TODAY, desk


async def reported(it: Any, qty: int, account: str = "ACC", *, seq: int, symbol: str = "AAPL") -> Any:
    fact = f.ReportPosition("custody", 1, seq, symbol, "", account, qty, 1234)
    return (await it.ask("reports", fact))[0]


def breaks(it: Any) -> list[Any]:
    return [event for event in it.journal() if getattr(event, "kind", "") == "POSITION_BREAK"]


async def held(it: Any) -> None:
    """ACC: 60 by S1, -10 by S2, 5 by nobody; ACC2: 7 by OTHER, 2 by nobody."""
    await it.define()
    await it.order("c1")
    await it.order("c2", side=Side.SELL, strategy="S2")
    await it.order("c3", strategy="OTHER")
    await it.fill("c1", "x1", 60, 100_000)
    await it.fill("c2", "x2", 10, 100_000, side=Side.SELL)
    await it.fill("c3", "x3", 7, 100_000)
    await it.fill("unknown", "x4", 8, 100_000, account="ACC")
    await it.fill("unknown", "x5", 3, 100_000, account="ACC", side=Side.SELL)
    await it.fill("unknown", "x6", 2, 100_000, account="ACC2")


async def test_one_that_agrees_says_nothing(tmp_path, mock_clock) -> None:
    """I-29: an account's strategies and what nobody has claimed make what the venue reports."""
    async with desk(tmp_path) as it:
        await held(it)
        before = it.names()
        for seq, (qty, account) in enumerate([(55, "ACC"), (9, "ACC2"), (0, "NOBODY'S")], 1):
            answer = await reported(it, qty, account, seq=seq)
            assert type(answer) is FactCommitted
            assert answer.repeated
        assert it.names() == before


async def test_one_that_differs_is_a_break_until_an_operator_closes_it(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await held(it)
        await reported(it, 56, seq=1)
        (found,) = breaks(it)
        assert found.severity is Severity.CRITICAL
        assert found.detail == (
            "account ACC holds 56 of AAPL as custody reports it, 55 here (S1 60, S2 -10, _UNALLOCATED 5)"
        )
        assert (found.source, found.source_seq, found.event_time_ns) == ("custody", 1, 1234)
        assert (found.actor, found.received_at_ns) == ("olga", START_NS)
        (row,) = await it.rows("anomalies", open="true", kind="POSITION_BREAK")
        await reported(it, 56, seq=2)
        assert len(breaks(it)) == 1, "that break stands open"
        await reported(it, 50, seq=3)
        assert len(breaks(it)) == 2, "this is another"
        seq = int(row["place"].rpartition(":")[2])
        assert type(await it.tell(CloseCase(it.id(), seq, "the custodian was wrong"))) is Committed
        await reported(it, 56, seq=4)
        assert len(breaks(it)) == 3, "it was closed, and is told again"
    async with desk(tmp_path, run=2) as it:
        await reported(it, 56, seq=4)
        assert len(breaks(it)) == 3, "a number that was taken is taken once"
        await it.fill("unknown", "x7", 1, 100_000, account="ACC")
        await reported(it, 56, seq=5)
        assert len(breaks(it)) == 3, "the missing fill came"


async def test_transfers_and_adjustments_of_nobodys_positions_count(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await held(it)
        await it.transfer("_UNALLOCATED", "S1", 5, 100_000)
        await reported(it, 55, seq=1)
        await it.say(f.ReportTradeCancel, "unknown", "b1", "x6", TODAY, account="ACC2")
        await reported(it, 7, "ACC2", seq=2)
        assert breaks(it) == []


async def test_what_names_no_account_is_the_only_account_s(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.tell(DefineStrategy(it.id(), "S1", "ACC"))
        await it.tell(DefineInstrument(it.id(), "AAPL", "XNAS", 4, 0))
        await it.fill("unknown", "x1", 8, 100_000)
        await it.adjust(AdjustReason.CORP_ACTION, "_UNALLOCATED", dqty=8, ref="2 for 1")
        await reported(it, 16, seq=1)
        assert breaks(it) == []
        await it.tell(DefineStrategy(it.id(), "S2", "ACC2"))
        await reported(it, 16, seq=2)
        assert "0 here (nothing)" in breaks(it)[0].detail, "now nobody can say whose it is"


async def test_one_of_a_symbol_that_is_not_defined_waits_as_any_fact(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        text = (
            b'{"type":"ReportPosition","source":"custody","source_epoch":1,"source_seq":1,"symbol":"LATE",'
            b'"exchange":"","account":"ACC","qty":"-4.5"}'
        )
        await it.ask("reports", *decode_batch(text, "reports", batch_max=1).inputs)
        await it.ask("reports", f.ReportPosition("custody", 1, 2, "", "", "ACC", 5))
        assert it.names().count("FactSuspended") == 2
        assert breaks(it) == []
