"""What a message about one resting order becomes, for feeds that show single orders (L3).

An order that is not in the book, or more of it than rests there, sets the message aside and the book STALE: the
levels would be wrong from there on. Looks only, changes nothing.
"""

from __future__ import annotations

from ledger.domain.book import Book, continues_with, is_crossed
from ledger.domain.book_outcome import TOO_LONG, Decided, crossed_too_long, record_cases
from ledger.domain.book_table import FAULTS, Case
from ledger.domain.context import Context
from ledger.domain.enums import BookFault, BookSource, BookStatus, OrderAction, Side, TradingPhase
from ledger.domain.events import BookOrderApplied
from ledger.domain.facts import BookOrder
from ledger.domain.price_band import is_bad
from ledger.domain.resting import Resting


def decide_order(book: Book | None, fact: BookOrder, context: Context) -> Decided:
    """The event of the message, and what it shows to be wrong; [] for an old or repeated one."""
    if book is not None and _contains(book, fact):
        return []
    live = book is not None and book.status is BookStatus.LIVE
    applies = book is not None and live and continues_with(book, fact)
    fault = _fault(book, fact, context) if applies and book is not None else BookFault.NONE
    bad = not fault and _is_bad_price(fact, context)
    events: Decided = [
        BookOrderApplied(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.update,
            fact.action,
            fact.order_ref,
            fact.side,
            fact.px,
            fact.qty,
            fact.continuity,
            fault,
            (fact.px,) if bad else (),
            context.told_ns,
            context.told_by,
        )
    ]
    what = f"update {fact.update}, {fact.action.name} {fact.qty} of order {fact.order_ref} at px {fact.px}"
    found: list[tuple[Case, str]] = []
    if live and not applies and book is not None:
        found.append((Case.GAP, f"{what} after {book.last_update} leaves a hole"))
    if fault:
        why = TOO_LONG if fault is BookFault.CROSSED else "is set aside"
        found.append((FAULTS[fault], f"{what} {why}"))
    elif applies and book is not None and _will_cross(book, fact):
        found.append((Case.CROSSED, f"after {what}"))
    if bad:
        found.append((Case.BAD_PRICE, what))
    if found:
        status, last_update = (BookStatus.EMPTY, 0) if book is None else (book.status, book.last_update)
        record_cases(events, found, status, fact, context, last_update)
    return events


def _contains(book: Book, fact: BookOrder) -> bool:
    if fact.continuity is BookSource.UNNUMBERED:
        return False
    if book.status is not BookStatus.EMPTY and fact.update <= book.last_update:
        return True
    return fact.update in book.buffer


def _fault(book: Book, fact: BookOrder, context: Context) -> BookFault:
    if fact.action is OrderAction.ADDED and crossed_too_long(book, context):
        return BookFault.CROSSED  # what takes away may uncross it, and is applied
    ladder = book.bids if fact.side is Side.BUY else book.asks
    resting = book.resting or Resting()
    level = ladder.sizes.get(fact.px, 0)
    return resting.fault_of(fact.action, fact.order_ref, fact.side, fact.px, fact.qty, level)


def _is_bad_price(fact: BookOrder, context: Context) -> bool:
    return fact.action is OrderAction.ADDED and is_bad(fact.px, context.instrument)


def _will_cross(book: Book, fact: BookOrder) -> bool:
    if fact.action is not OrderAction.ADDED or book.phase is not TradingPhase.CONTINUOUS or is_crossed(book):
        return False
    if fact.side is Side.BUY:
        ask = book.asks.best
        return ask is not None and fact.px > ask
    bid = book.bids.best
    return bid is not None and fact.px < bid
