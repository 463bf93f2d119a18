"""Books kept beside a ledger, to be compared with it: lists of fills and plain arithmetic, none of the ledger's code.

An order here is a handful of values; its status follows from its own naive rules. A position is
the list of its fills, added up again from the first one whenever it is asked for, in fractions. Slow, and too simple
to be wrong in the same way as the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, final

from msgspec import Struct

from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.enums import Side
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

Scales = Mapping[str, tuple[int, int]]
"""(price_scale, qty_scale) by symbol."""
Row = Mapping[str, Any]


@final
class OrderRecord:
    """What was said about one order."""

    def __init__(self, order: SubmitOrder) -> None:
        self.client_order_id = order.client_order_id
        self.current_id = order.client_order_id
        self.strategy_id = order.strategy_id
        self.symbol = order.symbol
        self.side = Side(order.side)
        self.qty = order.qty
        self.px = order.px
        self.acknowledged = False
        self.ended = ""
        """"CANCELED" or "REJECTED"; "" while neither."""
        self.asked: dict[str, str] = {}
        """Requests without an answer yet: id to "CANCEL" or "REPLACE"."""
        self.cum = 0

    @property
    def leaves(self) -> int:
        return 0 if self.ended else max(0, self.qty - self.cum)

    @property
    def status(self) -> str:
        for kind in ("CANCEL", "REPLACE"):
            if kind in self.asked.values():
                return f"PENDING_{kind}"
        if self.cum >= self.qty:
            return "FILLED"
        if self.ended:
            return self.ended
        if self.cum:
            return "PARTIALLY_FILLED"
        return "NEW" if self.acknowledged else "PENDING_NEW"


@final
class Holding(Struct, frozen=True):
    """A position in whole units of the quote currency and of the instrument."""

    qty: Fraction
    cost: Fraction
    realized: Fraction
    cash: Fraction
    fees: Fraction


@final
class Books:
    """Everything that was acknowledged in one run."""

    def __init__(self, scales: Scales) -> None:
        self._scales = scales
        self.orders: dict[tuple[str, str], OrderRecord] = {}
        self._by_any_id: dict[tuple[str, str], OrderRecord] = {}
        self._fills: dict[tuple[str, str], list[ReportFill]] = {}

    def commanded(self, command: SubmitOrder | CancelOrder | ReplaceOrder) -> None:
        """The ledger acknowledged a command."""
        if type(command) is SubmitOrder:
            record = OrderRecord(command)
            key = (command.symbol, command.client_order_id)
            self.orders[key] = self._by_any_id[key] = record
            return
        record = self._by_any_id[command.symbol, command.orig_client_order_id]  # type: ignore[union-attr]
        record.asked[command.client_order_id] = "CANCEL" if type(command) is CancelOrder else "REPLACE"

    def reported(self, fact: OrderReport) -> None:
        """The ledger acknowledged a fact."""
        record = self._by_any_id[fact.symbol, fact.client_order_id]
        if type(fact) is ReportFill:
            record.cum += fact.qty
            self._fills.setdefault((record.strategy_id, record.symbol), []).append(fact)
        elif type(fact) is ReportAccepted:
            record.acknowledged = True
        elif type(fact) is ReportRejected:
            record.ended = "REJECTED"
        elif type(fact) is ReportCanceled:
            record.ended = "CANCELED"
            record.asked.clear()
        elif type(fact) is ReportReplaced:
            self._replaced(record, fact)
        elif type(fact) in (ReportCancelRejected, ReportReplaceRejected):
            record.asked.pop(fact.request_id)  # type: ignore[attr-defined]

    def _replaced(self, record: OrderRecord, fact: ReportReplaced) -> None:
        assert fact.qty is not None
        record.qty, record.px, record.current_id = fact.qty, fact.px, fact.request_id
        record.asked.pop(fact.request_id)
        self._by_any_id[record.symbol, fact.request_id] = record

    def resting(self) -> list[OrderRecord]:
        """Orders that the venue has, with nothing asked of them."""
        return [
            record
            for record in self.orders.values()
            if record.acknowledged and record.leaves and not record.asked and record.px is not None
        ]

    def ended(self) -> list[OrderRecord]:
        """Orders that are canceled, rejected or filled."""
        return [record for record in self.orders.values() if not record.leaves and not record.asked]

    @property
    def fill_count(self) -> int:
        return sum(len(fills) for fills in self._fills.values())

    def holding(self, strategy_id: str, symbol: str) -> Holding:
        """The position, from its first fill on."""
        price_scale, qty_scale = self._scales[symbol]
        money, unit = 10 ** (price_scale + qty_scale), 10**qty_scale
        qty = cost = realized = cash = fees = Fraction(0)
        for fill in self._fills.get((strategy_id, symbol), []):
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

    # ---- comparing -----------------------------------------------------------------------------------------

    def differences(
        self, orders: Iterable[Row], fills: Iterable[Row], positions: Iterable[Row], of: Iterable[str]
    ) -> list[str]:
        """One sentence for each value of strategies `of` that the ledger's rows have otherwise, lack or repeat."""
        mine = set(of)
        found = self._order_differences(row for row in orders if row["strategy_id"] in mine)
        found += self._fill_differences(row for row in fills if row["strategy_id"] in mine)
        return found + self._position_differences(row for row in positions if row["strategy_id"] in mine)

    def _order_differences(self, rows: Iterable[Row]) -> list[str]:
        found: list[str] = []
        seen: set[tuple[str, str]] = set()
        for row in rows:
            key = (row["symbol"], row["client_order_id"])
            name = f"order {key[1]} of {key[0]}"
            record = self.orders.get(key)
            if key in seen or record is None:
                found.append(f"{name}: the ledger has it {'twice' if key in seen else 'and nobody sent it'}")
                continue
            seen.add(key)
            price_scale, qty_scale = self._scales[record.symbol]
            ours = {
                "strategy_id": record.strategy_id,
                "side": record.side.name,
                "qty": Fraction(record.qty, 10**qty_scale),
                "px": None if record.px is None else Fraction(record.px, 10**price_scale),
                "cum_qty": Fraction(record.cum, 10**qty_scale),
                "leaves_qty": Fraction(record.leaves, 10**qty_scale),
                "status": record.status,
                "current_client_order_id": record.current_id,
            }
            found += _differing(name, ours, row)
        return found + [
            f"order {key[1]} of {key[0]}: the ledger lacks it" for key in self.orders if key not in seen
        ]

    def _fill_differences(self, rows: Iterable[Row]) -> list[str]:
        ours = {fill.execution_id: fill for fills in self._fills.values() for fill in fills}
        found: list[str] = []
        seen: set[str] = set()
        for row in rows:
            execution_id = row["execution_id"]
            name = f"fill {execution_id}"
            fill = ours.get(execution_id)
            if execution_id in seen or fill is None:
                found.append(
                    f"{name}: the ledger has it {'twice' if execution_id in seen else 'and nobody sent it'}"
                )
                continue
            seen.add(execution_id)
            price_scale, qty_scale = self._scales[fill.symbol]
            values = {
                "qty": Fraction(fill.qty, 10**qty_scale),
                "px": Fraction(fill.px, 10**price_scale),
                "fee": Fraction(fill.fee, 10**8),
                "side": fill.side.name,
            }
            found += _differing(name, values, row)
        return found + [f"fill {each}: the ledger lacks it" for each in ours if each not in seen]

    def _position_differences(self, rows: Iterable[Row]) -> list[str]:
        found: list[str] = []
        seen: set[tuple[str, str]] = set()
        for row in rows:
            key = (row["strategy_id"], row["symbol"])
            if key not in self._fills:
                found.append(f"position {key[0]} in {key[1]}: the ledger has it and nobody traded")
                continue
            seen.add(key)
            holding = self.holding(*key)
            ours = {name: getattr(holding, name) for name in ("qty", "cost", "realized", "cash")}
            name = f"position {key[0]} in {key[1]}"
            found += _differing(name, ours, row)
            fees = sum((_fraction(amount) for amount in row["fees"].values()), Fraction(0))
            if fees != holding.fees:
                found.append(f"{name}: fees {fees} in the ledger, {holding.fees} here")
        return found + [
            f"position {key[0]} in {key[1]}: the ledger lacks it" for key in self._fills if key not in seen
        ]


def _fraction(text: str) -> Fraction:
    return Fraction(Decimal(text))


def _differing(name: str, ours: Mapping[str, Any], row: Row) -> list[str]:
    found: list[str] = []
    for key, value in ours.items():
        theirs = row[key]
        if isinstance(value, Fraction) and theirs is not None:
            theirs = _fraction(str(theirs))
        if theirs != value:
            found.append(f"{name}: {key} is {theirs} in the ledger, {value} here")
    return found
