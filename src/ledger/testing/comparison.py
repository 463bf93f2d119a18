"""The rows that a ledger shows, held against the books: a sentence for each value that is otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from ledger.testing.executions import Traded
from ledger.testing.order_record import OrderRecord

Scales = Mapping[str, tuple[int, int]]
"""(price_scale, qty_scale) by symbol."""
Row = Mapping[str, Any]


class Totals(Protocol):
    """A position's numbers."""

    @property
    def fees(self) -> Fraction: ...


def compare_orders(
    records: Mapping[tuple[str, str], OrderRecord], rows: Iterable[Row], scales: Scales
) -> list[str]:
    """Every order by (symbol, first client_order_id): terms as they are now, progress and status."""
    found: list[str] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        key = (row["symbol"], row["client_order_id"])
        name = f"order {key[1]} of {key[0]}"
        record = records.get(key)
        if key in seen or record is None:
            found.append(f"{name}: the ledger has it {'twice' if key in seen else 'and nobody sent it'}")
            continue
        seen.add(key)
        price_scale, qty_scale = scales[record.symbol]
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
    return found + [f"order {key[1]} of {key[0]}: the ledger lacks it" for key in records if key not in seen]


def compare_fills(fills: Iterable[Traded], rows: Iterable[Row], scales: Scales) -> list[str]:
    """Every fill that came, by execution id; what waits for its fill is none."""
    ours = {each.execution_id: each for each in fills}
    found: list[str] = []
    seen: set[str] = set()
    for row in rows:
        if str(row.get("standing", "")).startswith("ORPHAN"):
            continue
        execution_id = row["execution_id"]
        name = f"fill {execution_id}"
        fill = ours.get(execution_id)
        if execution_id in seen or fill is None:
            found.append(
                f"{name}: the ledger has it {'twice' if execution_id in seen else 'and nobody sent it'}"
            )
            continue
        seen.add(execution_id)
        price_scale, qty_scale = scales[fill.symbol]
        values: dict[str, Any] = {
            "qty": Fraction(fill.qty, 10**qty_scale),
            "px": Fraction(fill.px, 10**price_scale),
            "fee": Fraction(fill.fee, 10**8),
            "side": fill.side.name,
        }
        if "counts" in row:
            values["counts"] = not fill.busted
        found += _differing(name, values, row)
    return found + [f"fill {each}: the ledger lacks it" for each in ours if each not in seen]


def compare_positions(holdings: Mapping[tuple[str, str], Totals], rows: Iterable[Row]) -> list[str]:
    """Every position by (strategy_id, symbol)."""
    found: list[str] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        key = (row["strategy_id"], row["symbol"])
        holding = holdings.get(key)
        if holding is None:
            found.append(f"position {key[0]} in {key[1]}: the ledger has it and nobody traded")
            continue
        seen.add(key)
        ours = {name: getattr(holding, name) for name in ("qty", "cost", "realized", "cash")}
        name = f"position {key[0]} in {key[1]}"
        found += _differing(name, ours, row)
        fees = sum((fraction(amount) for amount in row["fees"].values()), Fraction(0))
        if fees != holding.fees:
            found.append(f"{name}: fees {fees} in the ledger, {holding.fees} here")
    return found + [
        f"position {key[0]} in {key[1]}: the ledger lacks it" for key in holdings if key not in seen
    ]


def fraction(text: str) -> Fraction:
    """The exact value of decimal text."""
    return Fraction(Decimal(text))


def _differing(name: str, ours: Mapping[str, Any], row: Row) -> list[str]:
    found: list[str] = []
    for key, value in ours.items():
        theirs = row[key]
        if isinstance(value, Fraction) and theirs is not None:
            theirs = fraction(str(theirs))
        if theirs != value:
            found.append(f"{name}: {key} is {theirs} in the ledger, {value} here")
    return found
