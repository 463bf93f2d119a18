"""Every order and every execution of a fold, in memory or in the index, in the order in which they came.

For questions: what is read from the index here stays out of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Any

from ledger.domain.context import PARTITION_SHIFT
from ledger.domain.fill import FillKey, FillState
from ledger.domain.order import OrderState
from ledger.fold.trading import OrderKey, TradingFold

Orders = Iterator[tuple[OrderKey, OrderState]]
Fills = Iterator[tuple[FillKey, FillState]]


def known_orders(fold: TradingFold, *, only_open: bool = False) -> Orders:
    """All orders; `only_open` spares the index, which has none of those. Raises Corrupt, Unavailable."""
    states = fold.orders.states
    closed = fold.closed
    if closed is None or only_open:
        return iter(states.items())
    here = sorted(states.items(), key=_order_number)
    away = (item for item in closed.orders() if item[0] not in states)
    return merge(here, away, key=_order_number)


def known_fills(fold: TradingFold) -> Fills:
    """All executions; aliases only while they are in memory. Raises Corrupt, Unavailable."""
    states = fold.fills.states
    closed = fold.closed
    if closed is None:
        return iter(states.items())

    def number(item: tuple[FillKey, FillState]) -> int:
        fill = item[1]
        return fill.fill_id or fold.partition << PARTITION_SHIFT | fill.version

    away = (item for item in closed.fills() if item[0] not in states)
    return merge(sorted(states.items(), key=number), away, key=number)


def fills_of_position(fold: TradingFold, strategy_id: str, symbol: str) -> Fills:
    """The executions of one position, in no promised order. Raises Corrupt, Unavailable."""
    given: set[Any] = set()
    for key, state in fold.fills_by_position.of((strategy_id, symbol)):
        given.add(key)
        yield key, state
    if fold.closed is not None:
        states = fold.fills.states
        for key, state in fold.closed.fills_of_position(strategy_id, symbol):
            if key not in given:
                yield key, states.get(key, state)


def _order_number(item: tuple[Any, OrderState]) -> int:
    return item[1].terms.order_id
