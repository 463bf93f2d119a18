"""A fold as the body of a snapshot, and a fold from one: what the index lacks, and what stands beside the entities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, final

import msgspec
from msgspec import Struct

import actors
from ledger.domain.events import AnomalyRecorded, EngineStarted
from ledger.fold.books import StoredBook, restore_book, store_book
from ledger.fold.closed import KINDS, is_closed
from ledger.fold.control import ASKED_BY_ORDER, ControlFold, OrderKey, TwinKey
from ledger.fold.market import MarketFold
from ledger.fold.stored import ITEMS, decode_value, encode_value
from ledger.fold.trading import Outcome, TradingFold

_Store: TypeAlias = actors.Store[Any, Any]
_LISTS: Final = {kind: tuple[item, ...] for kind, item in ITEMS.items()}


@final
class _Beside(Struct, frozen=True, array_like=True):
    """What is known of a journal beside its entities."""

    started: EngineStarted | None
    anomalies: tuple[tuple[int, AnomalyRecorded], ...]
    counts: dict[str, int]


@final
class _BesideControl(Struct, frozen=True, array_like=True):
    """What the control fold finds from its entities, and keeps."""

    kept: tuple[int, ...]
    guarded: bool
    limited: tuple[int, ...]
    duplicate_window_ns: int
    twins: tuple[tuple[TwinKey, OrderKey, int], ...]


@final
class _Body(Struct, frozen=True, array_like=True):
    stores: tuple[tuple[str, bytes], ...]
    beside: bytes
    control: bytes
    books: bytes


def dump_fold(fold: TradingFold | MarketFold, *, whole: bool = False) -> bytes:
    """The body of a snapshot of the state between turns. For a trading fold, without what belongs into the index, unless
    `whole`: then everything must be in memory."""
    stores = tuple((store.kind, _dump_store(store, whole)) for store in stores_of(fold))
    facts = fold.facts
    beside = encode_value(_Beside(fold.started, tuple(facts.anomalies), facts.counts))
    control = books = b""
    if isinstance(fold, TradingFold):
        control = encode_value(_dump_control(fold.control))
    else:
        books = encode_value(tuple(store_book(book) for book in fold.books))
    return msgspec.msgpack.encode(_Body(stores, beside, control, books))


def load_fold(fold: TradingFold | MarketFold, body: bytes) -> None:
    """Fill an empty fold. Raises msgspec.MsgspecError, KeyError or ValueError where it is no body of this code's."""
    stored = msgspec.msgpack.decode(body, type=_Body)
    items = {kind: decode_value(part, _LISTS[kind]) for kind, part in stored.stores}
    stores = {store.kind: store for store in stores_of(fold)}
    if items.keys() != stores.keys():
        raise ValueError(f"it holds {sorted(items)}")
    beside = decode_value(stored.beside, _Beside)
    trading = isinstance(fold, TradingFold)
    control = decode_value(stored.control, _BesideControl) if trading else None
    books = () if trading else decode_value(stored.books, tuple[StoredBook, ...])
    # Everything could be read: from here on nothing can go wrong, so no half of it is ever left in the fold.
    for kind, pairs in items.items():
        states = stores[kind].states
        for key, state in pairs:
            states[key] = Outcome(*state) if kind == "outcome" else state
    fold.started = beside.started
    fold.facts.anomalies = list(beside.anomalies)
    fold.facts.counts.update(beside.counts)
    if isinstance(fold, TradingFold):
        assert control is not None
        _load_control(fold.control, control)
        return
    for book in books:
        fold.books.states[book.exchange, book.symbol] = restore_book(book)


def stores_of(fold: TradingFold | MarketFold) -> Iterator[_Store]:
    """Every store that a snapshot holds; books have a form of their own."""
    facts = fold.facts
    yield from (fold.instruments, facts.sources, facts.suspended, facts.cases, facts.closed)
    if isinstance(fold, TradingFold):
        yield from (fold.strategies, fold.orders, fold.fills, fold.positions, fold.quarantine)
        yield from (*fold.control.stores(), *fold.operations.stores, *fold.partitions.stores())
        yield from (fold.order_of_id, fold.order_of_venue_id, fold.order_of_number, fold.outcomes)


def _dump_store(store: _Store, whole: bool) -> bytes:
    kind = store.kind
    items = store.states.items()
    if kind in KINDS and not whole:
        items = [(key, state) for key, state in items if not is_closed(kind, state)]
    if kind == "outcome":
        items = [(key, (state.seq, state.event)) for key, state in items]
    return encode_value(tuple(items))


def _dump_control(control: ControlFold) -> _BesideControl:
    kept = tuple(kind for kind in control.kept if kind != ASKED_BY_ORDER)
    twins = tuple((twin, order, at) for twin, (order, at) in control.twins.items())
    return _BesideControl(kept, control.guarded, control.limited, control.duplicate_window_ns, twins)


def _load_control(control: ControlFold, stored: _BesideControl) -> None:
    control.kept, control.guarded, control.limited = stored.kept, stored.guarded, stored.limited
    control.duplicate_window_ns = stored.duplicate_window_ns
    for twin, order, at in stored.twins:
        control.twins[twin] = (order, at)
