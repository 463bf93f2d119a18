"""What a partition's fold keeps of risk and control: limits, restrictions, exposures; which events change them.

Exposures are kept only for the kinds of scope that something asked for: a limit or a REDUCING state. The journaled
event that asks first makes the fold add them up once; from then on each event moves them by what it changes, so that a
ledger without limits pays nothing for them, and replay has the same at the same place. A reduce_only order asks for
its strategy's in its symbol as well, but a refused one must change nothing: what it asks for is kept outside the digest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, final

import actors
from ledger.domain import exposure, limit, restriction
from ledger.domain.context import Instrument
from ledger.domain.control_events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    MassCancelCompleted,
    MassCancelRequested,
    RiskLimitSet,
    TradingStateSet,
)
from ledger.domain.enums import Side, TradingState
from ledger.domain.events import OrderSubmitted
from ledger.domain.exposure import NOTHING, Exposure
from ledger.domain.limit import RiskLimit
from ledger.domain.order_state import OrderState
from ledger.domain.position import PositionState
from ledger.domain.restriction import FREE, KillSwitch, MassCancelling, Restriction
from ledger.domain.scope import (
    ACCOUNT,
    ALL,
    EVERYTHING,
    STRATEGY,
    STRATEGY_SYMBOL,
    SYMBOL,
    ScopeKey,
    scope_key,
)

Apply = Callable[[int, int, Any], None]
OrderKey = tuple[str, str]
PositionKey = tuple[str, str]
TwinKey = tuple[str, str, Side, int, int | None, int | None]
"""(strategy, symbol, side, qty, px, stop_px)."""
ACCOUNT_SYMBOL: Final = 100
"""A kind of exposure that no scope has: an account in one symbol, named `account|symbol`."""
ASKED_BY_ORDER: Final = 101
"""STRATEGY_SYMBOL again, for reduce_only orders where nothing journaled has asked for it."""
_ONE_SYMBOL: Final = frozenset((SYMBOL, STRATEGY_SYMBOL, ACCOUNT_SYMBOL, ASKED_BY_ORDER))
_POSITION_KIND: Final = {
    ALL: SYMBOL,
    SYMBOL: SYMBOL,
    ACCOUNT: ACCOUNT_SYMBOL,
    STRATEGY: STRATEGY_SYMBOL,
    STRATEGY_SYMBOL: STRATEGY_SYMBOL,
}


def exposure_key(kind: int, account: str, strategy: str, symbol: str) -> ScopeKey:
    """Where the exposure of this kind stands that such an order loads."""
    if kind in (STRATEGY_SYMBOL, ASKED_BY_ORDER):
        return (kind, f"{strategy}/{symbol}")
    if kind == SYMBOL:
        return (kind, symbol)
    if kind == STRATEGY:
        return (kind, strategy)
    if kind == ACCOUNT:
        return (kind, account)
    return EVERYTHING if kind == ALL else (kind, f"{account}|{symbol}")


def position_kind(kind: int) -> int:
    """The kind of exposure that max_position of such a scope looks at: the scope in one symbol."""
    return _POSITION_KIND[kind]


@final
class ControlFold:
    """Limits, restrictions and exposures of one partition."""

    def __init__(
        self,
        entities: actors.Entities,
        orders: actors.Store[OrderKey, OrderState],
        positions: actors.Store[PositionKey, PositionState],
        instruments: actors.Store[str, Instrument],
    ) -> None:
        store = entities.store
        self._orders, self._positions, self._instruments = orders, positions, instruments
        self.limits: actors.Store[ScopeKey, RiskLimit] = store("limit")
        self.restrictions: actors.Store[ScopeKey, Restriction] = store("restriction")
        self.kills: actors.Store[bytes, KillSwitch] = store("kill")
        """By engagement."""
        self.mass_cancels: actors.Store[int, MassCancelling] = store("mass-cancel")
        """By the seq of the MassCancelRequested."""
        self.marks: actors.Store[OrderKey, int] = store("order-mark")
        """Twice the reference price of an order that was taken without a price."""
        self.exposures: actors.Store[ScopeKey, Exposure] = store("exposure")
        self.kinds: actors.Store[int, int] = store("exposure-kind")
        """The kinds of exposure that are kept, and since which event."""
        # What follows is found again from the entities above, so it stands outside the digest.
        self.kept: tuple[int, ...] = ()
        """The keys of `kinds`, and ASKED_BY_ORDER."""
        self._asked: actors.Store[ScopeKey, Exposure] = store("exposure-asked")
        self.guarded = False
        """Whether any limit or restriction was ever set: until then no order needs to be judged."""
        self.limited: tuple[int, ...] = ()
        """The kinds of scope that have limits."""
        self.duplicate_window_ns = 0
        """The largest of all limits."""
        self.twins: OrderedDict[TwinKey, tuple[OrderKey, int]] = OrderedDict()
        """The last order with these terms and its recorded_at_ns, oldest first, while inside the window."""

    def stores(self) -> tuple[actors.Store[Any, Any], ...]:
        """What belongs to the digest."""
        return (
            self.limits,
            self.restrictions,
            self.kills,
            self.mass_cancels,
            self.marks,
            self.exposures,
            self.kinds,
        )

    def table(self) -> dict[type, Apply]:
        return {
            RiskLimitSet: self._limit_set,
            KillSwitchEngaged: self._engaged,
            KillSwitchReleased: self._released,
            TradingStateSet: self._state_set,
            MassCancelRequested: self._mass_requested,
            MassCancelCompleted: self._mass_completed,
        }

    # ---- limits and restrictions ---------------------------------------------------------------------------

    def _limit_set(self, seq: int, _now: int, event: RiskLimitSet) -> None:
        key = scope_key(event.scope, event.name)
        after = limit.evolve_limit(event, seq)
        self.limits.put(key, after)
        kinds: list[int] = []
        if after.max_open_orders is not None or after.max_gross_notional is not None:
            kinds.append(key[0])
        if after.max_position is not None:
            kinds.append(position_kind(key[0]))
        if after.max_gross_notional is not None:
            kinds.append(STRATEGY_SYMBOL)
        self.keep(kinds, seq)
        known = self.limits.states
        window = max((state.duplicate_window_ms or 0 for state in known.values()), default=0)
        self.duplicate_window_ns = window * 10**6
        self.limited = tuple(sorted({each[0] for each, state in known.items() if limit.is_limiting(state)}))
        self.guarded = self.guarded or limit.is_limiting(after)

    def _restrict(self, key: ScopeKey, after: Restriction) -> None:
        self.restrictions.put(key, after)
        self.guarded = True

    def _engaged(self, seq: int, now: int, event: KillSwitchEngaged) -> None:
        self.kills.put(event.command_id, restriction.engaged(event, seq, now))
        key = scope_key(event.scope, event.name)
        before = self.restrictions.get(key) or FREE
        self._restrict(key, restriction.with_kill(before, event.command_id, seq))

    def _released(self, seq: int, now: int, event: KillSwitchReleased) -> None:
        state = self.kills.get(event.engagement)
        assert state is not None
        self.kills.put(event.engagement, restriction.released(state, event, seq, now))
        key = scope_key(state.scope, state.name)
        before = self.restrictions.get(key) or FREE
        self._restrict(key, restriction.without_kill(before, event.engagement, seq))

    def _state_set(self, seq: int, _now: int, event: TradingStateSet) -> None:
        key = scope_key(event.scope, event.name)
        before = self.restrictions.get(key) or FREE
        if event.state is TradingState.REDUCING:
            self.keep((STRATEGY_SYMBOL,), seq)
        self._restrict(key, restriction.in_state(before, event, seq))

    def _mass_requested(self, seq: int, now: int, event: MassCancelRequested) -> None:
        self.mass_cancels.put(seq, restriction.begun(event, seq, now))
        key = scope_key(event.scope, event.name)
        before = self.restrictions.get(key) or FREE
        self._restrict(key, restriction.with_mass(before, seq))

    def _mass_completed(self, seq: int, _now: int, event: MassCancelCompleted) -> None:
        state = self.mass_cancels.get(event.ref_seq)
        assert state is not None
        self.mass_cancels.put(event.ref_seq, restriction.completed(state, seq))
        key = scope_key(state.scope, state.name)
        before = self.restrictions.get(key) or FREE
        self._restrict(key, restriction.without_mass(before, event.ref_seq, seq))

    def marked(self, key: OrderKey, twice_mark: int) -> None:
        """An order without a price was taken at this reference price."""
        self.marks.put(key, twice_mark)

    def mass_asked(self, mass_seq: int) -> None:
        """A CancelRequested is a part of this mass cancel."""
        state = self.mass_cancels.get(mass_seq)
        assert state is not None
        self.mass_cancels.put(mass_seq, restriction.asked(state))

    def submitted(self, key: OrderKey, event: OrderSubmitted, now: int) -> None:
        """An order was submitted while a window is set: later ones may be equal to it."""
        window = self.duplicate_window_ns
        twins = self.twins
        while twins and now - next(iter(twins.values()))[1] >= window:
            twins.popitem(last=False)
        twin = twin_key(event)
        twins.pop(twin, None)
        twins[twin] = (key, now)

    # ---- exposures -----------------------------------------------------------------------------------------

    def order_moved(self, before: OrderState | None, after: OrderState, seq: int) -> None:
        """An order is `after` now: its scopes are loaded with the difference. Call only while `kept`."""
        terms = after.terms
        instrument = self._instruments.get(terms.symbol)
        assert instrument is not None
        mark = self._mark_of(after)
        old, new = exposure.load_of(before, instrument, mark), exposure.load_of(after, instrument, mark)
        if old == new:
            return
        for kind in self.kept:
            key = exposure_key(kind, terms.account, terms.strategy_id, terms.symbol)
            store = self._asked if kind == ASKED_BY_ORDER else self.exposures
            state = store.get(key) or NOTHING
            store.put(key, exposure.loaded(state, old, new, seq, one_symbol=kind in _ONE_SYMBOL))

    def _mark_of(self, order: OrderState) -> int | None:
        if order.px is not None or order.stop_px is not None:
            return None
        return self.marks.get((order.terms.symbol, order.terms.client_order_id))

    def position_moved(self, before: PositionState | None, after: PositionState, seq: int) -> None:
        """A position is `after` now. Call only while `kept`."""
        instrument = self._instruments.get(after.symbol)
        assert instrument is not None
        dqty = after.qty - (before.qty if before is not None else 0)
        dnotional = exposure.position_notional(after, instrument) - exposure.position_notional(
            before, instrument
        )
        if not dqty and not dnotional:
            return
        for kind in self.kept:
            self._move(kind, after, dqty, dnotional, seq)

    def _move(self, kind: int, state: PositionState, dqty: int, dnotional: int, seq: int) -> None:
        key = exposure_key(kind, state.account, state.strategy_id, state.symbol)
        store = self._asked if kind == ASKED_BY_ORDER else self.exposures
        before = store.get(key) or NOTHING
        one_symbol = kind in _ONE_SYMBOL
        store.put(key, exposure.moved(before, dqty, dnotional, seq, one_symbol=one_symbol))

    def keep(self, kinds: Any, seq: int) -> None:
        """Keep these kinds of exposure from here on: add up what the orders and positions come to now. O(n), once."""
        fresh = [kind for kind in dict.fromkeys(kinds) if kind not in self.kept]
        if not fresh:
            return
        for kind in fresh:
            self.kinds.put(kind, seq)
            for key, state in self._sums(kind, seq).items():
                self.exposures.put(key, state)
        self.kept = (*self.kept, *fresh)

    def redefined(self, seq: int) -> None:
        """An instrument has other terms (its multiplier): what was added up in the old ones is added up again."""
        for kind in self.kept:
            store = self._asked if kind == ASKED_BY_ORDER else self.exposures
            sums = self._sums(kind, seq)
            for key, state in list(store.states.items()):
                if key[0] == kind and key not in sums and state != NOTHING:
                    store.put(key, Exposure(version=seq))
            for key, state in sums.items():
                store.put(key, state)

    def own(self, account: str, strategy: str, symbol: str) -> Exposure:
        """Of a strategy in a symbol, as decisions see it. O(orders) where nothing has asked before, then O(1)."""
        key = exposure_key(STRATEGY_SYMBOL, account, strategy, symbol)
        if STRATEGY_SYMBOL in self.kept:
            return self.exposures.get(key) or NOTHING
        if ASKED_BY_ORDER not in self.kept:
            # Not put: it says nothing new, so it may stay whatever becomes of this turn, which begins here.
            self._asked.states.update(self._sums(ASKED_BY_ORDER, 0))
            self.kept = (*self.kept, ASKED_BY_ORDER)
        return self._asked.get((ASKED_BY_ORDER, key[1])) or NOTHING

    def _sums(self, kind: int, seq: int) -> dict[ScopeKey, Exposure]:
        sums: dict[ScopeKey, Exposure] = {}
        one_symbol = kind in _ONE_SYMBOL
        for order in self._orders.states.values():
            terms = order.terms
            instrument = self._instruments.get(terms.symbol)
            assert instrument is not None
            load = exposure.load_of(order, instrument, self._mark_of(order))
            if load == exposure.NO_LOAD:
                continue
            key = exposure_key(kind, terms.account, terms.strategy_id, terms.symbol)
            sums[key] = exposure.loaded(
                sums.get(key, NOTHING), exposure.NO_LOAD, load, seq, one_symbol=one_symbol
            )
        for state in self._positions.states.values():
            instrument = self._instruments.get(state.symbol)
            assert instrument is not None
            key = exposure_key(kind, state.account, state.strategy_id, state.symbol)
            notional = exposure.position_notional(state, instrument)
            if state.qty or notional:
                sums[key] = exposure.moved(
                    sums.get(key, NOTHING), state.qty, notional, seq, one_symbol=one_symbol
                )
        return sums


def twin_key(it: Any) -> TwinKey:
    """What makes two orders equal: of a SubmitOrder or its event."""
    return (it.strategy_id, it.symbol, it.side, it.qty, it.px, it.stop_px)
