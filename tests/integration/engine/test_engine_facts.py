"""Venue facts are taken once each, numbered by their sender, and never refused for their content (DOMAIN 1.5, 1.11)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ledger.domain.enums import FillStanding, Side
from ledger.domain.facts import (
    BookSnapshot,
    MarketTrade,
    Quote,
    ReportCanceled,
    ReportTradeCancel,
    ReportTradeCorrect,
)
from ledger.wire import FactCommitted, Refused
from running_engine import SETTINGS, accepted, fill, journaled, names, running

ORDER = ("AAPL", "c1")


async def anomalies(one) -> list[str]:
    return [row["kind"] for row in await one.rows("anomalies")]


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
async def test_a_fact_sent_again_changes_nothing(tmp_path: Path, restarted: bool) -> None:
    """I-11."""
    facts = [
        accepted(1, "c1"),
        fill(2, "c1", 40),
        fill(3, "c1", 10),
        ReportCanceled("gw", 1, 4, "AAPL", "XNAS", "c1"),
    ]
    quote = Quote("f", 1, 1, "AAPL", "XNAS", 1, 2, 3, 4)
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        assert [answer.repeated for answer in await one.ask("reports", *facts)] == [False] * 4
        await one.ask("market", quote)
        before = one.digests()
        clock, new_id = one.clock, one.new_id
        if not restarted:
            events = names(tmp_path) + names(tmp_path, "market")
            assert [answer.repeated for answer in await one.ask("reports", *facts)] == [True] * 4
            assert (await one.ask("market", quote))[0].repeated
            assert one.digests() == before
            await one.settle()
            assert names(tmp_path) + names(tmp_path, "market") == events
    if restarted:
        async with running(tmp_path, clock=clock, new_id=new_id) as one:
            before = one.digests()
            assert [answer.repeated for answer in await one.ask("reports", *facts)] == [True] * 4
            assert (await one.ask("market", quote))[0].repeated
            assert one.digests() == before


async def test_a_fill_that_names_its_claimant_and_no_account_counts_once_on_two_lines(tmp_path: Path) -> None:
    """The claimant's account is the fill's: a second line, and a bust that names the account, find it."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask(
            "reports",
            fill(1, "stranger", 5, strategy_id="S1", execution_id="x"),
            fill(1, "stranger", 5, strategy_id="S1", execution_id="x", source="copy"),
        )
        assert [row["qty"] for row in await one.rows("positions")] == ["5"]
        assert [row["account"] for row in await one.rows("fills")] == ["ACC"]
        bust = ReportTradeCancel("gw", 1, 2, "AAPL", "XNAS", "", "b", "x", "2025-11-20", account="ACC")
        await one.ask("reports", bust)
        assert [row["qty"] for row in await one.rows("positions")] == ["0"]
        assert await anomalies(one) == ["UNKNOWN_ORDER"]


async def test_a_venue_order_id_names_no_order_of_another_symbol(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL", "MSFT")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1", venue_order_id="V"))
        await one.ask("reports", fill(2, "", 5, symbol="MSFT", venue_order_id="V", account="ACC"))
        assert [row["cum_qty"] for row in await one.rows("orders")] == ["0"]
        assert [row["symbol"] for row in await one.rows("positions")] == ["MSFT"]
        assert await anomalies(one) == ["UNKNOWN_ORDER"]


async def test_an_execution_from_a_second_source_counts_once(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), fill(2, "c1", 40))
        (answer,) = await one.ask("reports", fill(1, "c1", 40, source="drop-copy", execution_id="x2"))
        assert answer.repeated
        (position,) = await one.rows("positions")
        assert position["qty"] == "40"


async def test_a_known_number_with_another_fill_is_a_conflict_and_the_fill_counts(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), fill(2, "c1", 40))
        (answer,) = await one.ask("reports", fill(2, "c1", 30, execution_id="another"))
        assert not answer.repeated
        assert await anomalies(one) == ["SOURCE_SEQ_CONFLICT"]
        assert (await one.rows("positions"))[0]["qty"] == "70"


