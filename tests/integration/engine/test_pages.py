"""Pages of a question: while orders close, leave memory and come back, and over a restart, no row is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from followed import PASSIVATING, follow
from ledger.domain.codes import Code
from ledger.domain.control_commands import SetRiskLimit
from ledger.domain.scope import Scope
from ledger.wire import Page, Query, QueryRefused
from running_engine import Clock, Ids, Running, accepted, fill, running

LIMIT = 4


async def _page(one: Running, what: str, cursor: str, **filters: str) -> Any:
    (answer,) = await one.ask("query", Query("q", what, filters, cursor, LIMIT))
    return answer


async def _filled(one: Running, numbers: range) -> None:
    for number in numbers:
        await one.ask("reports", fill(100 + number, f"c{number}", 100))


async def _opened(one: Running, count: int) -> None:
    await one.define("AAPL")
    for number in range(count):
        await one.ask("commands", one.order(f"c{number}"))
        await one.ask("reports", accepted(number + 1, f"c{number}"))


def _names(*pages: Page) -> list[str]:
    return [row["client_order_id"] for page in pages for row in page.rows]


async def test_orders_that_close_meanwhile_hide_no_open_one(tmp_path: Path) -> None:
    """`cancel` and `show orders --open` ask so; by counting, the page would begin four orders too late."""
    async with running(tmp_path) as one:
        await _opened(one, 10)
        first = await _page(one, "orders", "", open="true")
        await _filled(one, range(4))
        second = await _page(one, "orders", first.cursor, open="true")
        third = await _page(one, "orders", second.cursor, open="true")
    assert _names(first, second, third) == [f"c{number}" for number in range(10)]
    assert not third.cursor


async def test_a_page_goes_on_over_a_restart_that_has_the_orders_in_another_order(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await _opened(one, 12)
        await _filled(one, range(12))
        firsts = {what: await _page(one, what, "") for what in ("orders", "fills")}
    async with running(tmp_path) as one:
        fold = one.engine.partition.trading
        for store in (fold.orders.states, fold.fills.states):
            # A snapshot has them as they stood in the memory that wrote it: there, what came back from the index is last.
            for key in list(store)[:6]:
                store[key] = store.pop(key)
        for what, first in firsts.items():
            second = await _page(one, what, first.cursor)
            third = await _page(one, what, second.cursor)
            assert _names(first, second, third) == [f"c{number}" for number in range(12)], what
            assert not third.cursor


async def test_pages_of_closed_orders_are_read_from_the_index(tmp_path: Path) -> None:
    async with running(tmp_path, settings=PASSIVATING, clock=Clock(), new_id=Ids()) as one:
        await _opened(one, 12)
        await _filled(one, range(12))
        await one.settle()
        follow(tmp_path)
        assert one.engine.passivation is not None
        while one.engine.passivation.look():
            pass
        assert not one.engine.partition.trading.orders.states
        for what in ("orders", "fills"):
            first = await _page(one, what, "")
            second = await _page(one, what, first.cursor)
            third = await _page(one, what, second.cursor)
            assert _names(first, second, third) == [f"c{number}" for number in range(12)], what
            assert not third.cursor


async def test_limits_that_are_taken_away_meanwhile_hide_no_others(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define(*(f"S{number}" for number in range(9)))
        for number in range(9):
            limit = SetRiskLimit(one.new_id(), Scope.SYMBOL, f"S{number}", max_open_orders=1, reason="t")
            await one.ask("commands", limit)
        first = await _page(one, "limits", "")
        await one.ask("commands", SetRiskLimit(one.new_id(), Scope.SYMBOL, "S0", reason="t"))
        second = await _page(one, "limits", first.cursor)
        third = await _page(one, "limits", second.cursor)
    rows = [row["name"] for page in (first, second, third) for row in page.rows]
    assert rows == [f"S{number}" for number in range(9)]


@pytest.mark.parametrize(
    "what", ["instruments", "positions", "sources", "strategies", "adjustments", "kills"]
)
async def test_every_question_gives_each_row_on_one_page(tmp_path: Path, what: str) -> None:
    async with running(tmp_path) as one:
        await one.define(*(f"S{number}" for number in range(9)))
        for number in range(9):
            await one.ask("commands", one.order(f"c{number}", symbol=f"S{number}"))
            await one.ask("reports", fill(number + 1, f"c{number}", 10, symbol=f"S{number}"))
        whole = await one.rows(what)
        pages, cursor = [], ""
        while True:
            pages.append(await _page(one, what, cursor))
            cursor = pages[-1].cursor
            if not cursor:
                break
    assert [row for page in pages for row in page.rows] == whole


@pytest.mark.parametrize("cursor", ["5", "[", '["AAPL"]', "[1, 2]", "[null]", "[1.5]", "[[1]]"])
async def test_a_cursor_of_another_question_is_refused(tmp_path: Path, cursor: str) -> None:
    async with running(tmp_path) as one:
        await _opened(one, 1)
        refused = await _page(one, "orders", cursor)
    assert type(refused) is QueryRefused
    assert (refused.code, "was not given by a page" in refused.detail) == (Code.MALFORMED, True)
