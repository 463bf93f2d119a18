"""What each command of risk and control asks of its state, and the chunks of a mass cancel.

A mass cancel looks through the orders in chunks. Each chunk is an input of its own that queues behind the others, so
that nobody waits for more than one; a restart begins an unfinished one again, and leaves out what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, final

from msgspec import Struct

from ledger.domain import limit, restriction
from ledger.domain.control_commands import (
    EngageKillSwitch,
    MassCancel,
    ReleaseKillSwitch,
    SetRiskLimit,
    SetTradingState,
)
from ledger.domain.control_events import MassCancelCompleted
from ledger.domain.mass_cancel import cancel_of, is_in_scope
from ledger.domain.order_state import OrderState
from ledger.domain.restriction import MassCancelling
from ledger.domain.scope import STRATEGY, STRATEGY_SYMBOL, SYMBOL, scope_key, scope_text
from ledger.fold import OrderKey

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

CHUNK_CANCELS: Final = 128
"""Cancels that one chunk asks for."""
CHUNK_ORDERS: Final = 4096
"""Orders that one chunk looks at."""


@final
class MassCancelChunk(Struct, frozen=True, gc=False):
    """An input of the engine to itself: go on with this mass cancel."""

    mass_seq: int


@final
class _Scan:
    """How far a mass cancel has looked."""

    __slots__ = ("keys", "left_out", "looked", "next")

    def __init__(self) -> None:
        self.keys: list[OrderKey] = []
        """The orders of this round, in the order in which they came."""
        self.looked = 0
        """Orders that earlier rounds took up."""
        self.next = 0
        self.left_out: set[OrderKey] = set()
        """Their code raised; they are set aside."""


@final
class ControlTurns:
    """Risk and control of one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._scans: dict[int, _Scan] = {}

    def table(self) -> dict[type, Callable[[Any], Any]]:
        """What decides each command."""
        return {
            MassCancel: self._mass_cancel,
            EngageKillSwitch: self._engage,
            ReleaseKillSwitch: self._release,
            SetTradingState: self._trading_state,
            SetRiskLimit: self._limit,
        }

    def _at(self, key: str) -> None:
        self._partition.current = ("control", key)

    def _mass_cancel(self, command: MassCancel) -> Any:
        self._at("mass-cancel")
        return restriction.decide_mass_cancel(command, self._partition.context)

    def _engage(self, command: EngageKillSwitch) -> Any:
        self._at("kill")
        return restriction.decide_engage(command, self._partition.context)

    def _release(self, command: ReleaseKillSwitch) -> Any:
        self._at("kill")
        state = self._partition.trading.control.kills.get(command.engagement)
        return restriction.decide_release(state, command, self._partition.context)

    def _trading_state(self, command: SetTradingState) -> Any:
        key = scope_key(command.scope, command.name)
        self._at(f"trading-state/{scope_text(key)}")
        state = self._partition.trading.control.restrictions.get(key)
        return restriction.decide_trading_state(state, command, self._partition.context)

    def _limit(self, command: SetRiskLimit) -> Any:
        key = scope_key(command.scope, command.name)
        self._at(f"limit/{scope_text(key)}")
        fold = self._partition.trading
        strategy, _, symbol = command.name.partition("/")
        symbol = command.name if key[0] == SYMBOL else symbol
        return limit.decide_limit(
            fold.control.limits.get(key),
            command,
            self._partition.context,
            known_strategy=key[0] not in (STRATEGY, STRATEGY_SYMBOL)
            or fold.strategies.get(strategy) is not None,
            known_symbol=key[0] not in (SYMBOL, STRATEGY_SYMBOL) or fold.instruments.get(symbol) is not None,
        )

    # ---- mass cancel ---------------------------------------------------------------------------------------

    def begun(self, mass_seq: int) -> None:
        """A mass cancel was journaled: look through the orders from the next input on."""
        self._scans[mass_seq] = _Scan()
        self._partition.posted.append(MassCancelChunk(mass_seq))

    def resume(self) -> None:
        """After recovery: go on with what was not complete."""
        for state in self._partition.trading.control.mass_cancels:
            if not state.completed_seq:
                self.begun(state.seq)

    def chunk(self, message: MassCancelChunk) -> None:
        """A chunk's turn."""
        partition = self._partition
        scan = self._scans.get(message.mass_seq)
        if partition.read_only or scan is None:
            return
        state = partition.trading.control.mass_cancels.get(message.mass_seq)
        assert state is not None
        context = partition.context
        context.now_ns = partition.open_trading.now()
        context.next_seq = partition.open_trading.next_seq
        context.actor, context.received_at_ns = state.actor, state.received_at_ns
        events, ends_at = self._cancels(state, scan)
        self._at(f"mass-cancel/{state.seq}")
        complete = ends_at is None
        if complete:
            events.append(MassCancelCompleted(state.seq, state.requested + len(events)))
        if events:
            partition.commit_trading(events)
        if ends_at is None:
            del self._scans[state.seq]
        else:
            scan.next = ends_at
            partition.posted.append(message)

    def faulted(self, message: MassCancelChunk, order: tuple[str, str]) -> None:
        """A chunk's turn raised at this order: leave it out, look at the others again."""
        scan = self._scans.get(message.mass_seq)
        if scan is None:
            return
        kind, name = order
        if kind == "order":
            symbol, _, first = name.partition("|")
            scan.left_out.add((symbol, first))
            self._partition.posted.append(message)
        else:  # not an order's code: going on would raise again; the next start tries once more
            del self._scans[message.mass_seq]

    def _cancels(self, state: MassCancelling, scan: _Scan) -> tuple[list[Any], int | None]:
        """The next cancels, and where the chunk after this one begins: None when there is nothing left."""
        partition = self._partition
        orders = partition.trading.orders.states
        if scan.next >= len(scan.keys):
            if scan.looked >= len(orders):
                return [], None
            scan.keys = list(islice(orders, scan.looked, None))
            scan.looked, scan.next = scan.looked + len(scan.keys), 0
        events: list[Any] = []
        place = scan.next
        for key in islice(scan.keys, place, place + CHUNK_ORDERS):
            place += 1
            order = orders.get(key)
            if order is None or key in scan.left_out or not is_in_scope(order, state):
                continue
            event = self._cancel(order, state)
            if event is not None:
                events.append(event)
                if len(events) == CHUNK_CANCELS:
                    break
        if place >= len(scan.keys) and scan.looked >= len(orders):
            return events, None
        return events, place

    def _cancel(self, order: OrderState, state: MassCancelling) -> Any:
        partition = self._partition
        terms = order.terms
        partition.current = ("order", f"{terms.symbol}|{terms.client_order_id}")
        return cancel_of(order, state, partition.context, partition.trading.find_order)