async def test_a_known_number_with_another_bust_or_correction_counts_too(tmp_path: Path) -> None:
    """DOMAIN 1.1: still decided by execution_id."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask(
            "reports", accepted(1, "c1"), fill(2, "c1", 40), fill(3, "c1", 20, execution_id="other")
        )
        head = ("gw", 1, 2, "AAPL", "XNAS", "c1")
        bust = ReportTradeCancel(*head, "b1", "x2", "2025-11-20")
        correct = ReportTradeCorrect(*head, "k1", "other", "2025-11-20", 25, 1_000_000)
        for fact in (bust, correct):
            assert not (await one.ask("reports", fact))[0].repeated
            assert (await one.ask("reports", fact))[0].repeated
        again = ReportTradeCancel(*head, "b2", "x2", "2025-11-20")
        assert (await one.ask("reports", again))[0].repeated, (
            "a second bust of it under that number is not told again"
        )
        assert await anomalies(one) == ["SOURCE_SEQ_CONFLICT"] * 2
        assert (await one.rows("positions"))[0]["qty"] == "25"


@pytest.mark.parametrize("name", ["", "x" * 65])
async def test_an_execution_that_nobody_could_name_again_is_kept_whole(tmp_path: Path, name: str) -> None:
    """DOMAIN 1.1: an execution_id has 1 to 64 characters; two without one are never taken for one."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask(
            "reports", accepted(1, "c1"), *(fill(seq, "c1", 5, execution_id=name) for seq in (2, 3))
        )
        await one.ask("reports", fill(4, "c1", 7, execution_id="x" * 64))
        head = ("gw", 1, 5, "AAPL", "XNAS", "c1")
        await one.ask("reports", ReportTradeCancel(*head, "b1", name, "2025-11-20"))
        assert await anomalies(one) == ["FACT_SUSPENDED"] * 3
        assert (await one.rows("positions"))[0]["qty"] == "7"


async def test_a_gap_of_a_source_opens_is_seen_and_closes_number_by_number(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), fill(5, "c1", 10))
        (row,) = await one.rows("sources")
        assert row["gaps"] == [[2, 4]]
        assert await anomalies(one) == ["SOURCE_GAP"]
        assert not (await one.ask("reports", fill(3, "c1", 10)))[0].repeated
        assert (await one.rows("sources"))[0]["gaps"] == [[2, 2], [4, 4]]
        await one.ask("reports", fill(2, "c1", 10), fill(4, "c1", 10))
        assert (await one.rows("sources"))[0]["gaps"] == []
        assert (await one.rows("positions"))[0]["qty"] == "40"
        assert (await one.ask("reports", fill(3, "c1", 10)))[0].repeated
        await one.settle()
        assert names(tmp_path).count("SourceGapOpened") == 1
        assert names(tmp_path).count("SourceGapClosed") == 3


async def test_a_gap_stays_open_over_a_restart_and_closes_then(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), fill(3, "c1", 10))
        clock, new_id = one.clock, one.new_id
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        assert (await one.rows("sources"))[0]["gaps"] == [[2, 2]]
        await one.ask("reports", fill(2, "c1", 20))
        assert (await one.rows("sources"))[0]["gaps"] == []
        assert (await one.rows("positions"))[0]["qty"] == "30"


async def test_a_new_run_of_a_source_begins_its_numbers_again(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), fill(2, "c1", 10))
        await one.ask("reports", fill(1, "c1", 10, epoch=2, execution_id="n1"))
        (row,) = await one.rows("sources")
        assert (row["source_epoch"], row["source_seq"], row["gaps"]) == (2, 1, [])
        await one.ask("reports", fill(3, "c1", 10, epoch=3, execution_id="n2"))
        (row,) = await one.rows("sources")
        assert (row["source_epoch"], row["source_seq"], row["gaps"]) == (3, 3, [[1, 2]])
        # A straggler of the old run is decided by its content: nothing of it is lost.
        await one.ask("reports", fill(3, "c1", 5, execution_id="old"))
        assert (await one.rows("positions"))[0]["qty"] == "35"
        assert (await one.rows("sources"))[0]["source_epoch"] == 3


