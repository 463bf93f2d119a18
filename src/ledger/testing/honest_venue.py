"""What a venue does with each command it is given, told as facts in the order in which they happened.

It acknowledges, rejects, fills in parts, cancels, refuses to cancel, replaces and refuses to replace. Fills fall
between a request and its answer too, as they do in life. All its numbers are scaled integers.
"""

from __future__ import annotations

from random import Random
from typing import Final, final

from msgspec.structs import replace

from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.enums import CancelRejectReason, Liquidity, OrderType, Side
from ledger.domain.facts import (
    OrderReport,
    ReportAccepted,
    ReportCanceled,
    ReportCancelRejected,
    ReportFill,
    ReportRejected,
    ReportReplaced,
    ReportReplaceRejected,
    ReportStatus,
)
from ledger.journal import partition_of

BEGAN_NS: Final = 1_763_650_000_000_000_000
TRADE_DATE: Final = "2025-11-20"
_STEP_NS: Final = 1_000_003


@final
class RestingOrder:
    """An order as the venue has it."""

    __slots__ = (
        "account",
        "around",
        "claimant",
        "client_order_id",
        "closed",
        "cum",
        "exchange",
        "lot",
        "number",
        "px",
        "qty",
        "side",
        "symbol",
    )

    def __init__(self, order: SubmitOrder, number: int, lot: int, around: int) -> None:
        self.client_order_id = order.client_order_id
        self.symbol = order.symbol
        self.exchange = order.exchange
        self.side = Side(order.side)
        self.qty = order.qty
        self.px = order.px
        self.cum = 0
        self.account = ""
        """Said with its fills where the ledger may not know the order."""
        self.claimant = ""
        self.closed = False
        """Ended otherwise than by trading."""
        self.lot = lot
        self.around = around
        self.number = number


