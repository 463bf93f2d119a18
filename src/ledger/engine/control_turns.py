"""What each command of risk and control asks of its state, and the chunks of a mass cancel.

A mass cancel looks through the orders in chunks. Each chunk is an input of its own that queues behind the others, so
that nobody waits for more than one; a restart begins an unfinished one again, and leaves out what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    __slots__ = ("at", "cancels_max", "keys", "left_out", "looked", "next")

    def __init__(self) -> None:
        self.keys: list[OrderKey] = []
        """The orders of this round, in the order in which they came."""
        self.looked = 0
        """Orders that earlier rounds took up."""
        self.next = 0
        self.left_out: set[OrderKey] = set()
        """Their code raised; they are set aside."""
        self.cancels_max = CHUNK_CANCELS
        """1 after a chunk raised, until it is known at which order."""
        self.at: OrderKey | None = None
        """The order that is looked at, while they are taken one by one."""

    def remaining(self, orders: dict[OrderKey, OrderState]) -> Iterator[OrderKey]:
        """The orders not looked at yet, those that came meanwhile at the end; each is looked at once it is given."""
        while True:
            while self.next < len(self.keys):
                self.next += 1
                yield self.keys[self.next - 1]
            if self.looked >= len(orders):
                return
            self.keys = list(islice(orders, self.looked, None))
            self.looked, self.next = self.looked + len(self.keys), 0


@final
class ControlTurns:
    """Risk and control of one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._scans: dict[int, _Scan] = {}

    @property
    def is_scanning(self) -> bool:
        """Whether a mass cancel walks over the orders in memory: none of them may leave it."""
        return bool(self._scans)

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
        self._at(f"mass-cancel/{state.seq}")
        begun_at = (scan.keys, scan.looked, scan.next)
        try:
            events, complete = self._cancels(state, scan)
            if complete:
                events.append(MassCancelCompleted(state.seq, state.requested + len(events)))
            if events:
                partition.commit_trading(events)
        except Exception:
            scan.keys, scan.looked, scan.next = begun_at
            raise
        if complete:
            del self._scans[state.seq]
        else:
            partition.posted.append(message)

    def narrowed(self, message: MassCancelChunk) -> bool:
        """A chunk's turn raised. True: it is tried again one order at a time, to find the one; nothing to journal."""
        scan = self._scans.get(message.mass_seq)
        if scan is None:
            return False
        if scan.at is not None:
            scan.left_out.add(scan.at)
            scan.cancels_max, scan.at = CHUNK_CANCELS, None
            self._partition.posted.append(message)
            return False
        if scan.cancels_max == 1:
            # Not an order's code: going on would raise again. The next start tries once more.
            del self._scans[message.mass_seq]
            return False
        scan.cancels_max = 1
        self._partition.posted.append(message)
        return True

    def _cancels(self, state: MassCancelling, scan: _Scan) -> tuple[list[Any], bool]:
        """The next cancels, and whether these are the last."""
        partition = self._partition
        orders = partition.trading.orders.states
        events: list[Any] = []
        for count, key in enumerate(scan.remaining(orders), 1):
            if scan.cancels_max == 1:
                scan.at, partition.current = key, ("order", key)
            order = orders[key]
            if key not in scan.left_out and is_in_scope(order, state):
                event = cancel_of(order, state, partition.context, partition.trading.find_order)
                if event is not None:
                    events.append(event)
            if len(events) == scan.cancels_max or count == CHUNK_ORDERS:
                return events, False
        scan.at = None
        self._at(f"mass-cancel/{state.seq}")
        return events, True
