"""Books kept beside a ledger, to be compared with it: lists of fills and plain arithmetic, none of the ledger's code.

An order here is a handful of values; its status follows from its own naive rules. A position is
the list of its fills, added up again from the first one whenever it is asked for, in fractions. Slow, and too simple
to be wrong in the same way as the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Final, Protocol, final

from msgspec import Struct

from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.enums import Side
from ledger.domain.facts import (
    OrderReport,
    ReportAccepted,
    ReportCancelRejected,
    ReportFill,
    ReportPendingCancel,
    ReportPendingReplace,
    ReportReplaced,
    ReportReplaceRejected,
    ReportTradeCancel,
    ReportTradeCorrect,
)
from ledger.testing.comparison import Row, Scales, compare_fills, compare_orders, compare_positions
from ledger.testing.executions import Executions, Said, Traded
from ledger.testing.numbers import Hole, Numbers
from ledger.testing.order_record import OrderRecord

UNALLOCATED: Final = "_UNALLOCATED"
EXTERNAL: Final = "_EXTERNAL"


@final
class Holding(Struct, frozen=True):
    """A position in whole units of the quote currency and of the instrument."""

    qty: Fraction
    cost: Fraction
    realized: Fraction
    cash: Fraction
    fees: Fraction


@final
class Told(Struct, frozen=True):
    """What one fact must come to."""

    kinds: tuple[str, ...]
    """Anomalies, by name."""
    repeated: bool
    """It says what is known: nothing is journaled, but perhaps a hole in doubt before it."""


@final
class Books:
    """Everything that was acknowledged in one run."""

    def __init__(self, scales: Scales) -> None:
        self._scales = scales
        self.orders: dict[tuple[str, str], OrderRecord] = {}
        self._by_any_id: dict[tuple[str, str], OrderRecord] = {}
        self.executions = Executions()
        self.numbers = Numbers()
        self.anomalies: Counter[str] = Counter()
        """How many of each kind must have been recorded."""

    def commanded(self, command: SubmitOrder | CancelOrder | ReplaceOrder) -> None:
        """The ledger acknowledged a command."""
        if type(command) is SubmitOrder:
            self._add(OrderRecord.submitted(command))
            return
        record = self._by_any_id[command.symbol, command.orig_client_order_id]  # type: ignore[union-attr]
        record.asked[command.client_order_id] = "CANCEL" if type(command) is CancelOrder else "REPLACE"
        self._by_any_id[command.symbol, command.client_order_id] = record

    def _add(self, record: OrderRecord) -> None:
        key = (record.symbol, record.client_order_id)
        self.orders[key] = self._by_any_id[key] = record

    # ---- facts ---------------------------------------------------------------------------------------------

    def reported(self, fact: OrderReport) -> Told:
        """The ledger acknowledged a fact: what it must have made of it."""
        taken, hole = self.numbers.judge(fact)
        gap = hole is not Hole.NONE
        if taken and type(fact) not in (ReportFill, ReportTradeCancel, ReportTradeCorrect):
            return Told((), True)
        kinds, recorded = self._decided(fact)
        if (
            taken
        ):  # only an execution that counts is new; a conflict under this number may have been recorded before
            counts = recorded and not {"EXEC_ID_CONFLICT", "DOUBLE_BUST"} & {*kinds}
            told = Told((*kinds, "SOURCE_SEQ_CONFLICT"), False) if counts else Told((), True)
        else:
            came = self.numbers.journaled(fact, recorded=recorded, gap=gap)
            told = Told(
                (*kinds, "SOURCE_GAP") if hole is Hole.MISSING else tuple(kinds),
                not (recorded or came or hole is Hole.MISSING),
            )
        self.anomalies.update(told.kinds)
        return told

    def _decided(self, fact: OrderReport) -> tuple[list[str], bool]:
        record = self._by_any_id.get((fact.symbol, fact.client_order_id))
        if type(fact) is ReportFill:
            return self._filled(record, fact)
        if type(fact) in (ReportTradeCancel, ReportTradeCorrect):
            return self._said(record, fact)  # type: ignore[arg-type]
        if record is None:
            return self._of_unknown(fact), True
        kinds, recorded = record.told(fact)
        if type(fact) in (ReportReplaced, ReportPendingCancel, ReportPendingReplace) and not record.ended:
            self._by_any_id.setdefault((fact.symbol, fact.request_id), record)  # type: ignore[attr-defined]
        return kinds, recorded

    def _of_unknown(self, fact: OrderReport) -> list[str]:
        if type(fact) in (ReportCancelRejected, ReportReplaceRejected):
            return ["UNKNOWN_REQUEST"]
        if type(fact) is ReportAccepted and fact.side is not None and fact.qty and fact.account:
            holder = fact.strategy_id or EXTERNAL
            order = OrderRecord(
                fact.client_order_id, holder, fact.symbol, fact.side, fact.qty, fact.px, acknowledged=True
            )
            order.venue_order_id = fact.venue_order_id
            self._add(order)
        return ["UNKNOWN_ORDER"]

    def _filled(self, record: OrderRecord | None, fact: ReportFill) -> tuple[list[str], bool]:
        holder = record.strategy_id if record is not None else fact.strategy_id or UNALLOCATED
        order = record.client_order_id if record is not None else ""
        traded, waited, conflict = self.executions.take_fill(fact, holder, order)
        if traded is None:
            return ([conflict], True) if conflict else ([], False)
        if waited is not None:
            _apply(traded, waited)
        if record is None:
            return ["UNKNOWN_ORDER"], True
        kinds = record.filled(fact.qty, 0 if traded.busted else traded.qty, fact.venue_cum)
        if waited is not None:
            _tell(record, traded, waited, fact.qty)
        return kinds, True

    def _said(self, record: OrderRecord | None, fact: Said) -> tuple[list[str], bool]:
        verdict = self.executions.judge(fact)
        if verdict == "repeated":
            return [], False
        if verdict not in ("new", "waits"):
            return [verdict], True
        traded, said = self.executions.take(fact)
        if traded is None:
            return ["BUST_BEFORE_FILL" if type(fact) is ReportTradeCancel else "CORRECT_BEFORE_FILL"], True
        owner = self.orders.get((fact.symbol, traded.order))
        before = traded.qty
        for each in said:
            _apply(traded, each)
        return ([] if owner is None else _tell(owner, traded, said[-1], before)), True

    # ---- what there is -------------------------------------------------------------------------------------

    def resting(self) -> list[OrderRecord]:
        """Orders that the venue has, with nothing asked of them."""
        return [
            record
            for record in self.orders.values()
            if record.acknowledged and record.leaves and not record.asked and record.px is not None
        ]

    def ended(self) -> list[OrderRecord]:
        """Orders that are canceled, expired, rejected or filled."""
        return [record for record in self.orders.values() if not record.leaves and not record.asked]

    @property
    def fill_count(self) -> int:
        return len(self.executions.fills)

    def traded(self, strategy_id: str, symbol: str) -> list[Traded]:
        """The fills of a position that count, oldest first."""
        return [
            each
            for each in self.executions.fills.values()
            if each.holder == strategy_id and each.symbol == symbol and not each.busted
        ]

    def holding(self, strategy_id: str, symbol: str) -> Holding:
        """The position, from its first fill on."""
        return add_up(self.traded(strategy_id, symbol), *self._scales[symbol])

    def differences(
        self, orders: Iterable[Row], fills: Iterable[Row], positions: Iterable[Row], of: Iterable[str]
    ) -> list[str]:
        """One sentence for each value of strategies `of` that the ledger's rows have otherwise, lack or repeat."""
        mine = set(of)
        records = {key: each for key, each in self.orders.items() if each.strategy_id in mine}
        traded = [each for each in self.executions.fills.values() if each.holder in mine]
        places = {(each.holder, each.symbol) for each in traded}
        found = compare_orders(records, (row for row in orders if row["strategy_id"] in mine), self._scales)
        found += compare_fills(traded, (row for row in fills if row["strategy_id"] in mine), self._scales)
        return found + compare_positions(
            {place: self.holding(*place) for place in places},
            (row for row in positions if row["strategy_id"] in mine),
        )


