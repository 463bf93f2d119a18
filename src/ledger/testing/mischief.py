"""What a nasty venue does beyond trading: it takes back, corrects, overfills, contradicts itself, knows other orders."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, final

from msgspec.structs import replace

from ledger.domain.commands import SubmitOrder
from ledger.domain.enums import CancelReason, OrderType, Side
from ledger.domain.facts import (
    ReportAccepted,
    ReportCanceled,
    ReportExpired,
    ReportFill,
    ReportPendingCancel,
    ReportPendingReplace,
    ReportReduced,
    ReportRejected,
    ReportReplaced,
    ReportTradeCancel,
    ReportTradeCorrect,
)
from ledger.testing.honest_venue import TRADE_DATE, HonestVenue, RestingOrder

EXCHANGE: Final = "SIM"
ACCOUNT: Final = "SIM"
RECENT: Final = 60
"""Among so many of the newest orders or fills it chooses."""


@final
class _Execution:
    """What the venue knows of a fill that it may still change."""

    def __init__(self, order: RestingOrder, fact: ReportFill) -> None:
        self.order = order
        self.fact = fact
        self.last_id = fact.execution_id
        self.qty = fact.qty
        self.busted = False


@final
class Mischief:
    """Does things to the orders of a venue."""

    def __init__(self, core: HonestVenue, seed: int, claimants: tuple[str, ...]) -> None:
        self._core = core
        self._random = Random(f"mischief {seed}")
        self._claimants = claimants
        self._executions: list[_Execution] = []
        self._unknown = 0
        self._acts: Final[tuple[Callable[[], None], ...]] = (
            self._bust,
            self._bust,
            self._bust_again,
            self._correct,
            self._correct,
            self._contradict,
            self._overfill,
            self._fill_late,
            self._split,
            self._cross,
            self._cancel_unasked,
            self._expire,
            self._reduce,
            self._reject_late,
            self._work_on_a_request,
            self._replace_unasked,
            self._fill_unknown,
            self._accept_unknown,
            self._speak_of_unknown,
        )

    def happen(self, acts: int) -> None:
        """So many of them; one that finds nothing to do it to is left out."""
        core = self._core
        seen = len(self._executions)
        self._executions += [_Execution(*each) for each in core.traded[seen:]]
        for _ in range(acts):
            self._random.choice(self._acts)()

    # ---- choosing ------------------------------------------------------------------------------------------

    def _execution(self, *, busted: bool = False) -> _Execution | None:
        found = [each for each in self._executions[-RECENT:] if each.busted is busted]
        return self._random.choice(found) if found else None

    def _resting(self) -> RestingOrder | None:
        found = list(self._core.orders.values())
        return self._random.choice(found) if found else None

    def _over_order(self) -> RestingOrder | None:
        found = [each for each in list(self._core.names.values())[-RECENT:] if not self._core.rests(each)]
        return self._random.choice(found) if found else None

    # ---- executions ----------------------------------------------------------------------------------------

    def _bust(self) -> None:
        one = self._execution()
        if one is None:
            return
        one.busted = True
        reinstated = self._random.random() < 0.6
        self._tell_bust(one, reinstated)
        order = one.order
        order.cum -= one.qty
        if not reinstated:
            order.qty = max(order.cum, order.qty - one.qty)
        elif order.cum < order.qty and not order.closed:
            self._core.orders[order.symbol, order.client_order_id] = order
        if order.cum >= order.qty:
            self._core.end(order)

    def _bust_again(self) -> None:
        one = self._execution(busted=True)
        if one is not None:
            self._tell_bust(one, reinstated=True)

    def _tell_bust(self, one: _Execution, reinstated: bool) -> None:
        core = self._core
        ref = self._random.choice((one.last_id, one.fact.execution_id))
        core.tell(
            ReportTradeCancel(
                *core.head(one.order),
                core.next_execution(),
                ref,
                TRADE_DATE,
                reinstated,
                "erroneous",
                core.now(),
                ACCOUNT,
            )
        )

    def _correct(self) -> None:
        one, core, random = self._execution(), self._core, self._random
        if one is None:
            return
        lots = one.qty // one.order.lot
        qty = one.order.lot * max(1, lots + random.choice((-1, 0, 0, 1)))
        ref = random.choice((one.last_id, one.last_id, one.fact.execution_id))
        one.order.cum += qty - one.qty
        one.last_id, one.qty = core.next_execution(), qty
        core.tell(
            ReportTradeCorrect(
                *core.head(one.order),
                one.last_id,
                ref,
                TRADE_DATE,
                qty,
                one.fact.px + random.randint(-3, 3),
                one.fact.fee // 2,
                "USD",
                core.now(),
                ACCOUNT,
            )
        )
        if one.order.cum >= one.order.qty:
            core.end(one.order)

    def _contradict(self) -> None:
        """The same execution id with another price."""
        one, core = self._execution(), self._core
        if one is not None:
            core.seq += 1
            core.tell(
                replace(
                    one.fact, source_epoch=core.epoch, source_seq=core.seq, px=one.fact.px + 1, venue_cum=None
                )
            )

    def _overfill(self) -> None:
        order = self._resting()
        if order is not None:
            self._core.fill(order, order.qty - order.cum + order.lot * self._random.randint(1, 3))

    def _fill_late(self) -> None:
        order = self._over_order()
        if order is not None:
            self._core.fill(order, order.lot)

    def _split(self) -> None:
        """What could have been one fill comes in parts at one price."""
        order = self._resting()
        if order is None:
            return
        for _ in range(self._random.randint(2, 4)):
            self._core.fill(order, min(order.lot, order.qty - order.cum))

    def _cross(self) -> None:
        """Two of our own orders trade with each other."""
        buy = self._resting()
        sells = [
            each
            for each in self._core.orders.values()
            if buy is not None and each.symbol == buy.symbol and each.side is not buy.side
        ]
        if buy is None or not sells:
            return
        sell = self._random.choice(sells)
        qty = min(buy.qty - buy.cum, sell.qty - sell.cum)
        self._core.fill(buy, qty, buy.around)
        self._core.fill(sell, qty, buy.around)

    # ---- orders --------------------------------------------------------------------------------------------

    def _cancel_unasked(self) -> None:
        order, core = self._resting(), self._core
        if order is None:
            return
        order.closed = True
        core.end(order)
        head = core.head(order)
        core.tell(
            ReportCanceled(
                *head,
                solicited=False,
                reason=CancelReason.VENUE,
                event_time_ns=core.now(),
                venue_cum=order.cum,
            )
        )

    def _expire(self) -> None:
        order, core = self._resting(), self._core
        if order is None:
            return
        order.closed = True
        core.end(order)
        core.tell(ReportExpired(*core.head(order), core.now(), order.cum))

    def _reduce(self) -> None:
        order, core = self._resting(), self._core
        if order is None:
            return
        order.qty = max(order.cum, order.qty - order.lot)
        if order.cum >= order.qty:
            core.end(order)
        core.tell(ReportReduced(*core.head(order), order.qty, core.now()))

    def _reject_late(self) -> None:
        order, core = self._resting(), self._core
        if order is None:
            return
        order.closed = True
        core.end(order)
        core.tell(ReportRejected(*core.head(order), 99, "on second thoughts", core.now()))

    def _work_on_a_request(self) -> None:
        """Of a request that nobody made."""
        order, core = self._resting(), self._core
        if order is not None:
            kind = self._random.choice((ReportPendingCancel, ReportPendingReplace))
            core.tell(kind(*core.head(order), self._name(), core.now()))

    def _replace_unasked(self) -> None:
        order, core = self._resting(), self._core
        if order is None or order.px is None:
            return
        name = self._name()
        order.qty += order.lot * self._random.randint(-1, 2)
        order.qty = max(order.cum, order.qty)
        core.names[order.symbol, name] = order
        core.tell(
            ReportReplaced(
                *core.head(order), name, order.qty, order.px, event_time_ns=core.now(), venue_cum=order.cum
            )
        )
        if order.cum >= order.qty:
            core.end(order)

    # ---- orders that nobody sent ---------------------------------------------------------------------------

    def _name(self) -> str:
        self._unknown += 1
        return f"{self._core.run}-U{self._unknown}"

    def _stranger(self) -> RestingOrder:
        random, core = self._random, self._core
        symbol = random.choice(sorted(core.markets))
        lot, around = core.markets[symbol]
        side = random.choice((Side.BUY, Side.SELL))
        command = SubmitOrder(
            bytes(16),
            self._name(),
            "",
            symbol,
            EXCHANGE,
            side,
            OrderType.LIMIT,
            lot * random.randint(1, 9),
            around,
        )
        order = core.book(command, rests=False)
        order.claimant = random.choice((*self._claimants, ""))
        # Who claims it says whose account it is; otherwise the venue must.
        order.account = "" if order.claimant and random.random() < 0.3 else ACCOUNT
        return order

    def _fill_unknown(self) -> None:
        order = self._stranger()
        order.closed = True
        self._core.fill(order, order.qty)

    def _accept_unknown(self) -> None:
        """It says enough of the order to be adopted."""
        order, core = self._stranger(), self._core
        order.account = ACCOUNT
        core.orders[order.symbol, order.client_order_id] = order
        core.tell(
            ReportAccepted(
                *core.head(order),
                f"V{core.run}-{order.number}",
                core.now(),
                side=order.side,
                order_type=OrderType.LIMIT,
                qty=order.qty,
                px=order.px,
                account=order.account,
                strategy_id=order.claimant,
            )
        )

    def _speak_of_unknown(self) -> None:
        order, core = self._stranger(), self._core
        order.closed = True
        core.tell(ReportCanceled(*core.head(order), event_time_ns=core.now()))
