"""Every order and every execution of a fold, in memory or in the index, in the order in which they came.

For questions: what is read from the index here stays out of memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from heapq import merge
from itertools import islice
from operator import attrgetter, itemgetter, lt
from typing import Any

from ledger.domain.context import PARTITION_SHIFT
from ledger.domain.fill import FillKey, FillState
from ledger.domain.order import OrderState
from ledger.fold.trading import OrderKey, TradingFold

Orders = Iterator[tuple[OrderKey, OrderState]]
Fills = Iterator[tuple[FillKey, FillState]]


def known_orders(fold: TradingFold, *, only_open: bool = False, after: int = 0) -> Orders:
    """All orders with an order_id above `after`, by order_id; `only_open` spares the index, which has none of those.

    Raises Corrupt, Unavailable.
    """
    states = fold.orders.states
    here = _above(states, after)
    if fold.closed is None or only_open:
        return here
    away = (item for item in fold.closed.orders(after) if item[0] not in states)
    return merge(here, away, key=_order_number)


def _above(states: Mapping[OrderKey, OrderState], after: int) -> Orders:
    numbers = [*map(_number, states.values())]
    # In order, as nearly always: the first of 100,000 is found in 6 ms, by sorting in 31.
    if all(map(lt, numbers, islice(numbers, 1, None))):
        return islice(states.items(), bisect_right(numbers, after), None)
    # Memory has them as they came into it, a snapshot and the index among the ways.
    return iter(sorted((item for item in states.items() if _order_number(item) > after), key=_order_number))


def known_fills(fold: TradingFold, *, after: int = 0) -> Iterator[tuple[int, FillKey, FillState]]:
    """All executions with a number above `after`, each behind it and by it; aliases only while they are in memory.

    The number is fill_id; before it has one, of an execution whose order or fill is awaited, the place where it changed
    last. Raises Corrupt, Unavailable.
    """
    states = fold.fills.states
    waiting = fold.partition << PARTITION_SHIFT

    def numbered(item: tuple[FillKey, FillState]) -> tuple[int, FillKey, FillState]:
        fill = item[1]
        return fill.fill_id or waiting | fill.version, *item

    here = sorted((item for item in map(numbered, states.items()) if item[0] > after), key=_first)
    if fold.closed is None:
        return iter(here)
    away = (numbered(item) for item in fold.closed.fills(after) if item[0] not in states)
    return merge(here, away, key=_first)


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


_first = itemgetter(0)
_number = attrgetter("terms.order_id")


def _order_number(item: tuple[Any, OrderState]) -> int:
    return item[1].terms.order_id
