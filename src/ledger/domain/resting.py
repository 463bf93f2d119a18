"""The single orders that rest in a book, where the venue shows them: which order holds how much of which level.

A level may be larger than its known orders: what a snapshot or a delta set outright belongs to orders that nobody
named yet. A message about an order that is not known takes from that part, so a feed can begin in mid-session.
"""

from __future__ import annotations

from typing import Final, final

from ledger.domain.enums import BookFault, OrderAction, Side

_ADDED: Final = OrderAction.ADDED
_DELETED: Final = OrderAction.DELETED


@final
class Resting:
    """Changed in place, by the book's evolve only."""

    __slots__ = ("_levels", "orders")

    def __init__(self) -> None:
        self.orders: dict[str, tuple[Side, int, int]] = {}
        """(side, px, qty left > 0) by the venue's name of the order."""
        self._levels: dict[tuple[Side, int], dict[str, int]] = {}
        """The same quantities by level."""

    def known_at(self, side: Side, px: int) -> int:
        """The part of a level that known orders hold."""
        return sum(self._levels.get((side, px), {}).values())

    def fault_of(
        self, action: OrderAction, order_ref: str, side: Side, px: int, qty: int, level: int
    ) -> BookFault:
        """What is wrong with a message, before it is applied; `level` is the size at (side, px) now.

        A deletion takes what is left, so it needs no quantity where the order is known.
        """
        known = self.orders.get(order_ref)
        if action is _DELETED and qty == 0:
            return BookFault.UNKNOWN_ORDER if known is None else BookFault.NONE
        if qty <= 0:
            return BookFault.NEGATIVE_SIZE
        if action is _ADDED:
            return BookFault.NONE if known is None else BookFault.UNKNOWN_ORDER
        if known is not None:
            return BookFault.ORDER_UNDERFLOW if qty > known[2] else BookFault.NONE
        return BookFault.NONE if qty <= level - self.known_at(side, px) else BookFault.UNKNOWN_ORDER

    def apply(
        self, action: OrderAction, order_ref: str, side: Side, px: int, qty: int
    ) -> tuple[Side, int, int]:
        """Apply a message; (side, px, by how much the level grows). Total: takes no more than the order has."""
        if action is _ADDED:
            self._put(order_ref, side, px, qty)
            return side, px, qty
        known = self.orders.get(order_ref)
        if known is None:
            return side, px, -qty
        side, px, left = known
        taken = left if action is _DELETED else min(qty, left)
        self._put(order_ref, side, px, left - taken)
        return side, px, -taken

    def forget(self, side: Side, px: int) -> None:
        """The level was set outright: whose it is, is no longer known."""
        for order_ref in self._levels.pop((side, px), ()):
            del self.orders[order_ref]

    def _put(self, order_ref: str, side: Side, px: int, qty: int) -> None:
        level = self._levels.setdefault((side, px), {})
        if qty > 0:
            self.orders[order_ref] = (side, px, qty)
            level[order_ref] = qty
            return
        del self.orders[order_ref]
        del level[order_ref]
        if not level:
            del self._levels[side, px]