def _apply(traded: Traded, said: Said) -> None:
    if type(said) is ReportTradeCorrect:
        traded.qty, traded.px, traded.fee = said.qty, said.px, said.fee
    else:
        traded.busted = True


def _tell(record: OrderRecord, traded: Traded, last: Said, before: int) -> list[str]:
    """The order hears that a fill which counted `before` was corrected, busted, or the one after the other."""
    kinds = record.corrected(traded.qty - before)
    if type(last) is ReportTradeCancel:
        record.lost(traded.qty, last.reinstated)
        return []
    return kinds


class Line(Protocol):
    """A fill that counts, in its instrument's scales."""

    side: Side
    qty: int
    px: int
    fee: int


def add_up(fills: Iterable[Line], price_scale: int, qty_scale: int) -> Holding:
    """The position that these fills make, from nothing."""
    money, unit = 10 ** (price_scale + qty_scale), 10**qty_scale
    qty = cost = realized = cash = fees = Fraction(0)
    for fill in fills:
        delta = Fraction(fill.qty if fill.side is Side.BUY else -fill.qty)
        cash -= delta * fill.px
        fees += Fraction(fill.fee, 10**8)
        if qty * delta < 0:
            closed = min(abs(qty), abs(delta)) * (1 if qty > 0 else -1)
            # The ledger keeps whole units; half to even is its published rule (and round()'s).
            removed = Fraction(round(cost * closed / qty))
            realized += closed * fill.px - removed
            cost -= removed
            qty -= closed
            delta += closed
        cost += delta * fill.px
        qty += delta
    return Holding(qty / unit, cost / money, realized / money, cash / money, fees)
