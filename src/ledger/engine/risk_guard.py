"""What risk may look at for one order: gathered from the folds before `decide`, only where anything limits or restricts.

Each look-up is O(1): restrictions and limits by the order's scopes, exposures that the fold has kept, the book's mark.
The message rate is counted here and nowhere else: it is not a fact about the desk, so it is not journaled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ledger.domain.codes import Code
from ledger.domain.commands import ReplaceOrder, SubmitOrder
from ledger.domain.context import Rejection
from ledger.domain.enums import OrderType, TradingState
from ledger.domain.exposure import NOTHING
from ledger.domain.mark_policy import reference_of
from ledger.domain.order_state import OrderState
from ledger.domain.risk import Applied, Reference, Surroundings, needs_reference
from ledger.domain.scope import (
    ScopeKey,
    scope_text,
    scopes_of,
)
from ledger.fold import exposure_key, mark_caps, position_kind, twin_key

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

_NS_PER_S: Final = 10**9
_NS_PER_MS: Final = 10**6
COUNTERS_MAX: Final = 10_000
"""Senders whose message rate is remembered; past it those at rest are forgotten."""
_MARKET: Final = OrderType.MARKET
Senders = dict[tuple[ScopeKey, str, str], int]


@final
class RiskGuard:
    """The risk view of one partition's turns."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._rates: Senders = {}
        """By (limit's scope, actor, session): the time up to which its messages have used their share."""

    def of_submit(self, command: SubmitOrder, account: str) -> Surroundings | Rejection:
        """What a new order meets; a Rejection where its sender is too fast."""
        strategy, symbol = command.strategy_id, command.symbol
        control = self._partition.trading.control
        order_type = command.order_type
        priced = command.px is not None or command.stop_px is not None
        found = self._limits(account, strategy, symbol, command.session_id)
        if type(found) is Rejection:
            return found
        killed = halted = reducing = ""
        if control.restrictions.states:
            trader, session = command.trader_id, command.session_id
            scopes = scopes_of(account, strategy, symbol, command.exchange, trader, session)
            killed, halted, reducing = self._restrictions(scopes)
        asked = command.reduce_only or bool(reducing)
        reference = None
        if order_type is _MARKET or _look_at_reference(found, order_type, priced=priced):
            reference = self._reference(command.exchange, symbol)
        twin, twin_age_ms = self._twin(command) if control.duplicate_window_ns else ("", 0)
        return Surroundings(
            killed,
            halted,
            reducing,
            control.own(account, strategy, symbol) if asked or _look_at_own(found) else NOTHING,
            reference,
            None,
            found,
            twin,
            twin_age_ms,
        )

    def of_replace(self, command: ReplaceOrder, state: OrderState) -> Surroundings | Rejection:
        """What a replace meets."""
        terms, control = state.terms, self._partition.trading.control
        account, strategy, symbol = terms.account, terms.strategy_id, terms.symbol
        found = self._limits(account, strategy, symbol, command.session_id)
        if type(found) is Rejection:
            return found
        scopes = scopes_of(account, strategy, symbol, terms.exchange, terms.trader_id, terms.session_id)
        killed, halted, reducing = self._restrictions(scopes)
        asked = terms.reduce_only or bool(reducing)
        priced = state.px is not None or state.stop_px is not None
        reference = None
        if _look_at_reference(found, terms.order_type, priced=priced):
            reference = self._reference(terms.exchange, symbol)
        return Surroundings(
            killed,
            halted,
            reducing,
            control.own(account, strategy, symbol) if asked or _look_at_own(found) else NOTHING,
            reference,
            None if priced else control.marks.get((symbol, terms.client_order_id)),
            found,
        )

    # ---- limits --------------------------------------------------------------------------------------------

    def _limits(
        self, account: str, strategy: str, symbol: str, session: str
    ) -> tuple[Applied, ...] | Rejection:
        """The limits that apply with the exposure of each; a Rejection where the sender is faster than one allows."""
        control = self._partition.trading.control
        limits, exposures = control.limits.states, control.exposures.states
        found: list[Applied] = []
        for kind in control.limited:
            key = exposure_key(kind, account, strategy, symbol)
            limit = limits.get(key)
            if limit is None:
                continue
            if limit.messages_per_second is not None:
                fast = self._too_fast(key, limit.messages_per_second, session)
                if fast is not None:
                    return fast
            total = in_symbol = NOTHING
            if limit.max_open_orders is not None or limit.max_gross_notional is not None:
                total = exposures.get(key, NOTHING)
            if limit.max_position is not None:
                in_symbol = exposures.get(
                    exposure_key(position_kind(kind), account, strategy, symbol), NOTHING
                )
            found.append(Applied(key, limit, total, in_symbol))
        return tuple(found)

    def _twin(self, command: SubmitOrder) -> tuple[str, int]:
        fold = self._partition.trading
        twin = fold.control.twins.get(twin_key(command))
        if twin is None:
            return "", 0
        order, at = twin
        state = fold.orders.get(order)
        if state is None or state.terms.ts_created != at:  # its turn was dropped
            return "", 0
        return order[1], (self._partition.context.now_ns - at) // _NS_PER_MS

    # ---- restrictions --------------------------------------------------------------------------------------

    def _restrictions(self, scopes: tuple[ScopeKey, ...]) -> tuple[str, str, str]:
        """A sentence each for what kills, halts and lets only reduce; "" where nothing does."""
        control = self._partition.trading.control
        states = control.restrictions.states
        killed = halted = reducing = ""
        if not states:
            return killed, halted, reducing
        for key in scopes:
            found = states.get(key)
            if found is None:
                continue
            if found.kills and not killed:
                kill = control.kills.states[found.kills[0]]
                killed = f"the kill switch of {scope_text(key)} is engaged by {kill.actor}: {kill.reason}"
            if found.state is TradingState.HALTED:
                halted = f"{scope_text(key)} is HALTED by {found.state_actor}: {found.state_reason}"
            elif found.state is TradingState.REDUCING:
                reducing = f"{scope_text(key)} is REDUCING by {found.state_actor}: {found.state_reason}"
            if found.mass and not halted:
                halted = (
                    f"a mass cancel of {scope_text(key)} is on its way; send it again when it is complete"
                )
        return killed, halted, reducing

    # ---- reference price -----------------------------------------------------------------------------------

    def _reference(self, exchange: str, symbol: str) -> Reference | None:
        """What the mark policy says of the order's book, now."""
        fold = self._partition.trading
        book = self._partition.market.books.get((exchange, symbol))
        settlement = fold.operations.settlements.get(symbol)
        return reference_of(book, settlement, mark_caps(fold), self._partition.context.now_ns)

    # ---- message rate --------------------------------------------------------------------------------------

    def _too_fast(self, key: ScopeKey, rate: int, session: str) -> Rejection | None:
        """Code 5: each sender's messages are spread at the limit's rate, a second's worth may come at once."""
        actor, now = self._partition.context.actor, self._partition.context.now_ns
        sender = (key, actor, session)
        used_to = max(self._rates.get(sender, 0), now) + _NS_PER_S // rate
        if used_to > now + _NS_PER_S:
            wait_ms = (used_to - now - _NS_PER_S) // _NS_PER_MS + 1
            detail = f"more than {rate} messages a second of {actor}, limit of {scope_text(key)}"
            return Rejection(Code.RATE_LIMITED, detail, wait_ms)
        self._count(sender, used_to, now)
        return None

    def _count(self, sender: tuple[ScopeKey, str, str], used_to: int, now: int) -> None:
        if len(self._rates) >= COUNTERS_MAX and sender not in self._rates:
            self._rates = {each: until for each, until in self._rates.items() if until > now}
        self._rates[sender] = used_to


def _look_at_reference(limits: tuple[Applied, ...], order_type: OrderType, *, priced: bool) -> bool:
    return any([needs_reference(it.limit, order_type, priced=priced) for it in limits])


def _look_at_own(limits: tuple[Applied, ...]) -> bool:
    return any([it.limit.max_gross_notional is not None for it in limits])