@final
class HonestVenue:
    """Takes acknowledged commands, gives facts; the same seed and commands give the same facts."""

    def __init__(self, seed: int, run: str, markets: dict[str, tuple[int, int]]) -> None:
        self._random = Random(f"venue {seed}")
        self.run = run
        self.markets = markets
        """(lot, price around which it trades) by symbol."""
        self.source = f"sim/{run}"
        self.epoch = 1
        self.seq = 0
        self.partitions = 1
        """Of the ledger: each has a number line of its own, since each judges the numbers by itself."""
        self._lines: dict[int, int] = {}
        self._executions = self._booked = 0
        self.orders: dict[tuple[str, str], RestingOrder] = {}
        """What rests."""
        self.names: dict[tuple[str, str], RestingOrder] = {}
        """Every order, by every id that it ever had."""
        self.traded: list[tuple[RestingOrder, ReportFill]] = []
        self._facts: list[OrderReport] = []

    def take(self, command: SubmitOrder | CancelOrder | ReplaceOrder) -> None:
        """A command that the ledger acknowledged reaches the venue."""
        if type(command) is SubmitOrder:
            self._submitted(command)
        elif type(command) is CancelOrder:
            self._cancel_asked(command)
        elif type(command) is ReplaceOrder:
            self._replace_asked(command)

    def trade(self, trades: int) -> None:
        """`trades` executions of resting orders."""
        resting = list(self.orders.values())
        for order in self._random.sample(resting, min(trades, len(resting))):
            self.fill(order, self.part(order))

    def told(self) -> list[OrderReport]:
        """What happened since the last time."""
        facts, self._facts = self._facts, []
        return facts

    def tell(self, fact: OrderReport) -> None:
        """Something happened."""
        self._facts.append(fact)

    def head(self, order: RestingOrder) -> tuple[str, int, int, str, str, str]:
        """The next number, and the order."""
        self.seq += 1
        source, seq = self.source, self.seq
        if self.partitions > 1:
            line = partition_of(order.symbol, self.partitions)
            seq = self._lines[line] = self._lines.get(line, 0) + 1
            source = f"{source}/{line}"
        return source, self.epoch, seq, order.symbol, order.exchange, order.client_order_id

    def now(self) -> int:
        """The venue's clock moves with its facts."""
        return BEGAN_NS + self.seq * _STEP_NS

    def _submitted(self, command: SubmitOrder) -> None:
        refused = self._random.random() < 0.04
        order = self.book(command, rests=not refused)
        head = self.head(order)
        if refused:
            order.closed = True
            self.tell(ReportRejected(*head, 99, "not today", self.now()))
            return
        self.tell(ReportAccepted(*head, f"V{self.run}-{order.number}", self.now()))
        if command.order_type is OrderType.MARKET:
            self.fill(order, self.part(order))
            self.fill(order, order.qty - order.cum)

    def book(self, command: SubmitOrder, *, rests: bool) -> RestingOrder:
        """Have an order under its name."""
        self._booked += 1
        order = RestingOrder(command, self._booked, *self.markets[command.symbol])
        key = (command.symbol, command.client_order_id)
        self.names[key] = order
        if rests:
            self.orders[key] = order
        return order

    def part(self, order: RestingOrder) -> int:
        """Some of what is left of an order, in lots."""
        lots = (order.qty - order.cum) // order.lot
        return order.lot * self._random.randint(1, lots) if lots else 0

    def next_execution(self) -> str:
        """An execution id that was never used."""
        self._executions += 1
        return f"X{self.run}-{self._executions}"

    def fill(self, order: RestingOrder, qty: int, px: int | None = None) -> None:
        """`qty` of the order trades, at its own price unless another is given; nothing if there is nothing left."""
        if qty <= 0:
            return
        random = self._random
        order.cum += qty
        execution_id = self.next_execution()
        head = self.head(order)
        maker = random.random() < 0.6
        if px is None:
            px = order.around if order.px is None else order.px
        fact = ReportFill(
            *head,
            execution_id,
            TRADE_DATE,
            order.side,
            qty,
            px,
            -random.randint(1, 10**7) if maker else random.randint(1, 10**8),
            "USD",
            Liquidity.MAKER if maker else Liquidity.TAKER,
            self.now(),
            account=order.account,
            strategy_id=order.claimant,
            venue_cum=order.cum,
            venue_leaves=max(0, order.qty - order.cum),
        )
        self.tell(fact)
        self.traded.append((order, fact))
        if order.cum >= order.qty:
            self.end(order)

    def asked(self, symbol: str, client_order_id: str) -> None:
        """An order-status request: every execution of the order again, then the order as it stands."""
        order = self.names.get((symbol, client_order_id))
        if order is None:
            return
        for traded, fact in list(self.traded):
            if traded is order:
                source, epoch, seq, *_ = self.head(order)
                self.tell(replace(fact, source=source, source_epoch=epoch, source_seq=seq))
        is_open = self.rests(order)
        self.tell(ReportStatus(*self.head(order), is_open, order.cum, order.qty, event_time_ns=self.now()))

    def end(self, order: RestingOrder) -> None:
        """Nothing of it rests any more."""
        self.orders.pop((order.symbol, order.client_order_id), None)

    def rests(self, order: RestingOrder) -> bool:
        """Whether it can still trade."""
        return (order.symbol, order.client_order_id) in self.orders

    def _cancel_asked(self, command: CancelOrder) -> None:
        order = self._named(command.symbol, command.orig_client_order_id)
        request, luck = command.client_order_id, self._random.random()
        if not self.rests(order):  # it ended while the request was on its way
            reason, text = CancelRejectReason.TOO_LATE, "over"
        elif luck < 0.15:  # the rest trades before the cancel arrives
            self.fill(order, order.qty - order.cum)
            reason, text = CancelRejectReason.TOO_LATE, "too late"
        elif luck < 0.25:
            reason, text = CancelRejectReason.BROKER, "not now"
        else:
            if luck < 0.5:
                self.fill(order, self.part(order) // 2 // order.lot * order.lot)
            order.closed = True
            self.end(order)
            head = self.head(order)
            self.tell(
                ReportCanceled(*head, request_id=request, event_time_ns=self.now(), venue_cum=order.cum)
            )
            return
        head = self.head(order)
        self.tell(ReportCancelRejected(*head, request, reason, text, self.now()))

    def _replace_asked(self, command: ReplaceOrder) -> None:
        order = self._named(command.symbol, command.orig_client_order_id)
        request, luck = command.client_order_id, self._random.random()
        rests = self.rests(order)
        if rests and luck < 0.3:  # trades at the old terms before the request arrives
            self.fill(order, self.part(order))
        qty = order.qty if command.qty is None else command.qty
        px = order.px if command.px is None else command.px
        rests = rests and self.rests(order)
        if not rests or qty <= order.cum or luck > 0.85:
            late = not rests
            reason = CancelRejectReason.TOO_LATE if late else CancelRejectReason.BROKER
            head = self.head(order)
            self.tell(ReportReplaceRejected(*head, request, reason, "", self.now()))
            return
        order.qty, order.px = qty, px
        self.names[order.symbol, request] = order
        head = self.head(order)
        self.tell(ReportReplaced(*head, request, qty, px, event_time_ns=self.now(), venue_cum=order.cum))

    def _named(self, symbol: str, client_order_id: str) -> RestingOrder:
        order = self.names.get((symbol, client_order_id))
        assert order is not None, (
            f"the ledger passed on a request for {client_order_id}, which the venue never had"
        )
        return order
