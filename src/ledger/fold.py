"""The state of a partition and how an event changes it: the engine, replay, followers and audits all use this one.

A fold is given every event of its journal in order, `apply(seq, recorded_at_ns, event)`, and stages the new state of
every entity that the event concerns; `entities.install()` makes them current. The engine does so once per turn, replay
once per frame. Applying a journaled event never raises: if it does, the code or the journal is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Final, final

import actors
from ledger.codec import MODULO, entity_hash
from ledger.domain import book as books
from ledger.domain import book_view
from ledger.domain import fill as fills
from ledger.domain import order as orders
from ledger.domain import position as positions
from ledger.domain import source as sources
from ledger.domain.book import Book
from ledger.domain.context import PARTITION_SHIFT, Instrument, Strategy
from ledger.domain.enums import Severity
from ledger.domain.events import (
    AnomalyRecorded,
    BookDeltaApplied,
    BookSnapshotApplied,
    CancelPending,
    CancelRejected,
    CancelRequested,
    CommandRejected,
    EngineFault,
    EngineStarted,
    EntityQuarantined,
    FactResumed,
    FactSetAside,
    FactSuspended,
    FillBusted,
    FillCorrected,
    InstrumentDefined,
    MarketQuoted,
    MarketTailLost,
    MarketTraded,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderDoneForDay,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderRestated,
    OrderResumed,
    OrderSubmitted,
    OrderSuspended,
    OrderTriggered,
    PhaseChanged,
    PositionRestated,
    ReplacePending,
    ReplaceRejected,
    ReplaceRequested,
    SourceGapClosed,
    SourceGapOpened,
    StrategyDefined,
)
from ledger.domain.fill import FillKey, FillState
from ledger.domain.order import OrderState
from ledger.domain.position import PositionState
from ledger.domain.source import SourceState

OrderKey = tuple[str, str]
"""(symbol, the order's first client_order_id)."""
PositionKey = tuple[str, str]
"""(strategy_id, symbol)."""
BookKey = tuple[str, str]
"""(exchange, symbol)."""
ANOMALIES_KEPT: Final = 1000
Apply = Callable[[int, int, Any], None]


@final
class Outcome:
    """What a command became: the event that answers it for ever."""

    __slots__ = ("event", "seq")

    def __init__(self, seq: int, event: Any) -> None:
        self.seq = seq
        self.event = event


class _Digest:
    """The sum of one hash per entity, kept by hashing again only what changed since it was last asked for."""

    def __init__(self, stores: Iterable[actors.Store[Any, Any]]) -> None:
        self._stores = list(stores)
        self._hashes: dict[str, dict[Any, int]] = {}
        self._sum = 0

    def value(self) -> int:
        for store in self._stores:
            hashes = self._hashes.get(store.kind)
            if hashes is None:  # first time: everything is new; from now on the store notes what changes
                hashes = self._hashes[store.kind] = {}
                store.dirty = set(store.states)
            assert store.dirty is not None
            for key in store.dirty:
                fresh = entity_hash(store.kind, key, store.states[key])
                self._sum += fresh - hashes.get(key, 0)
                hashes[key] = fresh
            store.dirty.clear()
        return self._sum % MODULO


class _Facts:
    """What both folds keep of the senders of facts and of the facts that did not fit."""

    def __init__(self, entities: actors.Entities, prefix: str) -> None:
        store = entities.store
        self.sources: actors.Store[str, SourceState] = store(f"{prefix}source")
        self.suspended: actors.Store[int, FactSuspended | bool] = store(f"{prefix}suspended")
        """By the seq of the FactSuspended; False once it was decided again."""
        self.cases: actors.Store[int, AnomalyRecorded] = store(f"{prefix}case")
        """Critical anomalies by seq: open until an operator closes them."""
        self.anomalies: list[tuple[int, AnomalyRecorded]] = []
        """The newest anomalies of every severity, `ANOMALIES_KEPT` at most."""
        self.counts: dict[str, int] = {"anomalies": 0, "lost": 0}

    def waiting(self, symbol: str) -> list[tuple[int, FactSuspended]]:
        """The suspended facts that name this symbol, by seq, as installed."""
        return [
            (seq, event)
            for seq, event in self.suspended.states.items()
            if isinstance(event, FactSuspended) and event.symbol == symbol
        ]

    def forget_from(self, seq: int) -> None:
        """Drop anomalies of events that were never journaled: those from `seq` on."""
        while self.anomalies and self.anomalies[-1][0] >= seq:
            self.anomalies.pop()
            self.counts["anomalies"] -= 1

    def table(self) -> dict[type, Apply]:
        return {
            AnomalyRecorded: self._anomaly_recorded,
            FactSuspended: self._fact_suspended,
            FactResumed: self._fact_resumed,
            FactSetAside: self._fact_set_aside,
            SourceGapOpened: self._source_gap_opened,
            SourceGapClosed: self._source_gap_closed,
        }

    def advance(self, event: Any) -> None:
        source = event.source
        state = self.sources.get(source)
        after = sources.advanced(state, event.source_epoch, event.source_seq)
        if after is not state:
            self.sources.put(source, after)

    def _anomaly_recorded(self, seq: int, _now: int, event: AnomalyRecorded) -> None:
        self.counts["anomalies"] += 1
        self.anomalies.append((seq, event))
        if len(self.anomalies) > 2 * ANOMALIES_KEPT:
            del self.anomalies[:-ANOMALIES_KEPT]
        if event.severity is Severity.CRITICAL:
            self.cases.put(seq, event)

    def _fact_suspended(self, seq: int, _now: int, event: FactSuspended) -> None:
        self.suspended.put(seq, event)
        self.advance(event)

    def _fact_resumed(self, _seq: int, _now: int, event: FactResumed) -> None:
        self.suspended.put(event.ref_seq, False)

    def _fact_set_aside(self, _seq: int, _now: int, event: FactSetAside) -> None:
        self.advance(event)

    def _source_gap_opened(self, _seq: int, _now: int, event: SourceGapOpened) -> None:
        state = self.sources.get(event.source)
        self.sources.put(
            event.source, sources.opened(state, event.source_epoch, event.from_seq, event.to_seq)
        )

    def _source_gap_closed(self, _seq: int, _now: int, event: SourceGapClosed) -> None:
        state = sources.closed(self.sources.get(event.source), event.source_epoch, event.source_seq)
        if state is not None:
            self.sources.put(event.source, state)


@final
class TradingFold:
    """Orders, fills, positions and control of one partition."""

    def __init__(self, partition: int = 0, entities: actors.Entities | None = None) -> None:
        self.partition = partition
        self.entities = entities or actors.Entities()
        store = self.entities.store
        self.facts = _Facts(self.entities, "")
        self.instruments: actors.Store[str, Instrument] = store("instrument")
        self.strategies: actors.Store[str, Strategy] = store("strategy")
        self.orders: actors.Store[OrderKey, OrderState] = store("order")
        self.fills: actors.Store[FillKey, FillState] = store("fill")
        self.positions: actors.Store[PositionKey, PositionState] = store("position")
        self.quarantine: actors.Store[tuple[str, str], int] = store("quarantine")
        # What follows is found again from the entities above, so it stands outside the digest.
        self.order_of_id: actors.Store[OrderKey, OrderKey] = store("order-of-id")
        """Order by any id of its requests: (symbol, client_order_id)."""
        self.order_of_venue_id: actors.Store[tuple[str, str], OrderKey] = store("order-of-venue-id")
        self.order_of_number: actors.Store[int, OrderKey] = store("order-of-number")
        self.outcomes: actors.Store[bytes, Outcome] = store("outcome")
        self.started: EngineStarted | None = None
        self.changed_positions: list[tuple[int, PositionState]] = []
        """(seq, state) of every position changed since its owner last took them; for publication."""
        self.keeps_changes = False
        self._digest = _Digest(
            (
                self.instruments,
                self.strategies,
                self.orders,
                self.fills,
                self.positions,
                self.facts.sources,
                self.facts.suspended,
                self.facts.cases,
                self.quarantine,
            )
        )
        self._apply: Final[dict[type, Apply]] = self._table()

    def apply(self, seq: int, recorded_at_ns: int, event: Any) -> None:
        """Stage what this event changes; the caller installs."""
        self._apply[type(event)](seq, recorded_at_ns, event)

    def digest(self) -> int:
        """Of the installed state: a sum modulo 2^128 over all entities ever, independent of order."""
        return self._digest.value()

    def forget_from(self, seq: int) -> None:
        """A turn raised: drop what stands beside the entities of events that were never journaled, from `seq` on."""
        self.facts.forget_from(seq)
        self.changed_positions = [item for item in self.changed_positions if item[0] < seq]

    def find_order(self, symbol: str, client_order_id: str) -> OrderKey | None:
        """The order that this id names: its first, its current, or one of its requests."""
        key = (symbol, client_order_id)
        if self.orders.get(key) is not None:
            return key
        return self.order_of_id.get(key)

    # ---- control -------------------------------------------------------------------------------------------

    def _table(self) -> dict[type, Apply]:
        reported = self._order_reported
        return {
            **self.facts.table(),
            EngineStarted: self._engine_started,
            InstrumentDefined: self._instrument_defined,
            StrategyDefined: self._strategy_defined,
            CommandRejected: self._command_rejected,
            EngineFault: self._engine_fault,
            EntityQuarantined: self._entity_quarantined,
            OrderSubmitted: self._order_submitted,
            CancelRequested: self._requested,
            ReplaceRequested: self._requested,
            OrderFilled: self._order_filled,
            FillBusted: self._fill_changed,
            FillCorrected: self._fill_changed,
            OrderAdopted: self._order_adopted,
            PositionRestated: self._position_restated,
            OrderAccepted: self._order_named,
            OrderReplaced: self._order_replaced,
            OrderRejected: reported,
            OrderCanceled: reported,
            CancelRejected: reported,
            ReplaceRejected: reported,
            CancelPending: self._request_pending,
            ReplacePending: self._request_pending,
            OrderExpired: reported,
            OrderDoneForDay: reported,
            OrderRestated: reported,
            OrderSuspended: reported,
            OrderResumed: reported,
            OrderTriggered: reported,
        }

    def _engine_started(self, _seq: int, _now: int, event: EngineStarted) -> None:
        self.started = event

    def _instrument_defined(self, seq: int, _now: int, event: InstrumentDefined) -> None:
        self.instruments.put(event.symbol, instrument_of(event, seq))
        if event.command_id:
            self.outcomes.put(event.command_id, Outcome(seq, event))

    def _strategy_defined(self, seq: int, _now: int, event: StrategyDefined) -> None:
        self.strategies.put(event.strategy_id, Strategy(event.strategy_id, event.account, seq))
        if event.command_id:
            self.outcomes.put(event.command_id, Outcome(seq, event))

    def _command_rejected(self, seq: int, _now: int, event: CommandRejected) -> None:
        self.outcomes.put(event.command_id, Outcome(seq, event))

    def _engine_fault(self, seq: int, _now: int, event: EngineFault) -> None:
        if event.command_id:
            self.outcomes.put(event.command_id, Outcome(seq, event))

    def _entity_quarantined(self, seq: int, _now: int, event: EntityQuarantined) -> None:
        self.quarantine.put((event.kind, event.key), seq)

    # ---- orders --------------------------------------------------------------------------------------------

    def _order_submitted(self, seq: int, now: int, event: OrderSubmitted) -> None:
        key = (event.symbol, event.client_order_id)
        self.orders.put(key, orders.evolve(None, event, seq, now, self.partition))
        self.order_of_number.put(self.partition << PARTITION_SHIFT | seq, key)
        self.outcomes.put(event.command_id, Outcome(seq, event))

    def _requested(self, seq: int, now: int, event: CancelRequested | ReplaceRequested) -> None:
        key = (event.symbol, event.order)
        self.orders.put(key, orders.evolve(self.orders.get(key), event, seq, now))
        self.order_of_id.put((event.symbol, event.client_order_id), key)
        self.outcomes.put(event.command_id, Outcome(seq, event))

    def _order_reported(self, seq: int, now: int, event: Any) -> None:
        self.facts.advance(event)
        if event.order:
            key = (event.symbol, event.order)
            self.orders.put(key, orders.evolve(self.orders.get(key), event, seq, now))

    def _request_pending(self, seq: int, now: int, event: CancelPending | ReplacePending) -> None:
        self._order_reported(seq, now, event)
        named = (event.symbol, event.request_id)
        if self.order_of_id.get(named) is None:  # a request that only the venue knew
            self.order_of_id.put(named, (event.symbol, event.order))

    def _order_named(self, seq: int, now: int, event: OrderAccepted) -> None:
        self._order_reported(seq, now, event)
        if event.venue_order_id:
            self.order_of_venue_id.put((event.exchange, event.venue_order_id), (event.symbol, event.order))

    def _order_replaced(self, seq: int, now: int, event: OrderReplaced) -> None:
        self._order_reported(seq, now, event)
        key = (event.symbol, event.order)
        if event.client_order_id != event.order:
            self.order_of_id.put((event.symbol, event.client_order_id), key)
        if event.venue_order_id:
            self.order_of_venue_id.put((event.exchange, event.venue_order_id), key)

    def _order_adopted(self, seq: int, now: int, event: OrderAdopted) -> None:
        self.facts.advance(event)
        key = (event.symbol, event.order)
        self.orders.put(key, orders.evolve(None, event, seq, now, self.partition))
        self.order_of_number.put(self.partition << PARTITION_SHIFT | seq, key)
        if event.venue_order_id:
            self.order_of_venue_id.put((event.exchange, event.venue_order_id), key)

    # ---- fills and positions -------------------------------------------------------------------------------

    def _order_filled(self, seq: int, now: int, event: OrderFilled) -> None:
        self.facts.advance(event)
        symbol = event.symbol
        key: FillKey = (event.exchange, event.account, symbol, event.trade_date, event.execution_id)
        fill = fills.evolve(self.fills.get(key), event, key, seq, now, self.partition)
        self.fills.put(key, fill)
        if event.order and not self._held("order", f"{symbol}/{event.order}"):
            order = (symbol, event.order)
            self.orders.put(order, orders.evolve(self.orders.get(order), event, seq, now))
            if event.venue_order_id:
                self.order_of_venue_id.put((event.exchange, event.venue_order_id), order)
        self._move_position(seq, now, event)

    def _move_position(self, seq: int, now: int, event: OrderFilled | PositionRestated) -> None:
        place = (event.strategy_id, event.symbol)
        position = positions.evolve(self.positions.get(place), event, seq, now)
        self.positions.put(place, position)
        if self.keeps_changes:
            self.changed_positions.append((seq, position))

    def _fill_changed(self, seq: int, now: int, event: FillBusted | FillCorrected) -> None:
        self.facts.advance(event)
        for key in fills.event_keys(event):
            self.fills.put(key, fills.evolve(self.fills.get(key), event, key, seq, now, self.partition))
        if event.order:
            order = (event.symbol, event.order)
            self.orders.put(order, orders.evolve(self.orders.get(order), event, seq, now))

    def _position_restated(self, seq: int, now: int, event: PositionRestated) -> None:
        self._move_position(seq, now, event)

    def _held(self, kind: str, key: str) -> bool:
        quarantine = self.quarantine  # replay stages a whole frame, in which the quarantine itself may stand
        return bool(quarantine.states or quarantine.staged) and quarantine.get((kind, key)) is not None


@final
class MarketFold:
    """Books, trades and quotes of one partition."""

    def __init__(self, partition: int = 0, entities: actors.Entities | None = None) -> None:
        self.partition = partition
        self.entities = entities or actors.Entities()
        store = self.entities.store
        self.facts = _Facts(self.entities, "market-")
        self.instruments: actors.Store[str, Instrument] = store("market-instrument")
        self.books: actors.Store[BookKey, Book] = store("book")
        self.started: EngineStarted | None = None
        self._digest = _Digest((self.instruments, self.facts.sources, self.facts.suspended, self.facts.cases))
        booked = self._booked
        self._apply: Final[dict[type, Apply]] = {
            **self.facts.table(),
            EngineStarted: self._engine_started,
            MarketTailLost: self._tail_lost,
            InstrumentDefined: self._instrument_defined,
            BookSnapshotApplied: booked,
            BookDeltaApplied: booked,
            MarketTraded: booked,
            MarketQuoted: booked,
            PhaseChanged: booked,
        }

    def apply(self, seq: int, recorded_at_ns: int, event: Any) -> None:
        """Change what this event changes: books in place, everything else staged."""
        self._apply[type(event)](seq, recorded_at_ns, event)

    def digest(self) -> int:
        """Of the installed state; a book counts by level."""
        total = self._digest.value()
        for book in self.books.states.values():
            for key, value in book_view.digest_items(book):
                total += int.from_bytes(blake2b(key + value, digest_size=16).digest(), "big")
        return total % MODULO

    def forget_from(self, seq: int) -> None:
        """A turn raised: drop what stands beside the entities of events that were never journaled, from `seq` on."""
        self.facts.forget_from(seq)

    def _engine_started(self, _seq: int, _now: int, event: EngineStarted) -> None:
        self.started = event

    def _tail_lost(self, seq: int, _now: int, _event: MarketTailLost) -> None:
        self.facts.counts["lost"] += 1
        for key, book in self.books.states.items():
            self.books.put(key, books.lose_tail(book, seq))

    def _instrument_defined(self, seq: int, _now: int, event: InstrumentDefined) -> None:
        self.instruments.put(event.symbol, instrument_of(event, seq))

    def _booked(self, seq: int, now: int, event: Any) -> None:
        self.facts.advance(event)
        key = (event.exchange, event.symbol)
        self.books.put(key, books.evolve(self.books.get(key), event, seq, now))


def instrument_of(event: InstrumentDefined, seq: int) -> Instrument:
    """The instrument that the event defines, at that seq."""
    return Instrument(
        event.symbol,
        event.exchange,
        event.price_scale,
        event.qty_scale,
        event.tick,
        event.lot,
        event.multiplier,
        event.quote_ccy,
        event.allow_negative_px,
        event.spot_base_fee,
        event.calendar,
        seq,
    )


def fold_of(journal: str, partition: int) -> TradingFold | MarketFold:
    """A fold of nothing yet for "trading" or "market"."""
    return TradingFold(partition) if journal == "trading" else MarketFold(partition)
