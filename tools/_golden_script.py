"""What the golden journal holds: every event type at least once, in two starts."""

from __future__ import annotations

from typing import Any

from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, ReplaceOrder
from ledger.domain.control_commands import (
    EngageKillSwitch,
    MassCancel,
    ReleaseKillSwitch,
    SetRiskLimit,
    SetTradingState,
)
from ledger.domain.enums import (
    AdjustReason,
    BookSource,
    CancelReason,
    CancelRejectReason,
    Liquidity,
    OrderAction,
    OrderType,
    Side,
    TimeInForce,
    TradingPhase,
    TradingState,
)
from ledger.domain.facts import (
    BookDelta,
    BookOrder,
    BookSnapshot,
    MarketPhase,
    MarketTrade,
    Quote,
    ReportCanceled,
    ReportCancelRejected,
    ReportDoneForDay,
    ReportExpired,
    ReportPendingCancel,
    ReportPendingReplace,
    ReportReduced,
    ReportRejected,
    ReportReplaced,
    ReportReplaceRejected,
    ReportRestated,
    ReportResumed,
    ReportStatus,
    ReportSuspended,
    ReportTradeCancel,
    ReportTradeCorrect,
    ReportTriggered,
)
from ledger.domain.operator_commands import (
    AdjustPosition,
    CloseCase,
    CloseSession,
    DefineCalendar,
    OpenSession,
    ReleaseEntity,
    ResumePartition,
    RollTradingDay,
    SetSettlementPrice,
    TransferPosition,
)
from ledger.domain.scope import Scope
from ledger.engine import commands
from ledger.wire import decode_batch
from running_engine import Running, accepted, fill

DAY = "2025-11-20"


