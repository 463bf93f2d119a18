"""What each command asks of its entity: which state `decide` gets to see, and which id the answer names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from ledger.domain.outcome import Repeated

from ledger.domain import control, order
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, ReplaceOrder, SubmitOrder
from ledger.domain.context import PARTITION_SHIFT, Rejection
from ledger.domain.events import CancelRequested, OrderSubmitted, ReplaceRequested
from ledger.fold import Outcome

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

Decided = list[Any] | Rejection | int


@final
class CommandTurns:
    """Commands of one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self.order_id = 0
        """Of the order that the last command was about; 0 for none."""
        self._decide: dict[type, Callable[[Any], Decided]] = {
            DefineInstrument: self._define_instrument,
            DefineStrategy: self._define_strategy,
            SubmitOrder: self._submit,
            CancelOrder: self._change,
            ReplaceOrder: self._change,
        }

    def decide(self, command: Any) -> Decided:
        """Events, a Rejection, or the order_id of the same order sent before under another command_id."""
        self.order_id = 0
        return self._decide[type(command)](command)

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
        outcome = control.decide(
            partition.trading.instruments.get(command.symbol), command, partition.context
        )
        return outcome if isinstance(outcome, Rejection) else list(outcome)

    def _define_strategy(self, command: DefineStrategy) -> Decided:
        partition = self._partition
        partition.current = ("control", f"strategy/{command.strategy_id}")
        outcome = control.decide(
            partition.trading.strategies.get(command.strategy_id), command, partition.context
        )
        return outcome if isinstance(outcome, Rejection) else list(outcome)

    def _submit(self, command: SubmitOrder) -> Decided:
        partition = self._partition
        fold, context = partition.trading, partition.context
        symbol, first = command.symbol, command.client_order_id
        partition.current = ("order", f"{symbol}/{first}")
        context.instrument = fold.instruments.get(symbol)
        context.strategy = fold.strategies.get(command.strategy_id)
        state = fold.orders.get((symbol, first))
        if state is None and fold.order_of_id.get((symbol, first)) is not None:
            detail = (
                f"client_order_id {first} of {symbol} was used for a cancel or replace request; use a new one"
            )
            return Rejection(Code.DUPLICATE_CLIENT_ORDER_ID, detail)
        outcome = order.decide(state, command, context)
        return outcome.order_id if isinstance(outcome, Repeated) else outcome  # type: ignore[return-value]

    def _change(self, command: CancelOrder | ReplaceOrder) -> Decided:
        partition = self._partition
        fold, context = partition.trading, partition.context
        symbol = command.symbol
        context.instrument = fold.instruments.get(symbol)
        context.strategy = None
        key = fold.find_order(symbol, command.orig_client_order_id)
        state = fold.orders.get(key) if key is not None else None
        partition.current = ("order", f"{symbol}/{key[1] if key else command.orig_client_order_id}")
        taken = fold.find_order(symbol, command.client_order_id)
        if taken is not None:
            outcome = self._taken(command, taken)
            if outcome is not None:
                return outcome
        if partition.is_quarantined() and type(command) is ReplaceOrder:
            return Rejection(
                Code.QUARANTINED,
                f"order {partition.current[1]} is set aside after a fault; cancel it, or have it released",
            )
        outcome = order.decide(state, command, context)
        if state is not None:
            self.order_id = state.terms.order_id
        return outcome.order_id if isinstance(outcome, Repeated) else outcome  # type: ignore[return-value]

    def _taken(self, command: CancelOrder | ReplaceOrder, key: tuple[str, str]) -> Decided | None:
        """The request's id is used: by an order, or by a request (which `decide` judges when it is of the same order)."""
        state = self._partition.trading.orders.get(key)
        asked = self._partition.trading.find_order(command.symbol, command.orig_client_order_id)
        outstanding = state is not None and any(
            request.client_order_id == command.client_order_id for request in state.requests
        )
        if outstanding and key == asked:
            return None
        detail = f"client_order_id {command.client_order_id} of {command.symbol} is used already; a request needs a new one"
        return Rejection(Code.DUPLICATE_CLIENT_ORDER_ID, detail)
