"""Our own code raises in a turn: nothing of it exists, the entity is set aside, everything else trades on (DESIGN 5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.domain import order
from ledger.domain.book_decide import BOOK_DECIDERS
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, ReplaceOrder
from ledger.domain.facts import BookSnapshot, Quote, ReportCanceled
from ledger.engine import commands, facts, queries
from ledger.fold import trading
from ledger.wire import Committed, FactCommitted, Query, QueryRefused, Rejected, decode_batch, show
from running_engine import accepted, fill, journaled, names, replayed, running


class Broken:
    """Makes domain functions raise for one client_order_id or symbol, else they do what they always did."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.on = True

    def of(self, real: Any) -> Any:
        def maybe(*given: Any, **named: Any) -> Any:
            said = next(it for it in given if hasattr(it, "symbol"))
            about = (getattr(said, "client_order_id", ""), getattr(said, "order", ""), said.symbol)
            if self.on and self._name in about:
                raise ZeroDivisionError("a bug of ours")
            return real(*given, **named)

        return maybe


def break_functions(
    monkeypatch: pytest.MonkeyPatch, client_order_id: str, *places: tuple[Any, str]
) -> Broken:
    broken = Broken(client_order_id)
    for module, name in places:
        monkeypatch.setattr(module, name, broken.of(getattr(module, name)))
    return broken


def break_decide(monkeypatch: pytest.MonkeyPatch, client_order_id: str) -> Broken:
    return break_functions(
        monkeypatch,
        client_order_id,
        (commands, "decide_submit"),
        (facts, "decide_fill"),
        (facts, "decide_report"),
        (order, "decide"),
    )


def break_evolve(monkeypatch: pytest.MonkeyPatch, client_order_id: str) -> Broken:
    return break_functions(monkeypatch, client_order_id, (trading, "submitted"))


@pytest.mark.parametrize("breaks", [break_decide, break_evolve])
async def test_a_command_whose_code_raises_is_answered_70_and_nothing_of_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        breaks(monkeypatch, "bad")
        bad = one.order("bad")
        before, good, after = await one.ask("commands", bad, one.order("good"), bad)
        assert (type(before), before.code, before.repeated) == (Rejected, Code.ENGINE_FAULT, False)
        assert type(good) is Committed
        assert (after.code, after.seq, after.repeated) == (Code.ENGINE_FAULT, before.seq, True)
        fold = one.engine.partition.trading
        assert list(fold.orders.states) == [("AAPL", "good")]
        assert fold.quarantine.states == {("order", "AAPL/bad"): before.seq + 1}
        assert [row["kind"] for row in await one.rows("anomalies")] == ["ENGINE_FAULT"]
        assert one.engine.faults == 1
        await one.settle()
        assert names(tmp_path)[-4:] == [
            "EngineFault",
            "EntityQuarantined",
            "AnomalyRecorded",
            "OrderSubmitted",
        ]
        (fault,) = [event for _seq, event in journaled(tmp_path) if type(event).__name__ == "EngineFault"]
        assert fault.command_id == bad.command_id
        assert "ZeroDivisionError" in fault.error
        (again,) = await one.ask("commands", one.order("bad"))
        assert again.code == Code.QUARANTINED


async def test_a_text_whose_code_raises_is_answered_like_a_packed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        break_decide(monkeypatch, "bad")
        text = json.dumps(show(one.order("bad"), (4, 0))).encode()
        inputs = decode_batch(text, "commands", batch_max=1).inputs
        (first,), (again,) = await one.ask("commands", *inputs), await one.ask("commands", *inputs)
        assert (type(first), first.code) == (Rejected, Code.ENGINE_FAULT)
        assert (again.code, again.seq, again.repeated) == (Code.ENGINE_FAULT, first.seq, True)
        report = json.dumps(show(accepted(1, "bad"), (4, 0))).encode()
        (answer,) = await one.ask("reports", *decode_batch(report, "reports", batch_max=1).inputs)
        assert type(answer) is FactCommitted


async def test_a_quarantined_order_takes_cancels_its_fills_reach_the_position_and_its_other_facts_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"), one.order("c2"))
        await one.ask("reports", accepted(1, "c1"), accepted(2, "c2"), fill(3, "c1", 10))
        broken = break_decide(monkeypatch, "c1")
        (faulted,) = await one.ask("reports", fill(4, "c1", 5, execution_id="f"))
        assert type(faulted) is FactCommitted
        broken.on = False
        fold = one.engine.partition.trading
        state = fold.orders.states["AAPL", "c1"]

        await one.ask("reports", fill(5, "c1", 20), ReportCanceled("gw", 1, 6, "AAPL", "XNAS", "c1"))
        (position,) = await one.rows("positions")
        assert position["qty"] == "30"
        assert fold.orders.states["AAPL", "c1"] == state
        (replaced,) = await one.ask("commands", ReplaceOrder(one.new_id(), "AAPL", "r1", "c1", 200))
        assert replaced.code == Code.QUARANTINED
        (canceled,) = await one.ask("commands", CancelOrder(one.new_id(), "AAPL", "k1", "c1"))
        assert type(canceled) is Committed
        assert len([row for row in await one.rows("anomalies", kind="FACT_SUSPENDED")]) == 1

        await one.ask("reports", fill(7, "c2", 100))
        assert [row["status"] for row in await one.rows("orders", client_order_id="c2")] == ["FILLED"]
        assert (await one.rows("positions"))[0]["qty"] == "130"
        live = one.digests()
    assert replayed(tmp_path) == live


