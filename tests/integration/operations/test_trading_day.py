"""Settlement prices, calendars and the roll of a trading day."""

from __future__ import annotations

from ledger.domain import facts as f
from ledger.domain.calendars import start_of
from ledger.domain.codes import Code
from ledger.domain.enums import OrderStatus, Side, TimeInForce
from ledger.domain.operator_commands import DefineCalendar, RollTradingDay, SetSettlementPrice
from ledger.domain.operator_events import TradingDayRolled
from ledger.domain.order_state import status
from ledger.wire import Committed
from operations_engine import TODAY, S, desk

MIDNIGHT = start_of(TODAY)
HOUR = 3600 * S


async def roll(it, date: str = TODAY, calendar: str = "24/7"):
    answer = await it.tell(RollTradingDay(it.id(), date, calendar))
    await it.settle()
    return answer


def cuts(it) -> list:
    return [event.cuts for event in it.journal() if type(event) is TradingDayRolled][-1]


async def test_a_roll_cuts_what_the_day_made_at_the_settlement_price(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1", qty=100)
        await it.fill("c1", "x1", 100, 100_000, fee=200, fee_ccy="USD")
        await it.order("c2", qty=40, side=Side.SELL)
        await it.fill("c2", "x2", 40, 110_000, Side.SELL, fee=50, fee_ccy="USD")
        await it.tell(SetSettlementPrice(it.id(), "AAPL", TODAY, 105_000))
        await roll(it)
        (cut,) = cuts(it)
        assert (cut.qty, cut.realized, cut.unrealized) == (60, 400_000, 300_000)
        assert (cut.fees, cut.mark_px, cut.mark_from) == ({"USD": 250}, 105_000, "SETTLEMENT")


async def test_the_next_cut_holds_the_next_day_only(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1", time_in_force=TimeInForce.GTC)
        await it.fill("c1", "x1", 50, 100_000, fee=10, fee_ccy="USD")
        await it.tell(SetSettlementPrice(it.id(), "AAPL", TODAY, 105_000))
        await roll(it)
        await it.at(mock_clock, 86_400)
        await it.fill("c1", "x2", 50, 100_000, fee=30, fee_ccy="USD")
        await it.tell(SetSettlementPrice(it.id(), "AAPL", "2025-11-21", 104_000))
        await roll(it, "2025-11-21")
        (cut,) = cuts(it)
        assert (cut.realized, cut.fees) == (0, {"USD": 30})
        assert (cut.unrealized, cut.unrealized_change) == (400_000, 150_000)


async def test_without_a_settlement_price_the_books_mid_is_the_mark(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 1, 100_000)
        await it.ask(
            "market", f.BookSnapshot("feed", 1, 1, "AAPL", "XNAS", 1, ((100_000, 5),), ((100_005, 5),))
        )
        await roll(it)
        (cut,) = cuts(it)
        assert (cut.mark_px, cut.mark_from) == (100_002, "BOOK")  # 100002.5, half to even


async def test_without_any_price_nothing_unrealized_is_made_up(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 1, 100_000)
        await roll(it)
        (cut,) = cuts(it)
        assert (cut.mark_px, cut.mark_from, cut.unrealized) == (None, "", 0)


async def test_a_roll_expires_the_days_orders_and_no_gtc(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.order("c2", time_in_force=TimeInForce.GTC)
        await roll(it)
        await it.at(mock_clock, 0.01)
        assert status(it.fold.orders.get(("AAPL", "c1"))) is OrderStatus.EXPIRED
        assert status(it.fold.orders.get(("AAPL", "c2"))) is OrderStatus.PENDING_NEW


async def test_a_day_is_rolled_once(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        assert type(await roll(it)) is Committed
        assert (await roll(it)).code == Code.DAY_ALREADY_ROLLED
        assert (await roll(it, "2025-11-19")).code == Code.DAY_ALREADY_ROLLED
        late = await it.tell(SetSettlementPrice(it.id(), "AAPL", TODAY, 1))
        assert late.code == Code.DAY_ALREADY_ROLLED


async def test_a_day_that_has_not_begun_is_not_rolled(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        assert (await roll(it, "2025-11-21")).code == Code.MALFORMED
        assert (await roll(it, TODAY, "XNYS")).code == Code.MALFORMED


async def test_a_calendars_own_close_ends_its_day_orders(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        assert MIDNIGHT is not None
        sessions = (
            (TODAY, MIDNIGHT + 14 * HOUR, MIDNIGHT + 18 * HOUR),
            ("2025-11-24", MIDNIGHT + 110 * HOUR, MIDNIGHT + 114 * HOUR),
        )
        await it.tell(DefineCalendar(it.id(), "XNYS", sessions))
        await it.define(calendar="XNYS")
        await it.order("c1")
        await it.say(f.ReportAccepted, "c1", "v1")
        await it.at(mock_clock, 3 * 3600 + 59)
        assert status(it.fold.orders.get(("AAPL", "c1"))) is OrderStatus.NEW
        await it.order("after-the-close")
        await it.say(f.ReportAccepted, "after-the-close", "v2")
        await it.at(mock_clock, 2)
        assert status(it.fold.orders.get(("AAPL", "c1"))) is OrderStatus.EXPIRED
        await it.at(mock_clock, 2 * 86_400)
        assert status(it.fold.orders.get(("AAPL", "after-the-close"))) is OrderStatus.NEW
        await it.at(mock_clock, 2 * 86_400)
        assert status(it.fold.orders.get(("AAPL", "after-the-close"))) is OrderStatus.EXPIRED


async def test_a_settlement_price_is_the_mark_of_a_position_without_a_book(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 10, 100_000)
        await it.tell(SetSettlementPrice(it.id(), "AAPL", TODAY, 101_000))
        (row,) = await it.rows("positions")
        assert (row["mark"], row["unrealized"]) == ("10.1", "1")
