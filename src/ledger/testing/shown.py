"""What a book-keeping of orders, positions or books must be able to say, whoever wrote it; integers in scales.

None stands for what it does not keep, and is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from msgspec import Struct

from ledger.domain.book import Book, mark
from ledger.domain.enums import BookStatus, OrderStatus
from ledger.domain.order import OrderState, is_open, leaves, status
from ledger.domain.position import PositionState

Sums = tuple[tuple[str, int], ...]
"""(currency, amount in 10^-8) by currency, without zeros."""


@final
class ShownOrder(Struct, frozen=True):
    """An order."""

    qty: int | None = None
    cum_qty: int | None = None
    """Of the fills that count."""
    leaves_qty: int | None = None
    """What can still trade: 0 once it is closed."""
    cum_cost: int | None = None
    """Sum of qty * px over the fills that count."""
    fees: Sums | None = None
    status: OrderStatus | None = None
    client_order_id: str | None = None
    """The id that it has now."""
    is_open: bool | None = None


@final
class ShownPosition(Struct, frozen=True):
    """A position; money in 10^-(price_scale + qty_scale), fees apart."""

    qty: int
    """Signed."""
    cost: int
    realized: int
    cash: int
    fees: Sums | None = None


@final
class ShownBook(Struct, frozen=True):
    """A book of levels."""

    is_live: bool
    """Whether it may be believed."""
    bids: Mapping[int, int]
    """Quantity by price, without zeros; what stands here while it is not live is not looked at."""
    asks: Mapping[int, int]
    last_update: int = 0
    twice_mark: int | None = None
    """Best bid and best ask added; None unless live, with both sides, and not crossed."""


def order_shown(state: OrderState) -> ShownOrder:
    """What the ledger says of an order."""
    return ShownOrder(
        state.qty,
        state.cum,
        leaves(state),
        state.cum_cost,
        state.fees,
        status(state),
        state.client_order_id,
        is_open(state),
    )


def position_shown(state: PositionState | None) -> ShownPosition:
    """What the ledger says of a position."""
    if state is None:
        return ShownPosition(0, 0, 0, 0, ())
    fees = tuple((currency, amount) for currency, amount in state.fees if amount)
    return ShownPosition(state.qty, state.cost, state.realized, state.cash, fees)


def book_shown(book: Book | None) -> ShownBook:
    """What the ledger says of a book."""
    if book is None:
        return ShownBook(False, {}, {})
    bids, asks = dict(book.bids.items()), dict(book.asks.items())
    return ShownBook(book.status is BookStatus.LIVE, bids, asks, book.last_update, mark(book))


def differences(found: ShownOrder, expected: ShownOrder) -> dict[str, tuple[object, object]]:
    """(found, expected) of each value that is kept and differs."""
    pairs = {name: (getattr(found, name), getattr(expected, name)) for name in ShownOrder.__struct_fields__}
    return {name: pair for name, pair in pairs.items() if pair[0] is not None and pair[0] != pair[1]}