async def test_numbers_below_the_first_contact_after_a_start_are_not_taken_for_repeats(
    tmp_path: Path,
) -> None:
    """What the last run took and did not journal is not known any more: such a number is decided by its content."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"), one.order("c2"))
        await one.ask("reports", accepted(1, "c1"), accepted(2, "c2"))
        clock, new_id = one.clock, one.new_id
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        await one.ask("reports", ReportCanceled("gw", 1, 5, "AAPL", "XNAS", "c1"))
        (answer,) = await one.ask("reports", ReportCanceled("gw", 1, 4, "AAPL", "XNAS", "c2"))
        assert not answer.repeated
        assert [row["status"] for row in await one.rows("orders")] == ["CANCELED", "CANCELED"]
        assert (await one.ask("reports", ReportCanceled("gw", 1, 4, "AAPL", "XNAS", "c2")))[0].repeated


async def test_what_is_sent_again_first_after_a_start_leaves_the_numbers_above_it_in_doubt(tmp_path) -> None:
    """A fact that said what was known left no record; an older one sent again must not make a gap of it."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), accepted(2, "c1"))
    async with running(tmp_path) as one:
        again, known = await one.ask("reports", accepted(1, "c1"), accepted(3, "c1"))
        assert again.repeated
        assert known.repeated
        assert await one.rows("anomalies") == []
        (source,) = await one.rows("sources")
        assert source["gaps"] == [[2, 2]]


async def test_a_number_jumped_over_at_first_contact_is_not_seen_after_a_second_start_either(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"))
        clock, new_id = one.clock, one.new_id
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        await one.ask("reports", fill(5, "c1", 10))
        assert "SOURCE_GAP" not in await anomalies(one)
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        assert (await one.rows("sources"))[0]["gaps"] == [[2, 4]]
        (answer,) = await one.ask("reports", fill(3, "c1", 20))
        assert not answer.repeated
        assert (await one.rows("positions"))[0]["qty"] == "30"
        assert (await one.ask("reports", fill(3, "c1", 20)))[0].repeated
        assert (await one.rows("sources"))[0]["gaps"] == [[2, 2], [4, 4]]


async def test_an_execution_of_no_date_is_kept_whole_and_not_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        undated = msgspec.structs.replace(fill(1, "c1", 10), trade_date="2025-02-30")
        (answer,) = await one.ask("reports", undated)
        assert type(answer) is FactCommitted
        assert await anomalies(one) == ["FACT_SUSPENDED"]
        bust = ReportTradeCancel("gw", 1, 2, "AAPL", "XNAS", "c1", "b1", "x9", "20251120xx")
        await one.ask("reports", bust)
        assert await one.rows("positions") == []
        assert names(tmp_path).count("FactSuspended") == 2


async def test_a_fill_of_an_unknown_order_reaches_the_suspense_position(tmp_path: Path) -> None:
    """I-29: the account still agrees with the venue."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("reports", fill(1, "stranger", 40, account="ACC"))
        (position,) = await one.rows("positions")
        assert (position["strategy_id"], position["qty"]) == ("_UNALLOCATED", "40")
        assert "UNKNOWN_ORDER" in await anomalies(one)


async def test_a_position_after_a_bust_is_that_of_the_other_fills_and_keeps_when_it_was_opened(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1", qty=300))
        for number, qty in ((1, 100), (2, 50), (3, 25)):
            await one.ask("reports", fill(number, "c1", qty, 100_000 + number))
            await one.settle()
        filled = {
            event.execution_id: seq
            for seq, event in journaled(tmp_path)
            if type(event).__name__ == "OrderFilled"
        }
        fold = one.engine.partition.trading
        recorded = {key[4]: state.recorded_at_ns for key, state in fold.fills.states.items()}
        assert len(filled) == 3
        assert recorded["x1"] < recorded["x2"] < recorded["x3"]
        opened = fold.positions.states["S1", "AAPL"].ts_opened
        assert opened == recorded["x1"]
        await one.ask(
            "reports", ReportTradeCancel("gw", 1, 4, "AAPL", "XNAS", "c1", "b1", "x2", "2025-11-20")
        )
        position = fold.positions.states["S1", "AAPL"]
        assert (position.qty, position.ts_opened) == (125, recorded["x1"])
        await one.ask(
            "reports", ReportTradeCancel("gw", 1, 5, "AAPL", "XNAS", "c1", "b2", "x1", "2025-11-20")
        )
        position = fold.positions.states["S1", "AAPL"]
        assert (position.qty, position.ts_opened) == (25, recorded["x3"])
        correct = ReportTradeCorrect("gw", 1, 6, "AAPL", "XNAS", "c1", "k1", "x3", "2025-11-20", 20, 100_500)
        await one.ask("reports", correct)
        position = fold.positions.states["S1", "AAPL"]
        assert (position.qty, position.cash, position.ts_opened) == (20, -20 * 100_500, recorded["x3"])
        assert fold.fills.states["XNAS", "ACC", "AAPL", "2025-11-20", "x3"].recorded_at_ns == recorded["x3"]
        await one.settle()
        assert names(tmp_path)[-6:] == ["FillBusted", "PositionRestated"] * 2 + [
            "FillCorrected",
            "PositionRestated",
        ]


async def test_a_bust_before_its_fill_is_remembered_and_nets_it_to_nothing(tmp_path: Path) -> None:
    """I-15."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", accepted(1, "c1"), fill(2, "c1", 10))
        await one.ask(
            "reports", ReportTradeCancel("gw", 1, 3, "AAPL", "XNAS", "c1", "b1", "late", "2025-11-20")
        )
        await one.ask("reports", fill(4, "c1", 40, execution_id="late"))
        (position,) = await one.rows("positions")
        assert (position["qty"], position["fills"]) == ("10", 1)
        states = one.engine.partition.trading.fills.states
        assert states["XNAS", "ACC", "AAPL", "2025-11-20", "late"].standing is FillStanding.BUSTED