async def test_a_quarantine_counts_at_replay_within_the_frame_in_which_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-2: replay takes a whole frame, the engine one turn."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        await one.settle()
        broken = break_decide(monkeypatch, "c1")
        one.commits["trading"].hold()
        one.send("commands", [one.order("other")], lambda _got: None)
        while not one.commits["trading"].waiting.is_set():
            await one.engine.dispatcher.wait_idle()
        one.send("reports", [accepted(1, "c1")], lambda _got: None)
        await one.engine.dispatcher.wait_idle()
        broken.on = False
        one.send("reports", [fill(2, "c1", 20)], lambda _got: None)
        await one.engine.dispatcher.wait_idle()
        one.commits["trading"].release()
        await one.settle()
        assert [frame.count for frame in one.commits["trading"].frames][
            -1
        ] == 4  # fault and fill in one frame
        live = one.digests()
    assert replayed(tmp_path) == live


async def test_a_book_whose_code_raises_is_set_aside_and_the_other_books_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL", "MSFT")
        broken = Broken("AAPL")
        monkeypatch.setitem(BOOK_DECIDERS, BookSnapshot, broken.of(BOOK_DECIDERS[BookSnapshot]))
        answers = await one.ask(
            "market",
            BookSnapshot("f", 1, 1, "AAPL", "XNAS", 10, ((100, 5),), ((102, 7),)),
            BookSnapshot("f", 1, 2, "MSFT", "XNAS", 10, ((100, 5),), ((102, 7),)),
        )
        assert [(type(answer), answer.journal) for answer in answers] == [
            (FactCommitted, "trading"),
            (FactCommitted, "market"),
        ]
        broken.on = False
        await one.ask("market", Quote("f", 1, 3, "AAPL", "XNAS", 1, 2, 3, 4))
        assert [row["symbol"] for row in await one.rows("books")] == ["MSFT"]
        assert list(one.engine.partition.trading.quarantine.states) == [("book", "XNAS/AAPL")]
        await one.settle()
        assert names(tmp_path).count("EngineFault") == 1
        assert names(tmp_path, "market").count("FactSuspended") == 1
        live = one.digests()
    assert replayed(tmp_path) == live


async def test_a_query_whose_code_raises_sets_nobody_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        before = one.digests()

        def broken(*_anything: Any) -> Any:
            raise ZeroDivisionError("a bug of ours")

        monkeypatch.setattr(queries.views, "order_row", broken)
        (answer,) = await one.ask("query", Query("q7", "orders"))
        assert (type(answer), answer.id, answer.code) == (QueryRefused, "q7", Code.ENGINE_FAULT)
        assert one.digests() == before
        assert type((await one.ask("commands", one.order("c2")))[0]) is Committed


async def test_a_suspended_fact_whose_code_raises_later_is_a_fault_and_does_not_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as one:
        await one.define()
        more = {"symbol": "LATE", "account": "ACC"}
        await one.ask("reports", fill(1, "bad", 5, **more), fill(2, "good", 7, **more))
        break_decide(monkeypatch, "bad")
        await one.define("LATE")
        await one.settle()
        assert [row["qty"] for row in await one.rows("positions")] == ["7"]
        assert names(tmp_path).count("EngineFault") == 1
        assert names(tmp_path).count("FactResumed") == 2
        assert type((await one.ask("commands", one.order("c1", symbol="LATE")))[0]) is Committed
        live = one.digests()
    assert replayed(tmp_path) == live


async def test_the_anomalies_of_a_turn_that_raised_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1", qty=10))
        await one.ask("reports", accepted(1, "c1"))
        fold = one.engine.partition.trading
        table = fold.steps
        from ledger.domain.events import SourceGapOpened

        def broken(_seq: int, _now: int, _event: Any) -> None:
            raise ZeroDivisionError("a bug of ours")

        monkeypatch.setitem(table, SourceGapOpened, broken)
        await one.ask("reports", fill(9, "c1", 50))  # an overfill, and a gap before it
        assert [row["kind"] for row in await one.rows("anomalies")] == ["ENGINE_FAULT"]
        assert await one.rows("positions") == []
