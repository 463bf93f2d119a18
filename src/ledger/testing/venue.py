"""A seeded venue: what it does with each command it is given, told as facts in the order in which they happened.

It acknowledges, rejects, fills in parts, cancels, refuses to cancel, replaces and refuses to replace. Fills fall
between a request and its answer too, as they do in life. All its numbers are scaled integers.
"""

from __future__ import annotations

from random import Random
from typing import Final, final

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
)

BEGAN_NS: Final = 1_763_650_000_000_000_000
TRADE_DATE: Final = "2025-11-20"
_STEP_NS: Final = 1_000_003


@final
class _Resting:
    """An order as the venue has it."""

    __slots__ = (
        "around",
        "client_order_id",
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
        self.lot = lot
        self.around = around
        self.number = number


@final
class Venue:
    """Takes acknowledged commands, gives facts; the same seed and commands give the same facts."""

    def __init__(self, seed: int, run: str, markets: dict[str, tuple[int, int]]) -> None:
        self._random = Random(f"venue {seed}")
        self._run = run
        self._markets = markets
        """(lot, price around which it trades) by symbol."""
        self._source = f"sim/{run}"
        self._seq = 0
        self._executions = 0
        self._orders: dict[tuple[str, str], _Resting] = {}
        self._names: dict[tuple[str, str], _Resting] = {}
        """By every id that an order ever had."""
        self._facts: list[OrderReport] = []

    def take(self, command: SubmitOrder | CancelOrder | ReplaceOrder) -> None:
        """A command that the ledger acknowledged reaches the venue."""
        if type(command) is SubmitOrder:
            self._submitted(command)
        elif type(command) is CancelOrder:
            self._cancel_asked(command)
        elif type(command) is ReplaceOrder:
            self._replace_asked(command)

    def facts(self, trades: int) -> list[OrderReport]:
        """What happened since the last time, after `trades` more executions of resting orders."""
        resting = list(self._orders.values())
        for order in self._random.sample(resting, min(trades, len(resting))):
            self._fill(order, self._part(order))
        facts, self._facts = self._facts, []
        return facts

    def _head(self, order: _Resting | SubmitOrder) -> tuple[str, int, int, str, str, str]:
        self._seq += 1
        return self._source, 1, self._seq, order.symbol, order.exchange, order.client_order_id

    def _now(self) -> int:
        return BEGAN_NS + self._seq * _STEP_NS

    def _submitted(self, command: SubmitOrder) -> None:
        if self._random.random() < 0.04:
            head = self._head(command)
            self._facts.append(ReportRejected(*head, 99, "not today", self._now()))
            return
        order = _Resting(command, self._seq + 1, *self._markets[command.symbol])
        self._orders[command.symbol, command.client_order_id] = order
        self._names[command.symbol, command.client_order_id] = order
        head = self._head(order)
        self._facts.append(ReportAccepted(*head, f"V{self._run}-{order.number}", self._now()))
        if command.order_type is OrderType.MARKET:
            self._fill(order, self._part(order))
            self._fill(order, order.qty - order.cum)

    def _part(self, order: _Resting) -> int:
        lots = (order.qty - order.cum) // order.lot
        return order.lot * self._random.randint(1, lots) if lots else 0

    def _fill(self, order: _Resting, qty: int) -> None:
        if qty <= 0:
            return
        random = self._random
        order.cum += qty
        self._executions += 1
        head = self._head(order)
        maker = random.random() < 0.6
        self._facts.append(
            ReportFill(
                *head,
                f"X{self._run}-{self._executions}",
                TRADE_DATE,
                order.side,
                qty,
                order.around if order.px is None else order.px,
                -random.randint(1, 10**7) if maker else random.randint(1, 10**8),
                "USD",
                Liquidity.MAKER if maker else Liquidity.TAKER,
                self._now(),
                venue_cum=order.cum,
                venue_leaves=order.qty - order.cum,
            )
        )
        if order.cum == order.qty:
            del self._orders[order.symbol, order.client_order_id]

    def _cancel_asked(self, command: CancelOrder) -> None:
        order = self._named(command.symbol, command.orig_client_order_id)
        request, luck = command.client_order_id, self._random.random()
        if luck < 0.15:  # the rest trades before the cancel arrives
            self._fill(order, order.qty - order.cum)
            reason, text = CancelRejectReason.TOO_LATE, "too late"
        elif luck < 0.25:
            reason, text = CancelRejectReason.BROKER, "not now"
        else:
            if luck < 0.5:
                self._fill(order, self._part(order) // 2 // order.lot * order.lot)
            del self._orders[order.symbol, order.client_order_id]
            head = self._head(order)
            self._facts.append(
                ReportCanceled(*head, request_id=request, event_time_ns=self._now(), venue_cum=order.cum)
            )
            return
        head = self._head(order)
        self._facts.append(ReportCancelRejected(*head, request, reason, text, self._now()))

    def _replace_asked(self, command: ReplaceOrder) -> None:
        order = self._named(command.symbol, command.orig_client_order_id)
        request, luck = command.client_order_id, self._random.random()
        if luck < 0.3:  # trades at the old terms before the request arrives
            self._fill(order, self._part(order))
        qty = order.qty if command.qty is None else command.qty
        px = order.px if command.px is None else command.px
        if order.cum == order.qty or qty <= order.cum or luck > 0.85:
            late = order.cum == order.qty
            reason = CancelRejectReason.TOO_LATE if late else CancelRejectReason.BROKER
            head = self._head(order)
            self._facts.append(ReportReplaceRejected(*head, request, reason, "", self._now()))
            return
        order.qty, order.px = qty, px
        self._names[order.symbol, request] = order
        head = self._head(order)
        self._facts.append(
            ReportReplaced(*head, request, qty, px, event_time_ns=self._now(), venue_cum=order.cum)
        )

    def _named(self, symbol: str, client_order_id: str) -> _Resting:
        order = self._names.get((symbol, client_order_id))
        assert order is not None, (
            f"the ledger passed on a request for {client_order_id}, which the venue never had"
        )
        return order
