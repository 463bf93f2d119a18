"""Mass cancel: which orders are in its scope, and the request that each of them gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger.domain.commands import CancelOrder
from ledger.domain.context import PARTITION_SHIFT, Context
from ledger.domain.enums import RequestKind
from ledger.domain.events import CancelRequested
from ledger.domain.order_state import OrderState, is_open, phase, requests_of_kind
from ledger.domain.order_table import CELLS, Does
from ledger.domain.restriction import MassCancelling
from ledger.domain.scope import (
    ACCOUNT,
    ALL,
    EXCHANGE,
    SESSION,
    STRATEGY,
    STRATEGY_SYMBOL,
    SYMBOL,
    TRADER,
)

NOBODY: Final = bytes(16)
"""The command_id of a cancel that no command asked for: of a session that was lost."""
_SEQ_MASK: Final = (1 << PARTITION_SHIFT) - 1
_CANCEL: Final = CELLS[CancelOrder]

_OF: Final[dict[int, Callable[[OrderState], str]]] = {
    ALL: lambda _: "",
    ACCOUNT: lambda state: state.terms.account,
    STRATEGY: lambda state: state.terms.strategy_id,
    SYMBOL: lambda state: state.terms.symbol,
    EXCHANGE: lambda state: state.terms.exchange,
    TRADER: lambda state: state.terms.trader_id,
    SESSION: lambda state: state.terms.session_id,
    STRATEGY_SYMBOL: lambda state: f"{state.terms.strategy_id}/{state.terms.symbol}",
}


def is_in_scope(state: OrderState, mass: MassCancelling) -> bool:
    """Whether the order is open and in the scope of the mass cancel."""
    return is_open(state) and _OF[int(mass.scope)](state) == mass.name


def request_id(state: OrderState, mass: MassCancelling, taken: Callable[[str, str], object]) -> str:
    """The id of the order's cancel: the same whenever it is asked for, and no other request's.

    `mc-` and the seqs of the mass cancel and of the order; where somebody has taken that, with a number behind.
    """
    symbol = state.terms.symbol
    wanted = base = (
        f"mc-{mass.seq}-{state.terms.order_id >> PARTITION_SHIFT}-{state.terms.order_id & _SEQ_MASK}"
    )
    number = 1
    while taken(symbol, wanted) is not None:
        number += 1
        wanted = f"{base}-{number}"
    return wanted


def cancel_of(
    state: OrderState, mass: MassCancelling, context: Context, taken: Callable[[str, str], object]
) -> CancelRequested | None:
    """The order's cancel; None where a cancel is on its way, or nothing is left to cancel."""
    if _CANCEL[phase(state)].does is Does.REFUSE or requests_of_kind(state, RequestKind.CANCEL):
        return None
    terms = state.terms
    return CancelRequested(
        terms.symbol,
        terms.client_order_id,
        terms.strategy_id,
        terms.exchange,
        request_id(state, mass, taken),
        state.client_order_id,
        mass.command_id or mass.engagement or NOBODY,
        context.actor,
        context.received_at_ns,
        "",
        mass.on_behalf_of,
        mass.seq,
    )