async def test_each_side_of_market_data_reaches_the_book(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        answers = await one.ask(
            "market",
            BookSnapshot("f", 1, 1, "AAPL", "XNAS", 10, ((100_000, 5),), ((100_200, 7),)),
            MarketTrade("f", 1, 2, "AAPL", "XNAS", 100_100, 3, Side.BUY, "t1"),
            Quote("f", 1, 3, "AAPL", "XNAS", 100_000, 5, 100_200, 7),
        )
        assert {type(answer) for answer in answers} == {FactCommitted}
        (book,) = await one.rows("book", symbol="AAPL")
        assert (book["best_bid"], book["best_ask"], book["mark"]) == (["10", "5"], ["10.02", "7"], "10.01")
        assert book["last_trade"]["px"] == "10.01"
        await one.settle()
        assert names(tmp_path, "market")[-4:] == [
            "InstrumentDefined",
            "BookSnapshotApplied",
            "MarketTraded",
            "MarketQuoted",
        ]


async def test_a_book_larger_than_a_frame_can_surely_hold_is_refused_and_its_number_is_free(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, settings=SETTINGS) as one:
        await one.define("AAPL")
        levels = tuple((px, 1) for px in range(1, 150_000))
        (answer,) = await one.ask("market", BookSnapshot("f", 1, 1, "AAPL", "XNAS", 10, levels, ()))
        assert type(answer) is Refused
        (answer,) = await one.ask("market", BookSnapshot("f", 1, 1, "AAPL", "XNAS", 10, levels[:1000], ()))
        assert type(answer) is FactCommitted


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
async def test_a_fact_that_made_only_an_anomaly_makes_it_once(tmp_path: Path, restarted: bool) -> None:
    """I-11: the anomaly carries the fact's number, so that it is known as taken."""
    facts = [
        accepted(1, "stranger"),
        fill(2, "c1", 10, execution_id="x"),
        fill(3, "c1", 20, execution_id="x"),
    ]
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.ask("reports", *facts)
        before = await one.rows("anomalies")
        assert [row["kind"] for row in before] == ["UNKNOWN_ORDER", "FILL_BEFORE_ACK", "EXEC_ID_CONFLICT"]
        clock, new_id = one.clock, one.new_id
        if not restarted:
            assert all(answer.repeated for answer in await one.ask("reports", *facts))
            assert await one.rows("anomalies") == before
    if restarted:
        async with running(tmp_path, clock=clock, new_id=new_id) as one:
            assert all(answer.repeated for answer in await one.ask("reports", *facts))
            assert await one.rows("anomalies") == before