class Gateway:
    """Numbers the reports of one run of a gateway."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.seq = 0

    def head(self, client_order_id: str, symbol: str = "AAPL") -> tuple[Any, ...]:
        self.seq += 1
        return ("gw", self.epoch, self.seq, symbol, "XNAS", client_order_id)

    def accepted(self, client_order_id: str, **more: Any) -> Any:
        self.seq += 1
        return accepted(self.seq, client_order_id, epoch=self.epoch, **more)

    def fill(self, client_order_id: str, qty: int, px: int = 1_812_500, **more: Any) -> Any:
        self.seq += 1
        more.setdefault("execution_id", f"x{self.epoch}-{self.seq}")
        return fill(self.seq, client_order_id, qty, px, epoch=self.epoch, **more)


async def first_start(one: Running) -> None:
    """Definitions, a life of orders, a fault, facts that wait; ends in a crash."""
    gateway = Gateway()
    await _define(one)
    await _orders(one, gateway)
    await _requests(one, gateway)
    await _executions(one, gateway)
    await _rarities(one, gateway)
    await _market(one)


async def second_start(one: Running) -> None:
    """After the crash, on the next day: trading goes on, a book without numbers is stale until its snapshot."""
    gateway = Gateway(epoch=2)
    for number in range(10):
        name = f"n{number}"
        await one.ask("commands", one.order(name, 100 + number, 1_812_500, trader_id="t1"))
        await one.ask("reports", gateway.accepted(name), gateway.fill(name, 60, liquidity=Liquidity.TAKER))
    await one.ask(
        "market",
        BookSnapshot("md", 2, 1, "AAPL", "XNAS", 50, ((1_812_400, 300),), ((1_812_600, 200),)),
        BookDelta("md", 2, 2, "AAPL", "XNAS", 51, 53, ((1_812_500, 10),), ((1_812_600, 0), (1_812_700, 90))),
        Quote("md", 2, 3, "AAPL", "XNAS", 1_812_500, 10, 1_812_700, 90, 53),
        BookSnapshot("itch", 2, 1, "AAPL", "XITC", 0, (), (), continuity=BookSource.COUNTED),
        BookOrder("itch", 2, 2, "AAPL", "XITC", 1, OrderAction.ADDED, "a", Side.BUY, 1_812_400, 100),
        BookOrder("itch", 2, 3, "AAPL", "XITC", 2, OrderAction.REDUCED, "a", Side.BUY, 1_812_400, 40),
    )
    await _control(one)
    await _office(one)


async def _office(one: Running) -> None:
    """Positions without fills, a price for the day, its roll, sessions, and what an operator closes and releases."""
    await one.ask(
        "commands",
        AdjustPosition(one.new_id(), "S1", "AAPL", AdjustReason.CORP_ACTION, "bea", dqty=100, ref="split"),
        TransferPosition(one.new_id(), "S1", "S2", "AAPL", 10, 1_812_500, "rebook"),
        SetSettlementPrice(one.new_id(), "AAPL", DAY, 1_812_600),
        DefineCalendar(one.new_id(), "XNAS", (), "by hand"),
        RollTradingDay(one.new_id(), DAY),
        OpenSession(one.new_id(), "s1", "ann"),
        CloseSession(one.new_id(), "s1", "bye"),
    )
    await one.settle()
    cases = [row for row in await one.rows("anomalies", open="true") if row["place"].startswith("trading/")]
    (aside, *_) = await one.rows("quarantine")
    await one.ask(
        "commands",
        CloseCase(one.new_id(), int(cases[0]["place"].rpartition(":")[2]), "looked at"),
        ReleaseEntity(one.new_id(), aside["kind"], aside["key"], "mended"),
        ResumePartition(one.new_id(), 0, "the disk has room again"),
    )
    await one.settle()


async def _control(one: Running) -> None:
    """Limits, a halt, a kill switch with its mass cancel, and an order that was let through with a mark."""
    await one.ask(
        "commands",
        SetRiskLimit(
            one.new_id(), Scope.STRATEGY, "S1", max_order_qty=500 * 10**8, px_collar=5_000_000, reason="drill"
        ),
        SetTradingState(one.new_id(), Scope.SYMBOL, TradingState.REDUCING, "AAPL", "close the day"),
        SetTradingState(one.new_id(), Scope.SYMBOL, TradingState.ACTIVE, "AAPL", "a new day"),
    )
    await one.ask("commands", one.order("g1", 100, 1_812_500), one.order("g2", 900, 1_812_500))
    engage = EngageKillSwitch(one.new_id(), Scope.STRATEGY, "S1", "drill")
    await one.ask("commands", engage)
    await one.settle()
    await one.ask(
        "commands",
        one.order("g3", 100, 1_812_500),
        ReleaseKillSwitch(one.new_id(), engage.command_id, "drill over"),
        MassCancel(one.new_id(), Scope.SYMBOL, "AAPL", "once more"),
    )
    await one.settle()


async def _define(one: Running) -> None:
    await one.ask(
        "commands",
        DefineStrategy(one.new_id(), "S1", "ACC"),
        DefineStrategy(one.new_id(), "S2", "ACC", "desk"),
        DefineInstrument(one.new_id(), "AAPL", "XNAS", 4, 0, 100, 1),
        DefineInstrument(one.new_id(), "BTCUSDT", "BINANCE", 2, 8, 1, 1000, quote_ccy="USDT"),
        DefineInstrument(one.new_id(), "CL", "NYMEX", 2, 0, 1, 1, 1000 * 10**8, allow_negative_px=True),
    )


async def _orders(one: Running, gateway: Gateway) -> None:
    for number in range(12):
        terms: dict[str, Any] = {"side": Side.SELL if number % 3 == 2 else Side.BUY}
        if number % 4 == 3:
            terms |= {"order_type": OrderType.MARKET, "px": None, "time_in_force": TimeInForce.IOC}
        px = terms.pop("px", 1_812_500 + 100 * number)
        await one.ask("commands", one.order(f"a{number}", 100, px, **terms))
    for number in range(12):
        name, side = f"a{number}", Side.SELL if number % 3 == 2 else Side.BUY
        await one.ask(
            "reports",
            gateway.accepted(name, event_time_ns=one.clock.now_ns - 5000),
            gateway.fill(name, 30 + number, 1_812_500, side=side, fee=12_500_000, fee_ccy="USD"),
        )
    head = gateway.head
    await one.ask("reports", ReportCanceled(*head("a3"), False, "", CancelReason.IOC_REMAINDER))
    await one.ask("commands", one.order("rej", 10, 1_812_500))
    await one.ask("reports", ReportRejected(*head("rej"), 3, "not today"))
    rejected = [one.order("bad", -1), one.order("bad", symbol="NONE"), one.order("a1", 7)]
    await one.ask("commands", *rejected, rejected[0])
    text = (
        b'{"type":"SubmitOrder","command_id":"019aa1bb-5480-7000-8000-00000000ffff","client_order_id":"t1",'
    )
    text += (
        b'"strategy_id":"S1","symbol":"AAPL","exchange":"XNAS","side":"BUY","order_type":"LIMIT","qty":"1",'
    )
    await one.ask("commands", *decode_batch(text + b'"px":"1.00001"}', "commands", batch_max=1).inputs)


async def _requests(one: Running, gateway: Gateway) -> None:
    head = gateway.head
    cancel = CancelOrder(one.new_id(), "AAPL", "k1", "a0")
    await one.ask("commands", cancel)
    await one.ask("reports", ReportPendingCancel(*head("a0"), "k1"), ReportCanceled(*head("a0"), True, "k1"))
    await one.ask("commands", CancelOrder(one.new_id(), "AAPL", "k2", "a1"), cancel)
    await one.ask("reports", ReportCancelRejected(*head("a1"), "k2", CancelRejectReason.TOO_LATE, "too late"))
    await one.ask("commands", ReplaceOrder(one.new_id(), "AAPL", "r1", "a1", 150, 1_812_700))
    await one.ask("reports", ReportPendingReplace(*head("a1"), "r1"))
    await one.ask("reports", ReportReplaced(*head("a1"), "r1", 150, 1_812_700, venue_order_id="v-a1-2"))
    await one.ask("commands", ReplaceOrder(one.new_id(), "AAPL", "r2", "r1", 160))
    await one.ask("reports", ReportReplaceRejected(*head("r1"), "r2", CancelRejectReason.BROKER, "no"))
    await one.ask("reports", ReportDoneForDay(*head("a4")), ReportRestated(*head("a4"), 120, 1_812_900))
    await one.ask("reports", ReportReduced(*head("a5"), 60))
    await one.ask("reports", ReportSuspended(*head("a6")), ReportResumed(*head("a6")))
    await one.ask("commands", one.order("stop", 10, None, order_type=OrderType.STOP, stop_px=1_820_000))
    await one.ask("reports", gateway.accepted("stop"), ReportTriggered(*head("stop")))
    await one.ask("reports", ReportExpired(*head("a8")))


async def _executions(one: Running, gateway: Gateway) -> None:
    head = gateway.head
    once = gateway.fill("a9", 5, execution_id="once")
    await one.ask("reports", once, once)
    await one.ask("reports", ReportTradeCancel(*head("a9"), "b1", "once", DAY, True, "clerical"))
    await one.ask("reports", gateway.fill("a9", 6, execution_id="wrong"))
    await one.ask("reports", ReportTradeCorrect(*head("a9"), "k1", "wrong", DAY, 7, 1_812_600))
    await one.ask("reports", ReportTradeCancel(*head("a9"), "b2", "early", DAY))
    await one.ask("reports", gateway.fill("a9", 9, execution_id="early"))
    await one.ask("reports", gateway.fill("stranger", 11, account="ACC"))
    adopted = {"side": Side.SELL, "order_type": OrderType.LIMIT, "qty": 50, "px": 1_813_000, "account": "ACC"}
    await one.ask("reports", gateway.accepted("theirs", time_in_force=TimeInForce.GTC, **adopted))
    await one.ask("reports", gateway.fill("theirs", 50, 1_813_000, side=Side.SELL))
    await one.ask("reports", gateway.fill("a10", 500))  # an overfill
    gateway.seq += 2
    await one.ask("reports", gateway.fill("a11", 1, side=Side.SELL))  # a gap of two
    gateway.seq -= 2
    await one.ask("reports", gateway.fill("a11", 2, side=Side.SELL))
    gateway.seq += 1
    await one.ask("reports", ReportStatus(*head("a6"), True, 50))  # a fill is missing: the venue is asked
    await one.ask("reports", gateway.fill("a6", 14, venue_cum=50), ReportStatus(*head("a6"), True, 50))


async def _rarities(one: Running, gateway: Gateway) -> None:
    """A fault of ours, made for this one order, and facts of a symbol that is defined too late."""
    decide = commands.decide_submit

    def broken(*_anything: Any, **_more: Any) -> Any:
        raise ZeroDivisionError("made for the golden journal")

    commands.decide_submit = broken
    try:
        await one.ask("commands", one.order("fault"))
    finally:
        commands.decide_submit = decide
    late = [
        gateway.fill("l1", 4, symbol="LATE", account="ACC"),
        gateway.fill("l1", 5, symbol="LATE", account="ACC"),
    ]
    await one.ask("reports", *late)
    await one.ask("market", Quote("md", 1, 1, "LATE", "XNAS", 1, 2, 3, 4))
    await one.ask("commands", DefineInstrument(one.new_id(), "LATE", "XNAS", 2, 0))


async def _market(one: Running) -> None:
    apple, coin = ("AAPL", "XNAS"), ("BTCUSDT", "BINANCE")
    await one.ask(
        "market",
        BookSnapshot("md", 1, 2, *apple, 10, ((1_812_400, 300), (1_812_300, 5)), ((1_812_600, 200),)),
        BookDelta("md", 1, 3, *apple, 11, 12, ((1_812_400, 0),), ((1_812_600, 250), (1_812_800, 1))),
        MarketTrade("md", 1, 4, *apple, 1_812_500, 30, Side.BUY, "t-1", 1),
        Quote("md", 1, 5, *apple, 1_812_300, 5, 1_812_600, 250, 12),
        MarketPhase("md", 1, 6, *apple, TradingPhase.HALTED),
        MarketPhase("md", 1, 7, *apple, TradingPhase.CONTINUOUS),
    )
    gap = BookDelta("md", 1, 8, *apple, 20, 21, ((1_812_300, 7),), ())
    await one.ask("market", gap, BookDelta("md", 1, 9, *apple, 22, 22, ((1_812_400, 9),), ()))
    await one.ask("market", BookSnapshot("md", 1, 10, *apple, 20, ((1_812_300, 6),), ((1_812_600, 200),)))
    unnumbered = BookSource.UNNUMBERED
    levels = tuple((6_168_599 - index, 10**8 + index) for index in range(20))
    await one.ask("market", BookSnapshot("ws", 1, 1, *coin, 0, levels, ((6_168_700, 5),), 0, unnumbered))
    for number in range(20):
        change = ((6_168_599 - number % 7, 10**7 * number),)
        await one.ask("market", BookDelta("ws", 1, 2 + number, *coin, 0, 0, change, (), 0, 0, unnumbered))
