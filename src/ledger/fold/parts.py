"""Parts of a fold, for whoever follows a journal and needs no more: which events concern it, and what they do to it.

A part gives the entities that it names exactly the states that the whole fold gives them. Others stand still, or are
not there: nobody may read them. Audits fold the whole, so that a part that says otherwise is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from msgspec import Struct

import actors
from ledger.domain.book import take_trade
from ledger.domain.events import InstrumentDefined, MarketQuoted, MarketTraded, OrderFilled, PositionRestated
from ledger.domain.operator_events import (
    PositionAdjusted,
    PositionTransferred,
    SessionClosed,
    SessionOpened,
    SessionTouched,
)
from ledger.fold.facts import Apply, SourceFacts
from ledger.fold.market import MarketFold
from ledger.fold.trading import TradingFold


@final
class Part(Struct, frozen=True):
    """What of a fold is kept."""

    steps: Mapping[type, Apply]
    """What each type of event does; a type that is not here does nothing and need not be decoded."""
    forgotten: tuple[actors.Store[Any, Any], ...] = ()
    """Stores that grow for ever and that nobody reads: their states may be cleared at any time between frames."""


class _NoSources(SourceFacts):
    """How far the senders of facts have come is the business of who takes them."""

    def advance(self, event: Any) -> None:
        return


def whole(fold: TradingFold | MarketFold) -> Part:
    """Everything."""
    return Part(fold.steps)


def orders_and_positions(fold: TradingFold) -> Part:
    """Everything but how far senders have come, and what stands only to answer commands and to find orders."""
    fold.facts = _NoSources(fold.entities, "")
    return Part(fold.steps, (fold.outcomes, fold.order_of_number, fold.order_of_venue_id))


def positions_and_sessions(fold: TradingFold) -> Part:
    """Positions, sessions and instruments; no order and no fill."""

    def filled(seq: int, now: int, event: OrderFilled) -> None:
        fold.move_position(seq, now, event)

    kept = (
        InstrumentDefined,
        PositionRestated,
        PositionAdjusted,
        PositionTransferred,
        SessionOpened,
        SessionTouched,
        SessionClosed,
    )
    return Part({**{kind: fold.steps[kind] for kind in kept}, OrderFilled: filled})


def instruments(fold: TradingFold) -> Part:
    """Instruments only."""
    return Part({InstrumentDefined: fold.steps[InstrumentDefined]})


def books(fold: MarketFold) -> Part:
    """Books whole, and instruments; not how far senders have come."""
    fold.facts = _NoSources(fold.entities, "market-")
    return Part(fold.steps)


def levels_and_trades(fold: MarketFold) -> Part:
    """Of each book its levels and its last trade; a quote changes neither. And instruments."""
    found = books(fold)
    states = fold.books

    def quoted(seq: int, now: int, event: MarketQuoted) -> None:
        if states.get((event.exchange, event.symbol)) is None:
            fold.booked(seq, now, event)

    def traded(seq: int, now: int, event: MarketTraded) -> None:
        book = states.get((event.exchange, event.symbol))
        if book is None:
            fold.booked(seq, now, event)
        else:
            take_trade(book, event)

    return Part({**found.steps, MarketQuoted: quoted, MarketTraded: traded})
