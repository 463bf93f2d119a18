"""The state of a partition's trading journal: orders, fills, positions, instruments, strategies, and outcomes of commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, final

from msgspec import Struct

import actors
from ledger.domain import fill as fills
from ledger.domain import order as orders
from ledger.domain import position as positions
from ledger.domain.adjustments import Adjustment
from ledger.domain.context import PARTITION_SHIFT, Instrument, Strategy
from ledger.domain.enums import Origin
from ledger.domain.events import (
    CancelPending,
    CancelRejected,
    CancelRequested,
    CommandRejected,
    EngineFault,
    EngineStarted,
    EntityQuarantined,
    FillBusted,
    FillCorrected,
    InstrumentDefined,
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
    OrderStatusAnswered,
    OrderSubmitted,
    OrderSuspended,
    OrderTriggered,
    PositionRestated,
    ReplacePending,
    ReplaceRejected,
    ReplaceRequested,
    StrategyDefined,
)
from ledger.domain.fill import FillKey, FillState
from ledger.domain.operator_events import (
    CaseClosed,
    EntityReleased,
    OrderUnconfirmed,
    PositionAdjusted,
    PositionTransferred,
)
from ledger.domain.order import OrderState
from ledger.domain.order_birth import submitted
from ledger.domain.order_evolve import ORDER_STEPS
from ledger.domain.partition_events import ControlTaken
from ledger.domain.position import PositionState
from ledger.domain.request_events import OrderStatusRequested
from ledger.fold.by_position import FillsByPosition, PositionKey
from ledger.fold.control import ControlFold
from ledger.fold.digest import Digest
from ledger.fold.facts import Apply, SourceFacts
from ledger.fold.instruments import instrument_of
from ledger.fold.operations import OperationsFold
from ledger.fold.partitions import PartitionsFold

if TYPE_CHECKING:
    from ledger.fold.closed import ClosedStates

OrderKey = tuple[str, str]
"""(symbol, the order's first client_order_id)."""


@final
class Outcome(Struct, gc=False):
    """What a command became: the event that answers it for ever."""

    seq: int
    event: Any


@final
class TradingFold:
    """Orders, fills, positions and control of one partition."""

    def __init__(self, partition: int = 0, entities: actors.Entities | None = None) -> None:
        self.partition = partition
        self.entities = entities or actors.Entities()
        store = self.entities.store
        self.facts = SourceFacts(self.entities, "")
        self.instruments: actors.Store[str, Instrument] = store("instrument")
        self.strategies: actors.Store[str, Strategy] = store("strategy")
        self.orders: actors.Store[OrderKey, OrderState] = store("order")
        self.fills: actors.Store[FillKey, FillState] = store("fill")
        self.positions: actors.Store[PositionKey, PositionState] = store("position")
        self.quarantine: actors.Store[tuple[str, str], int] = store("quarantine")
        """(kind, key) of an entity set aside, with the seq of its EntityQuarantined; 0 once it was released."""
        self.control = ControlFold(self.entities, self.orders, self.positions, self.instruments)
        self.operations = OperationsFold(self.entities)
        self.partitions = PartitionsFold(self.entities, partition)
        # What follows is found again from the entities above, so it stands outside the digest.
        self.order_of_id: actors.Store[OrderKey, OrderKey] = store("order-of-id")
        """Order by any id of its requests: (symbol, client_order_id)."""
        self.order_of_venue_id: actors.Store[tuple[str, str], OrderKey] = store("order-of-venue-id")
        self.order_of_number: actors.Store[int, OrderKey] = store("order-of-number")
        self.outcomes: actors.Store[bytes, Outcome] = store("outcome")
        self.fills_by_position = FillsByPosition(self.fills)
        self.started: EngineStarted | None = None
        self.changed_positions: list[tuple[int, PositionState]] = []
        """(seq, state) of every position changed since its owner last took them; for publication."""
        self.keeps_changes = False
        self.away: dict[str, int] = {}
        """How many entities of each kind are not in memory, but in the index."""
        self.closed: ClosedStates | None = None
        """Where those are found."""
        self._digest = Digest(
            (
                self.instruments,
                self.strategies,
                self.orders,
                self.fills,
                self.positions,
                self.facts.sources,
                self.facts.suspended,
                self.facts.cases,
                self.facts.closed,
                self.quarantine,
                *self.control.stores(),
                *self.operations.stores,
                self.partitions.taken,
            )
        )
        self.steps: Final[dict[type, Apply]] = self._table()
        """What each type of event does: `apply` without a call between, for whoever applies very many."""

    def apply(self, seq: int, recorded_at_ns: int, event: Any) -> None:
        """Put what this event changes; the caller installs."""
        self.steps[type(event)](seq, recorded_at_ns, event)

    def digest(self) -> int:
        """Of the state between turns: a sum modulo 2^128 over all entities ever, independent of order."""
        return self._digest.value()

    # ---- entities that leave memory (`passivation.py`) -----------------------------------------------------

    def begin_digest(self, away: int, stores: Iterable[actors.Store[Any, Any]]) -> None:
        """Entities of these stores come and go; `away` is the sum of those not in memory."""
        self._digest.begin(away, stores)

    def note_changed(self, kind: str, keys: set[Any]) -> None:
        """Their store no longer tells that these changed."""
        self._digest.note(kind, keys)

    def entities_left(self, kind: str, hashes: dict[Any, int]) -> None:
        """Entities left memory; by key with their hash."""
        self._digest.left(kind, hashes)

    def entity_came_back(self, kind: str, key: Any, hash_: int) -> None:
        """An entity with this hash is in memory again."""
        self._digest.came_back(kind, key, hash_)

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
        table: dict[type, Apply] = {
            ControlTaken: self.partitions.control_taken,
            **self.facts.table(),
            **{kind: self._answering(apply) for kind, apply in self.control.table().items()},
            **{kind: self._answering(apply) for kind, apply in self.operations.table().items()},
            CaseClosed: self._answering(self.facts.case_closed),
            EntityReleased: self._answering(self._entity_released),
            PositionAdjusted: self._answering(self._position_adjusted),
            PositionTransferred: self._answering(self._position_adjusted),
            OrderUnconfirmed: self._order_concluded,
            OrderStatusRequested: self._order_concluded,
            OrderStatusAnswered: reported,
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
            PositionRestated: self.move_position,
            OrderAccepted: self._order_named,
            OrderReplaced: self._order_replaced,
            OrderRejected: reported,
            OrderCanceled: reported,
            CancelRejected: reported,
            ReplaceRejected: reported,
            CancelPending: self._request_pending,
            ReplacePending: self._request_pending,
            OrderExpired: self._order_expired,
            OrderDoneForDay: reported,
            OrderRestated: reported,
            OrderSuspended: reported,
            OrderResumed: reported,
            OrderTriggered: reported,
        }
        return {kind: self.partitions.watching(kind, apply) for kind, apply in table.items()}

    def _engine_started(self, _seq: int, _now: int, event: EngineStarted) -> None:
        self.started = event

    def _instrument_defined(self, seq: int, _now: int, event: InstrumentDefined) -> None:
        before = self.instruments.get(event.symbol)
        self.instruments.put(event.symbol, instrument_of(event, seq))
        if self.control.kept and before is not None and before.multiplier != event.multiplier:
            self.control.redefined(seq)
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

    def _answering(self, apply: Apply) -> Apply:
        """The same, and the event is what its command became."""

        def applied(seq: int, now: int, event: Any) -> None:
            apply(seq, now, event)
            command_id: bytes = getattr(event, "command_id", b"")
            if command_id:
                self.outcomes.put(command_id, Outcome(seq, event))

        return applied

    def _entity_released(self, seq: int, now: int, event: EntityReleased) -> None:
        self.quarantine.put((event.kind, event.key), 0)
        held = self.operations.released(event)
        if held:
            symbol, _, order = event.key.partition("/")
            key = (symbol, order)
            before = after = self.orders.get(key)
            for _, execution in held:
                after = orders.evolve(after, execution, seq, now)
            assert after is not None
            self._put_order(key, before, after, seq)

    # ---- orders --------------------------------------------------------------------------------------------

    def _order_submitted(self, seq: int, now: int, event: OrderSubmitted) -> None:
        key = (event.symbol, event.client_order_id)
        state = submitted(event, seq, now, self.partition)
        self.order_of_number.put(state.terms.order_id, key)
        self.outcomes.put(event.command_id, Outcome(seq, event))
        self.order_came(key, event, now)
        self._put_order(key, None, state, seq)

    def order_came(self, key: OrderKey, event: OrderSubmitted, now: int) -> None:
        control = self.control
        if event.px is None and event.stop_px is None and event.twice_mark is not None:
            control.marked(key, event.twice_mark)
        if control.duplicate_window_ns:
            control.submitted(key, event, now)

    def _requested(self, seq: int, now: int, event: CancelRequested | ReplaceRequested) -> None:
        key = (event.symbol, event.order)
        self.move_order(key, event, seq, now)
        self.order_of_id.put((event.symbol, event.client_order_id), key)
        if type(event) is CancelRequested and event.mass_seq:
            self.control.mass_asked(event.mass_seq)
        else:
            self.outcomes.put(event.command_id, Outcome(seq, event))

    def move_order(self, key: OrderKey, event: Any, seq: int, now: int) -> None:
        before = self.orders.get(key)
        assert before is not None, f"{event} of an order that there is not"
        after = ORDER_STEPS[type(event)](before, event, seq, now)
        self._put_order(key, before, after, seq)

    def _put_order(self, key: OrderKey, before: OrderState | None, after: OrderState, seq: int) -> None:
        self.orders.put(key, after)
        if self.control.kept:
            self.control.order_moved(before, after, seq)

    def _order_reported(self, seq: int, now: int, event: Any) -> None:
        self.facts.advance(event)
        if event.order:
            self.move_order((event.symbol, event.order), event, seq, now)

    def _order_expired(self, seq: int, now: int, event: OrderExpired) -> None:
        if event.origin is Origin.LOCAL:  # no sender said so: nobody's number is taken
            self._order_concluded(seq, now, event)
        else:
            self._order_reported(seq, now, event)

    def _order_concluded(self, seq: int, now: int, event: Any) -> None:
        self.move_order((event.symbol, event.order), event, seq, now)

    def _request_pending(self, seq: int, now: int, event: CancelPending | ReplacePending) -> None:
        self._order_reported(seq, now, event)
        named = (event.symbol, event.request_id)
        if self.order_of_id.get(named) is None:  # a request that only the venue knew
            self.order_of_id.put(named, (event.symbol, event.order))

    def _order_named(self, seq: int, now: int, event: OrderAccepted) -> None:
        self.facts.advance(event)
        key = (event.symbol, event.order)
        if event.order:
            self.move_order(key, event, seq, now)
        if event.venue_order_id:
            self.order_of_venue_id.put((event.exchange, event.venue_order_id), key)

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
        state = orders.evolve(None, event, seq, now, self.partition)
        self._put_order(key, None, state, seq)
        self.order_of_number.put(self.partition << PARTITION_SHIFT | seq, key)
        if event.venue_order_id:
            self.order_of_venue_id.put((event.exchange, event.venue_order_id), key)

    # ---- fills and positions -------------------------------------------------------------------------------

    def _order_filled(self, seq: int, now: int, event: OrderFilled) -> None:
        self.facts.advance(event)
        symbol = event.symbol
        key: FillKey = (event.exchange, event.account, symbol, event.trade_date, event.execution_id)
        if self.closed is not None:
            self.fills.get(key)  # a bust that waited may be away: the digest takes it out when it comes back
        self.fills.put(key, fills.filled(event, seq, now, self.partition))
        if self.fills_by_position.is_asked:
            self.fills_by_position.filled((event.strategy_id, symbol), key)
        if event.order and not (self.quarantine.states and self.holds(event, seq)):
            order = (symbol, event.order)
            self.move_order(order, event, seq, now)
            if event.venue_order_id:
                self.order_of_venue_id.put((event.exchange, event.venue_order_id), order)
        self.move_position(seq, now, event)

    def move_position(self, seq: int, now: int, event: OrderFilled | PositionRestated | Adjustment) -> None:
        place = (event.strategy_id, event.symbol)
        before = self.positions.get(place)
        position = positions.evolve(before, event, seq, now)
        self.positions.put(place, position)
        if self.control.kept:
            self.control.position_moved(before, position, seq)
        if self.keeps_changes:
            self.changed_positions.append((seq, position))

    def _fill_changed(self, seq: int, now: int, event: FillBusted | FillCorrected) -> None:
        self.facts.advance(event)
        for key in fills.event_keys(event):
            self.fills.put(key, fills.evolve(self.fills.get(key), event, key, seq, now, self.partition))
        if event.order and not self.holds(event, seq):
            self.move_order((event.symbol, event.order), event, seq, now)

    def _position_adjusted(self, seq: int, now: int, event: PositionAdjusted | PositionTransferred) -> None:
        for change in self.operations.adjusted(seq, now, event):
            self.move_position(seq, now, change)

    def holds(self, event: OrderFilled | FillBusted | FillCorrected, seq: int) -> bool:
        """Whether the execution's order is set aside: it takes it at its release."""
        key = f"{event.symbol}/{event.order}"
        if not self.quarantine.get(("order", key)):
            return False
        self.operations.hold(key, seq, event)
        return True
