"""What each command asks of its entity: which state `decide` gets to see, and which id the answer names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from ledger.domain import control
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, ReplaceOrder, SubmitOrder
from ledger.domain.context import PARTITION_SHIFT, Rejection
from ledger.domain.enums import OrderType
from ledger.domain.events import CancelRequested, OrderSubmitted, ReplaceRequested
from ledger.domain.order_commands import decide_cancel, decide_replace, decide_submit
from ledger.domain.outcome import Repeated
from ledger.engine.risk_guard import RiskGuard
from ledger.fold import Outcome

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

_MARKET: Final = OrderType.MARKET
Decided = Sequence[Any] | Rejection | Repeated


@final
class CommandTurns:
    """Commands of one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._operator = partition.operator
        self.order_id = 0
        """Of the order that the last command was about; 0 for none."""
        self.deciders: dict[type, Callable[[Any], Decided]] = {
            DefineInstrument: self._define_instrument,
            DefineStrategy: self._define_strategy,
            SubmitOrder: self._submit,
            CancelOrder: self._change,
            ReplaceOrder: self._change,
            **partition.control.table(),
            **partition.operator.table(),
        }
        """By type of command: events, a Rejection, or what the same request became under another command_id."""
        self._guard = RiskGuard(partition)

    def order_id_of(self, known: Outcome) -> int:
        """The order_id that the answer to a known command names."""
        event, partition = known.event, self._partition.trading.partition
        if type(event) is OrderSubmitted:
            return partition << PARTITION_SHIFT | known.seq
        if type(event) is CancelRequested or type(event) is ReplaceRequested:
            state = self._partition.trading.orders.get((event.symbol, event.order))
            return state.terms.order_id if state is not None else 0
        return 0

    def _define_instrument(self, command: DefineInstrument) -> Decided:
        partition = self._partition
        partition.current = ("control", f"instrument/{command.symbol}")
        state = partition.trading.instruments.get(command.symbol)
        return control.decide_instrument(state, command, partition.context)

    def _define_strategy(self, command: DefineStrategy) -> Decided:
        partition = self._partition
        partition.current = ("control", f"strategy/{command.strategy_id}")
        state = partition.trading.strategies.get(command.strategy_id)
        return control.decide_strategy(state, command, partition.context)

    def _submit(self, command: SubmitOrder) -> Decided:
        partition = self._partition
        fold, context = partition.trading, partition.context
        key = (command.symbol, command.client_order_id)
        partition.current = ("order", key)
        if command.session_id or self._operator.awaits_confirmation:
            refusal = self._refusal(command)
            if refusal is not None:
                return refusal
        context.instrument = fold.instruments.get(command.symbol)
        context.strategy = fold.strategies.get(command.strategy_id)
        context.risk = None
        if fold.control.guarded or command.reduce_only or command.order_type is _MARKET:
            account = context.strategy.account if context.strategy is not None else ""
            about = self._guard.of_submit(command, account)
            if type(about) is Rejection:
                return about
            context.risk = about  # type: ignore[assignment]
        owner = fold.orders.get(key)
        if owner is None:
            if fold.quarantine.states and partition.is_quarantined():
                name = partition.entity[1]
                detail = f"order {name} is set aside after a fault; use another id, or have it released"
                return Rejection(Code.QUARANTINED, detail)
            named = fold.order_of_id.get(key)
            owner = fold.orders.get(named) if named is not None else None
        return decide_submit(owner, command, context)

    def _change(self, command: CancelOrder | ReplaceOrder) -> Decided:
        partition = self._partition
        fold, context = partition.trading, partition.context
        symbol = command.symbol
        refusal = self._refusal(command) if type(command) is ReplaceOrder else None
        if refusal is not None:
            return refusal
        context.instrument = fold.instruments.get(symbol)
        context.strategy = None
        key = fold.find_order(symbol, command.orig_client_order_id)
        state = fold.orders.get(key) if key is not None else None
        partition.current = ("order", key or (symbol, command.orig_client_order_id))
        if type(command) is ReplaceOrder and partition.is_quarantined():
            name = partition.entity[1]
            detail = f"order {name} is set aside after a fault; cancel it, or have it released"
            return Rejection(Code.QUARANTINED, detail)
        taken = fold.find_order(symbol, command.client_order_id)
        owner = fold.orders.get(taken) if taken is not None else None
        if type(command) is CancelOrder and command.session_id:
            self._operator.hear(command.session_id)
        context.risk = None
        if state is not None:
            self.order_id = state.terms.order_id
            if type(command) is ReplaceOrder and (fold.control.guarded or state.terms.reduce_only):
                about = self._guard.of_replace(command, state)
                if type(about) is Rejection:
                    return about
                context.risk = about  # type: ignore[assignment]
        if type(command) is CancelOrder:
            return decide_cancel(state, command, context, owner)
        assert type(command) is ReplaceOrder
        return decide_replace(state, command, context, owner)

    def _refusal(self, command: SubmitOrder | ReplaceOrder) -> Rejection | None:
        """What keeps every order out, whatever it says: a session that is over, a recovery nobody has confirmed."""
        if command.session_id:
            refusal = self._operator.refusal_of_session(command.session_id)
            if refusal is not None:
                return refusal
        return self._operator.refusal_until_confirmed() if self._operator.awaits_confirmation else None
