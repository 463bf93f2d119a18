"""Why an order or a position is as it is: the records of the journal that made it so, one after the other.

An offline fold over the journal, also beside a running ledger: each record that concerns the thing asked for is given
with its place, its time, its content, and what it changed. The journal is read twice: once to learn which order a name
means, once to tell. Cost grows with the journal; nothing of the engine is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, final

from msgspec import Struct

from ledger.codec import decode_events
from ledger.domain.events import (
    AnomalyRecorded,
    CommandRejected,
    EngineFault,
    EntityQuarantined,
    FillBusted,
    FillCorrected,
    OrderFilled,
    PositionRestated,
)
from ledger.domain.flags import flags_of, judged_in
from ledger.domain.operator_events import (
    EntityReleased,
    PositionAdjusted,
    PositionTransferred,
    TimerFired,
    TradingDayRolled,
)
from ledger.engine.event_text import said_in, shown_event
from ledger.errors import Rejected
from ledger.fold import OrderKey, TradingFold, load_base
from ledger.journal import JournalReader, open_readonly
from ledger.views import Row, order_row, position_row
from ledger.wire import parse_order_id, show_place

_UNCHANGING: Final = frozenset(("version", "updated_at_ns", "created_at_ns", "opened_at_ns"))
"""Columns that every record changes, or that none does: they explain nothing."""


@final
class Reason(Struct, frozen=True):
    """One record of a causal chain."""

    place: str
    recorded_at_ns: int
    event: dict[str, Any]
    """The record as its JSON form, defaults left out."""
    changed: dict[str, tuple[Any, Any]]
    """Columns of the row of `show`, as (before, after)."""
    flags: list[str]
    """ANOMALY, SYNTHETIC, RECONCILIATION, those that hold (`domain/flags.py`)."""


def why_order(data: Path, partition: int, name: str, symbol: str = "") -> Iterator[Reason]:
    """The records of an order, named by its order_id, or with `symbol` by any client_order_id it ever had.

    Raises Rejected where there is no such order, Corrupt.
    """
    key = _order_key(_folded(data, partition), name, symbol)

    def row(fold: TradingFold) -> Row | None:
        state = fold.orders.get(key)
        return None if state is None else order_row(state, fold.instruments.states[key[0]])

    return _told(data, partition, _concerns_order(key, _ids_of(data, partition, key)), row)


def why_position(data: Path, partition: int, strategy_id: str, symbol: str) -> Iterator[Reason]:
    """The fills, busts, corrections, adjustments and transfers that make a position's numbers, and its daily cuts.

    Raises Rejected where there is no such position, Corrupt.
    """
    place = (strategy_id, symbol)
    if _folded(data, partition).positions.get(place) is None:
        raise Rejected(f"there is no position {strategy_id} {symbol}", "`ledger show positions` lists them")

    def row(fold: TradingFold) -> Row | None:
        state = fold.positions.get(place)
        return None if state is None else position_row(state, fold.instruments.states[symbol])

    return _told(data, partition, lambda event: _concerns_position(event, place), row)


def _events(data: Path, partition: int) -> Iterator[tuple[int, int, Any]]:
    """(seq, recorded_at_ns, event) of the trading journal."""
    for first_seq, now, events in _frames(data, partition):
        for seq, event in enumerate(events, first_seq):
            yield seq, now, event


def _frames(data: Path, partition: int) -> Iterator[tuple[int, int, list[Any]]]:
    with JournalReader(data, "trading", partition) as reader:
        for frame in reader.frames():
            yield frame.first_seq, frame.recorded_at_ns, [*decode_events(frame.payload)]


def _folded(data: Path, partition: int) -> TradingFold:
    fold = _begun(data, partition)
    for seq, now, event in _events(data, partition):
        fold.apply(seq, now, event)
        fold.entities.install()
    return fold


def _begun(data: Path, partition: int) -> TradingFold:
    """What the oldest kept event finds: nothing, or the base."""
    fold = TradingFold(partition)
    load_base(open_readonly(data).journal("trading", partition), fold)
    return fold


def _order_key(fold: TradingFold, name: str, symbol: str) -> OrderKey:
    if symbol:
        key = fold.find_order(symbol, name)
        if key is None:
            raise Rejected(f"there is no order {name} of {symbol}", "`ledger show orders` lists them")
        return key
    try:
        key = fold.order_of_number.get(parse_order_id(name))
    except ValueError as error:
        raise Rejected(str(error), "add --symbol for a client_order_id") from None
    if key is None:
        raise Rejected(f"there is no order {name}", "`ledger show orders` lists them")
    return key


def _ids_of(data: Path, partition: int, key: OrderKey) -> frozenset[str]:
    """Every client_order_id of the order: refused commands name it by one of them."""
    ids = {key[1]}
    for _, _, event in _events(data, partition):
        if getattr(event, "order", "") == key[1] and getattr(event, "symbol", "") == key[0]:
            ids |= {getattr(event, "client_order_id", ""), getattr(event, "request_id", "")}
    return frozenset(ids - {""})


def _told(
    data: Path, partition: int, concerns: Callable[[Any], bool], row: Callable[[TradingFold], Row | None]
) -> Iterator[Reason]:
    fold = _begun(data, partition)
    numbered: set[int] = set()
    before = row(fold)
    for first_seq, now, events in _frames(data, partition):
        judged = judged_in(events)
        for seq, event in enumerate(events, first_seq):
            fold.apply(seq, now, event)
            fold.entities.install()
            if not (concerns(event) or (type(event) is AnomalyRecorded and event.ref_seq in numbered)):
                continue
            numbered.add(seq)
            after = row(fold)
            place = show_place("trading", partition, seq)
            shown = shown_event(event, fold.instruments.states)
            yield Reason(place, now, shown, _difference(before, after), flags_of(seq, event, judged))
            before = after


def _difference(before: Row | None, after: Row | None) -> dict[str, tuple[Any, Any]]:
    old, new = before or {}, after or {}
    return {
        name: (old.get(name), value)
        for name, value in new.items()
        if name not in _UNCHANGING and old.get(name) != value
    }


# ---- what concerns what ----------------------------------------------------------------------------------------


def _concerns_order(key: OrderKey, ids: frozenset[str]) -> Callable[[Any], bool]:
    symbol, first = key
    entity = f"{symbol}/{first}"

    def concerns(event: Any) -> bool:
        kind: type[Any] = type(event)  # type: ignore[reportUnknownVariableType]
        if kind is TimerFired:
            return (event.symbol, event.key) == key
        if kind in (EngineFault, EntityQuarantined, EntityReleased):
            return event.kind == "order" and event.key == entity
        if kind is CommandRejected:
            return _names(said_in(event.command), symbol, ids)
        if getattr(event, "symbol", "") != symbol:
            return False
        named: str = getattr(event, "order", "")
        return named == first or (not named and getattr(event, "client_order_id", "") == first)

    return concerns


def _names(command: Any, symbol: str, ids: frozenset[str]) -> bool:
    """Whether a refused command was about the order: a dict where it came as text."""
    if command is None:
        return False

    def said(name: str) -> str:
        found = command.get(name, "") if isinstance(command, dict) else getattr(command, name, "")  # type: ignore[reportUnknownMemberType]
        return str(found)  # type: ignore[reportUnknownArgumentType]

    about = said("orig_client_order_id") or said("client_order_id")
    return said("symbol") == symbol and about in ids


def _concerns_position(event: Any, place: tuple[str, str]) -> bool:
    kind: type[Any] = type(event)  # type: ignore[reportUnknownVariableType]
    if kind is PositionTransferred:
        return event.symbol == place[1] and place[0] in (event.from_strategy, event.to_strategy)
    if kind is TradingDayRolled:
        return any((cut.strategy_id, cut.symbol) == place for cut in event.cuts)
    if kind in (FillBusted, FillCorrected):
        return event.known and (event.strategy_id, event.symbol) == place
    if kind in (OrderFilled, PositionRestated, PositionAdjusted):
        return (event.strategy_id, event.symbol) == place
    return False
