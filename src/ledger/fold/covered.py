"""The state at the place of the index, folded from the beginning without building again what stands in the index.

Every entry carries the seq of its entity's last event, and a fold skips events at or below it: an order that the index
has as closed is not built at all, nor any execution, id or outcome of a command that it holds. What comes out is what a
snapshot at that place would hold, in about half the time, and memory follows what was open at once, not history.
"""

from __future__ import annotations

from typing import Any, Final, final

from ledger.codec import decode_events
from ledger.domain import fill as fills
from ledger.domain.control_events import RiskLimitSet, TradingStateSet
from ledger.domain.enums import Origin
from ledger.domain.events import (
    CancelPending,
    CancelRejected,
    CancelRequested,
    Event,
    FillBusted,
    FillCorrected,
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
    ReplacePending,
    ReplaceRejected,
    ReplaceRequested,
)
from ledger.domain.operator_events import EntityReleased, OrderUnconfirmed
from ledger.domain.order import evolve
from ledger.domain.order_state import OrderState, is_open
from ledger.domain.request_events import OrderStatusRequested
from ledger.errors import Corrupt, Unavailable
from ledger.fold.closed import ClosedStates, is_closed, key_bytes
from ledger.fold.facts import Apply
from ledger.fold.trading import OrderKey, TradingFold
from ledger.journal import Frame, version_in

_HINT: Final = "nothing is lost: delete the directory of the index; the follower builds it again"
_REPORTS: Final = (
    OrderAdopted,
    OrderAccepted,
    OrderRejected,
    OrderCanceled,
    OrderReplaced,
    CancelRejected,
    ReplaceRejected,
    CancelPending,
    ReplacePending,
    OrderDoneForDay,
    OrderRestated,
    OrderSuspended,
    OrderResumed,
    OrderTriggered,
    OrderStatusAnswered,
)
"""What a venue says of an order: of one that is not built, only how far the sender has come counts."""


_ASKING: Final = (RiskLimitSet, TradingStateSet)
"""What may ask for exposures."""
_LOOKED_AT: Final = frozenset((OrderSubmitted, OrderAdopted, *_ASKING, EntityReleased))
"""What begins an order, and what needs the states of orders that are open when it comes."""
_Seen = tuple[int, int, Any]
"""(seq, recorded_at_ns, event)."""


