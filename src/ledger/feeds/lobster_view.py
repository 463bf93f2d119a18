"""What LOBSTER's files see of a book as it goes, and the facts that each message makes of it.

The levels and orders here are the ones that the ledger will have after the same facts: they say what is out of sight,
and which level may be taken from the book file because another one has emptied.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.enums import BookFault, OrderAction, Side, TradingPhase
from ledger.domain.facts import BookDelta, BookOrder, BookSnapshot, MarketData, MarketPhase, MarketTrade
from ledger.domain.ladder import ASK, BID, Ladder
from ledger.domain.resting import Resting
from ledger.domain.units import Levels
from ledger.feeds.terms import Terms

PRICE_SCALE: Final = 4
_ACTIONS: Final = {
    1: OrderAction.ADDED,
    2: OrderAction.REDUCED,
    3: OrderAction.DELETED,
    4: OrderAction.EXECUTED,
}
_PRINTS: Final = (4, 5, 6)
"""Visible execution, hidden execution, cross."""
_HALT: Final = 7
_PHASES: Final = {-1: TradingPhase.HALTED, 0: TradingPhase.PRE_OPEN, 1: TradingPhase.CONTINUOUS}
"""By the price of a halt message: halted, quoting resumes, trading resumes."""


@final
class Message(Struct, frozen=True, gc=False):
    """A row of the message file."""

    after_midnight_ns: int
    kind: int
    order_ref: str
    qty: int
    px: int
    """4 digits."""
    side: Side
    """Of the order that rests."""


def price(value: int, scale: int) -> int:
    """LOBSTER's price, of 4 digits, at another scale; raises ValueError where digits would be lost."""
    if scale >= PRICE_SCALE:
        return value * 10 ** (scale - PRICE_SCALE)
    whole, lost = divmod(value, 10 ** (PRICE_SCALE - scale))
    if lost:
        raise ValueError(f"price {value} has more than {scale} digits after the point")
    return whole


@final
class View:
    """One book as its files show it."""

    def __init__(self, terms: Terms, depth: int) -> None:
        self._terms = terms
        self._depth = depth
        self._sides = {Side.BUY: Ladder(BID), Side.SELL: Ladder(ASK)}
        self._resting = Resting()
        self._seq = 0
        """source_seq of the last fact."""
        self._update = 0
        """Number of the last fact that changes the book, as the book counts them."""

    def take(self, message: Message, event_time_ns: int, shown: dict[Side, Levels]) -> tuple[MarketData, ...]:
        """The facts of a message, given the book file's row for it; raises ValueError for a message that is none."""
        facts: list[MarketData] = []
        if message.kind == _HALT:
            facts.append(MarketPhase(*self._head(), self._phase(message), event_time_ns))
        elif message.kind not in _ACTIONS and message.kind not in _PRINTS:
            raise ValueError(f"type {message.kind} is none of 1 to 7")
        if not self._update:
            facts += self._opened(event_time_ns, shown)
        elif message.kind in _ACTIONS:
            facts += self._changed(message, event_time_ns, shown)
        if message.kind in _PRINTS:
            facts.append(self._printed(message, event_time_ns))
        return tuple(facts)

    def _opened(self, event_time_ns: int, shown: dict[Side, Levels]) -> list[MarketData]:
        bids, asks = shown[Side.BUY], shown[Side.SELL]
        self._sides = {Side.BUY: Ladder(BID, bids), Side.SELL: Ladder(ASK, asks)}
        return [
            BookSnapshot(
                *self._head(), self._next_update(), bids, asks, event_time_ns, self._terms.continuity
            )
        ]

    def _changed(self, message: Message, event_time_ns: int, shown: dict[Side, Levels]) -> list[MarketData]:
        side, ladder = message.side, self._sides[message.side]
        px = price(message.px, self._terms.price_scale)
        qty: int = message.qty * 10**self._terms.qty_scale
        if self._is_out_of_sight(message.order_ref, px, ladder):
            return []
        full = len(ladder) == self._depth
        action = _ACTIONS[message.kind]
        order = BookOrder(
            *self._head(),
            self._next_update(),
            action,
            message.order_ref,
            side,
            px,
            qty,
            event_time_ns,
            self._terms.continuity,
        )
        self._apply(action, message.order_ref, side, px, qty)
        moved = [(gone, 0) for gone in ladder.beyond(self._depth)]
        if full and len(ladder) == self._depth - 1:
            moved += _revealed(ladder, shown[side][self._depth - 1 :])
        return [order, *self._moved(side, tuple(moved), event_time_ns)]

    def _is_out_of_sight(self, order_ref: str, px: int, ladder: Ladder) -> bool:
        if order_ref in self._resting.orders or len(ladder) < self._depth:
            return False
        return px * ladder.order < ladder.ranks[0]

    def _apply(self, action: OrderAction, order_ref: str, side: Side, px: int, qty: int) -> None:
        sizes = self._sides[side].sizes
        fault = self._resting.fault_of(action, order_ref, side, px, qty, sizes.get(px, 0))
        if fault is not BookFault.NONE:
            return  # the ledger sets it aside as well, and says so
        side, px, grows = self._resting.apply(action, order_ref, side, px, qty)
        ladder = self._sides[side]
        ladder.apply(((px, ladder.sizes.get(px, 0) + grows),))

    def _moved(self, side: Side, levels: Levels, event_time_ns: int) -> list[MarketData]:
        """The levels that leave sight or come into it, as a fact of their own."""
        if not levels:
            return []
        self._sides[side].apply(levels)
        for px, _ in levels:
            self._resting.forget(side, px)
        update = self._next_update()
        bids, asks = (levels, ()) if side is Side.BUY else ((), levels)
        continuity = self._terms.continuity
        return [BookDelta(*self._head(), update, update, bids, asks, event_time_ns, 0, continuity)]

    def _printed(self, message: Message, event_time_ns: int) -> MarketTrade:
        aggressor = Side.SELL if message.side is Side.BUY else Side.BUY
        px = price(message.px, self._terms.price_scale)
        qty: int = message.qty * 10**self._terms.qty_scale
        return MarketTrade(*self._head(), px, qty, aggressor, "", event_time_ns)

    def _phase(self, message: Message) -> TradingPhase:
        phase = _PHASES.get(message.px)
        if phase is None:
            raise ValueError(f"a halt message has price -1, 0 or 1, not {message.px}")
        return phase

    def _next_update(self) -> int:
        self._update += 1
        return self._update

    def _head(self) -> tuple[str, int, int, str, str]:
        self._seq += 1
        terms = self._terms
        return terms.source, terms.source_epoch, self._seq, terms.symbol, terms.exchange


def _revealed(ladder: Ladder, last: Levels) -> Levels:
    """The level in the book file's last place, if it lies behind all that were in sight."""
    return tuple([(px, qty) for px, qty in last if not ladder.ranks or px * ladder.order < ladder.ranks[0]])
