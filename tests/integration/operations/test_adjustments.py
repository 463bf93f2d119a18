"""Positions changed without fills, through the whole engine, and busts of positions so changed."""

from __future__ import annotations

from ledger.domain import facts as f
from ledger.domain.codes import Code
from ledger.domain.enums import AdjustReason, Side
from ledger.domain.identifiers import UNALLOCATED
from ledger.domain.operator_commands import AdjustPosition
from ledger.wire import Committed, Rejected
from operations_engine import TODAY, desk


async def test_a_split_changes_the_quantity_and_no_money(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 100, 100_000)
        assert type(await it.adjust(AdjustReason.CORP_ACTION, dqty=100, ref="2 for 1")) is Committed
        state = it.position()
        assert (state.qty, state.cost, state.realized, state.cash) == (200, 10_000_000, 0, -10_000_000)


async def test_funding_is_realized_profit(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.adjust(AdjustReason.FUNDING, dcash=-500)
        assert (it.position().realized, it.position().cash) == (-500, -500)


async def test_an_opening_balance_makes_no_profit(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.adjust(AdjustReason.OPENING_BALANCE, dqty=10, dcost=1_000_000, dcash=-1_000_000)
        state = it.position()
        assert (state.qty, state.cost, state.realized, state.cycle) == (10, 1_000_000, 0, 1)


async def test_an_opening_balance_without_its_cash_is_unbalanced(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        answer = await it.adjust(AdjustReason.OPENING_BALANCE, dqty=10, dcost=1_000_000)
        assert (type(answer), answer.code) == (Rejected, Code.UNBALANCED_ADJUSTMENT)


async def test_a_flat_position_keeps_no_cost(tmp_path, mock_clock) -> None:
    """I-27"""
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 100, 100_000)
        answer = await it.adjust(AdjustReason.MANUAL, dqty=-100)
        assert answer.code == Code.UNBALANCED_ADJUSTMENT
        assert "dcost must be -10000000" in answer.detail


async def test_nobody_approves_an_adjustment_of_their_own(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        for approver in ("", "  ", "olga"):
            answer = await it.adjust(AdjustReason.MANUAL, dcash=1, approver=approver)
            assert answer.code == Code.APPROVER_REQUIRED
        answer = await it.adjust(AdjustReason.MANUAL, dcash=1, approver="ann", on_behalf_of="ann: typo")
        assert answer.code == Code.APPROVER_REQUIRED


async def test_the_same_adjustment_again_is_answered_and_not_applied(tmp_path, mock_clock) -> None:
    """I-10"""
    async with desk(tmp_path) as it:
        await it.define()
        command = AdjustPosition(it.id(), "S1", "AAPL", AdjustReason.MANUAL, "bob", dcash=7)
        first, second = await it.ask("commands", command, command)
        assert (second.seq, second.repeated) == (first.seq, True)
        assert it.position().cash == 7


async def test_a_transfer_sums_to_zero_and_trades_at_its_price(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 100, 100_000)
        assert type(await it.transfer("S1", "S2", 40, 110_000)) is Committed
        giver, taker = it.position("S1"), it.position("S2")
        assert (giver.qty, taker.qty) == (60, 40)
        assert giver.cash + taker.cash == -100 * 100_000
        assert (giver.realized, taker.realized) == (40 * 10_000, 0)
        assert (giver.adj_dqty + taker.adj_dqty, giver.adj_dcash + taker.adj_dcash) == (0, 0)
        assert it.names().count("PositionTransferred") == 1


async def test_a_transfer_gives_no_more_than_is_held(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        assert (await it.transfer("S1", "S2", 1, 100_000)).code == Code.QTY_TOO_LARGE


async def test_a_transfer_between_accounts_is_the_brokers(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 100, 100_000)
        assert (await it.transfer("S1", "OTHER", 1, 100_000)).code == Code.UNBALANCED_ADJUSTMENT


async def test_a_fill_of_an_unknown_order_is_allocated_by_a_transfer(tmp_path, mock_clock) -> None:
    """I-29: the account agrees with the venue before and after."""
    async with desk(tmp_path) as it:
        await it.define()
        await it.fill("never-sent", "x1", 30, 100_000, Side.SELL, account="ACC")
        assert it.position(UNALLOCATED).qty == -30
        await it.transfer(UNALLOCATED, "S1", 30, 100_000)
        assert (it.position(UNALLOCATED).qty, it.position("S1").qty) == (0, -30)
        assert it.position(UNALLOCATED).cost == 0
        assert it.position("S1").cost == -30 * 100_000
        await it.say(f.ReportTradeCancel, "never-sent", "b1", "x1", TODAY, account="ACC")
        assert it.position(UNALLOCATED).qty + it.position("S1").qty == 0


async def test_a_bust_restates_an_adjusted_and_transferred_position(tmp_path, mock_clock) -> None:
    """I-25, I-26"""
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1", qty=300)
        await it.fill("c1", "x1", 100, 100_000)
        await it.adjust(AdjustReason.CORP_ACTION, dqty=100)
        await it.fill("c1", "x2", 50, 60_000)
        await it.transfer("S1", "S2", 20, 70_000)
        await it.adjust(AdjustReason.FUNDING, dcash=-300)
        before = it.position()
        await it.say(f.ReportTradeCancel, "c1", "b1", "x1", TODAY)
        after = it.position()
        assert after.qty == before.qty - 100 == 130
        assert after.cash == before.cash + 100 * 100_000
        assert after.realized == after.cash + after.cost
        assert after.buy_qty - after.sell_qty + after.adj_dqty == after.qty
        assert (after.adj_dqty, after.adj_dcash) == (80, 20 * 70_000 - 300)


async def test_a_correction_of_an_adjusted_position_to_the_same_values_changes_nothing(
    tmp_path, mock_clock
) -> None:
    """I-31"""
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        await it.fill("c1", "x1", 100, 100_000)
        await it.adjust(AdjustReason.CORP_ACTION, dqty=50)
        before = it.position()
        await it.say(f.ReportTradeCorrect, "c1", "k1", "x1", TODAY, 100, 100_000)
        after = it.position()
        names = ("qty", "cost", "realized", "cash", "buy_qty", "adj_dqty", "adj_dcost", "adj_dcash", "cycle")
        assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