@final
class Covered:
    """Folds the events up to the place of an index. Frames come in order; `finish` after the last."""

    def __init__(self, fold: TradingFold, closed: ClosedStates) -> None:
        """`fold` is empty, or has just been filled from a base. Raises Corrupt, Unavailable."""
        self._fold, self._closed = fold, closed
        self._skipped: dict[OrderKey, int] = {}
        """Orders that are not built, with the last event of each: as it is after that one the index has it."""
        self._seen: dict[OrderKey, list[_Seen]] = {}
        """What came so far of those that go on: if the state of one is needed on the way, it is built of this."""
        self._steps: Final = self._table()
        fold.orders.dirty = set(fold.orders.states)
        self._let_go()

    def apply(self, frames: list[Frame]) -> int:
        """Fold these frames; how many events. Raises Corrupt, Unavailable of the index: also where it and the journal do
        not fit together, whichever of them is wrong: a fold without the index tells."""
        try:
            return self._apply(frames)
        except (Corrupt, Unavailable):
            raise
        except Exception as error:
            raise self._unfit(repr(error)) from error

    def _apply(self, frames: list[Frame]) -> int:
        decoded = [(frame, decode_events(frame.payload)) for frame in frames]
        if not self._fold.control.kept:  # exposures follow every order
            self._expect(decoded, frames[-1].last_seq)
        steps, count = self._steps, 0
        for frame, events in decoded:
            seq, now = frame.first_seq, frame.recorded_at_ns
            for event in events:
                steps[type(event)](seq, now, event)
                seq += 1
            count += len(events)
        self._let_go()
        return count

    def finish(self) -> None:
        """The place of the index is reached. Raises Corrupt where something of the index has not come."""
        for key, until in self._skipped.items():
            raise self._unfit(f"order {key} is closed after event {until}, which did not come")
        for key, order in self._fold.orders.states.items():
            if not is_open(order):
                raise self._unfit(f"order {key}, closed by event {order.version}, is not in it")
        self._fold.orders.dirty = None

    def _unfit(self, what: str) -> Corrupt:
        return Corrupt(str(self._closed.file.path), "", f"it does not fit the journal: {what}", _HINT)

    # ---- what is not built ---------------------------------------------------------------------------------

    def _expect(self, decoded: list[tuple[Frame, list[Event]]], end: int) -> None:
        """Look up the orders that begin in these events, up to `end`; those that the index has will not be built."""
        file = self._closed.file
        keys: list[OrderKey] = []
        needed = False
        for _, events in decoded:
            for event in events:
                if type(event) not in _LOOKED_AT:
                    continue
                if type(event) is OrderSubmitted:
                    keys.append((event.symbol, event.client_order_id))
                elif type(event) is OrderAdopted:
                    keys.append((event.symbol, event.order))
                else:
                    needed = True
        names = {key_bytes("order", key): key for key in keys}
        for name, value in file.values(sorted(names)).items():
            key, until = names[name], version_in(name, value, file.path)
            self._skipped[key] = until
            if until > end or needed:
                self._seen[key] = []

    def _skips(self, key: OrderKey, seq: int, now: int, event: Any) -> bool:
        """Whether this order is not built; until its last event has come, what came may be kept in mind."""
        until = self._skipped.get(key)
        if until is None:
            return False
        if seq >= until:
            del self._skipped[key]
            self._seen.pop(key, None)
        elif self._seen and (seen := self._seen.get(key)) is not None:
            seen.append((seq, now, event))
        return True

    def _build(self, key: OrderKey) -> None:
        """Somebody needs the state of an order that was not built."""
        self._skipped.pop(key, None)
        state: OrderState | None = None
        for seq, now, event in self._seen.pop(key, ()):
            state = evolve(state, event, seq, now, self._fold.partition)
        if state is not None:
            self._fold.orders.put(key, state)

    def _let_go(self) -> None:
        """Drop what the index holds as it is."""
        fold, file = self._fold, self._closed.file
        fold.order_of_id.states.clear()
        fold.order_of_venue_id.states.clear()
        fold.order_of_number.states.clear()
        _drop_closed("outcome", fold.outcomes.states)
        _drop_closed("fill", fold.fills.states)
        states, changed = fold.orders.states, fold.orders.dirty
        assert changed is not None
        names = {
            key_bytes("order", key): key
            for key in changed
            if (order := states.get(key)) is not None and not is_open(order)
        }
        changed.clear()
        for name, value in file.values(sorted(names)).items() if names else ():
            key = names[name]
            if version_in(name, value, file.path) == states[key].version:
                del states[key]

    # ---- what events do ------------------------------------------------------------------------------------

    def _table(self) -> dict[type, Apply]:
        steps = self._fold.steps
        return {
            **steps,
            **{kind: self._reported(steps[kind]) for kind in _REPORTS},
            **{kind: self._after_all(steps[kind]) for kind in _ASKING},
            OrderSubmitted: self._submitted,
            OrderExpired: self._expired,
            OrderUnconfirmed: self._doubted,
            OrderStatusRequested: self._doubted,
            CancelRequested: self._requested,
            ReplaceRequested: self._requested,
            OrderFilled: self._filled,
            FillBusted: self._fill_changed,
            FillCorrected: self._fill_changed,
            EntityReleased: self._released,
        }

    def _reported(self, step: Apply) -> Apply:
        advance, skips = self._fold.facts.advance, self._skips

        def applied(seq: int, now: int, event: Any) -> None:
            if event.order and skips((event.symbol, event.order), seq, now, event):
                advance(event)
            else:
                step(seq, now, event)

        return applied

    def _after_all(self, step: Apply) -> Apply:
        """Exposures may be added up from here on, of all orders that are open now."""

        def applied(seq: int, now: int, event: Any) -> None:
            for key in list(self._skipped):
                self._build(key)
            step(seq, now, event)

        return applied

    def _submitted(self, seq: int, now: int, event: OrderSubmitted) -> None:
        key = (event.symbol, event.client_order_id)
        fold = self._fold
        if self._skips(key, seq, now, event):
            fold.order_came(key, event, now)
        else:
            fold.steps[OrderSubmitted](seq, now, event)

    def _requested(self, seq: int, now: int, event: CancelRequested | ReplaceRequested) -> None:
        if not self._skips((event.symbol, event.order), seq, now, event):
            self._fold.steps[type(event)](seq, now, event)
        elif type(event) is CancelRequested and event.mass_seq:
            self._fold.control.mass_asked(event.mass_seq)

    def _expired(self, seq: int, now: int, event: OrderExpired) -> None:
        if not self._skips((event.symbol, event.order), seq, now, event):
            self._fold.steps[OrderExpired](seq, now, event)
        elif event.origin is not Origin.LOCAL:
            self._fold.facts.advance(event)

    def _doubted(self, seq: int, now: int, event: OrderUnconfirmed | OrderStatusRequested) -> None:
        if not self._skips((event.symbol, event.order), seq, now, event):
            self._fold.steps[type(event)](seq, now, event)

    def _filled(self, seq: int, now: int, event: OrderFilled) -> None:
        fold = self._fold
        fold.facts.advance(event)
        until = self._skipped.get((event.symbol, event.order))
        if until is None or seq >= until or self._seen or fold.quarantine.states:
            self._traded(seq, now, event)
        fold.move_position(seq, now, event)

    def _fill_changed(self, seq: int, now: int, event: FillBusted | FillCorrected) -> None:
        fold, index = self._fold, self._closed.file
        fold.facts.advance(event)
        for key in fills.event_keys(event):
            if index.get(key_bytes("fill", key)) is None:  # its fill has not come by the place of the index
                state = fills.evolve(fold.fills.get(key), event, key, seq, now, fold.partition)
                fold.fills.put(key, state)
        self._traded(seq, now, event)

    def _traded(self, seq: int, now: int, event: OrderFilled | FillBusted | FillCorrected) -> None:
        """What an execution makes of its order."""
        if not event.order:
            return
        fold, key = self._fold, (event.symbol, event.order)
        if fold.quarantine.states and fold.holds(event, seq):
            return
        if not self._skips(key, seq, now, event):
            fold.move_order(key, event, seq, now)

    def _released(self, seq: int, now: int, event: EntityReleased) -> None:
        symbol, _, order = event.key.partition("/")
        self._build((symbol, order))
        self._fold.steps[EntityReleased](seq, now, event)


def _drop_closed(kind: str, states: dict[Any, Any]) -> None:
    for key in [key for key, state in states.items() if is_closed(kind, state)]:
        del states[key]
