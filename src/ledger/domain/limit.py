"""Risk limits: the state of one scope's limits, and what SetRiskLimit becomes.

Quantities, notionals and the collar have 8 decimal digits whatever the instrument, so that one limit may hold for
instruments of different scales; notionals are in the quote currency of each, never converted.
"""

from __future__ import annotations

from typing import Final, final

import msgspec
from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection
from ledger.domain.control_commands import SetRiskLimit
from ledger.domain.control_events import RiskLimitSet
from ledger.domain.outcome import Repeated
from ledger.domain.scope import LIMITED, Scope, fault_of_scope

MARK_AGE_MAX_MS: Final = 5000
"""How old a reference price may be where no limit of ALL says otherwise."""
VALUES: Final = (
    "max_order_qty",
    "max_order_notional",
    "px_collar",
    "max_position",
    "max_open_orders",
    "max_gross_notional",
    "duplicate_window_ms",
    "messages_per_second",
    "mark_age_max_ms",
)
"""The limits by name, in the order of their fields in the command, the event and the state."""


@final
class RiskLimit(Struct, frozen=True, array_like=True, gc=False):
    """The limits of one scope; None is no limit. Units as in SetRiskLimit."""

    max_order_qty: int | None = None
    max_order_notional: int | None = None
    px_collar: int | None = None
    max_position: int | None = None
    max_open_orders: int | None = None
    max_gross_notional: int | None = None
    duplicate_window_ms: int | None = None
    messages_per_second: int | None = None
    mark_age_max_ms: int | None = None
    reason: str = ""
    actor: str = ""
    on_behalf_of: str = ""
    version: int = 0
    """seq of its RiskLimitSet."""


_Value = int | None
Values = tuple[_Value, _Value, _Value, _Value, _Value, _Value, _Value, _Value, _Value]


def values_of(it: SetRiskLimit | RiskLimitSet | RiskLimit) -> Values:
    """The limits in the order of `VALUES`."""
    return (
        it.max_order_qty,
        it.max_order_notional,
        it.px_collar,
        it.max_position,
        it.max_open_orders,
        it.max_gross_notional,
        it.duplicate_window_ms,
        it.messages_per_second,
        it.mark_age_max_ms,
    )


def is_limiting(limit: RiskLimit) -> bool:
    """Whether it can refuse an order."""
    return any(value is not None for value in values_of(limit)[:-1])


def decide_limit(
    state: RiskLimit | None,
    command: SetRiskLimit,
    context: Context,
    *,
    known_strategy: bool,
    known_symbol: bool,
) -> list[RiskLimitSet] | Rejection | Repeated:
    """RiskLimitSet; Repeated if the scope has exactly these limits. `known_*`: whether what the scope names exists."""
    fault = _fault_of_limit(command)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if not known_symbol:
        return Rejection(Code.UNKNOWN_SYMBOL, f"the symbol of scope {command.name} is not defined")
    if not known_strategy:
        return Rejection(Code.UNKNOWN_STRATEGY, f"the strategy of scope {command.name} is not defined")
    values = values_of(command)
    if state is not None and values_of(state) == values:
        return Repeated(0, state.version)
    return [
        RiskLimitSet(
            command.scope,
            command.name,
            *values,
            command.reason,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def _fault_of_limit(command: SetRiskLimit) -> str:
    fault = fault_of_scope(command.scope, command.name)
    if fault:
        return fault
    if command.scope not in LIMITED:
        return f"scope {command.scope.name} has no limits: one of {', '.join(it.name for it in LIMITED)}"
    if not command.reason.strip():
        return "reason is empty: say why"
    if command.mark_age_max_ms is not None and command.scope is not Scope.ALL:
        return "mark_age_max_ms is for scope ALL only"
    for name, value in zip(VALUES, values_of(command), strict=True):
        if value is not None and not 0 <= value < 2**63:
            return f"{name} {value} is not a number from 0"
    if command.messages_per_second == 0:
        return "messages_per_second 0 would refuse everything: halt the scope with SetTradingState"
    return ""


def evolve_limit(event: RiskLimitSet, seq: int) -> RiskLimit:
    """The limits after the event: all of them are its own."""
    return RiskLimit(*values_of(event), event.reason, event.actor, event.on_behalf_of, seq)


def born(limit: RiskLimit) -> RiskLimitSet:
    """The event that brings the configuration's limits into a new journal, once."""
    return RiskLimitSet(Scope.ALL, "", *values_of(limit), "risk section of the configuration", b"", "engine")


assert RiskLimit.__struct_fields__[: len(VALUES)] == VALUES
assert tuple(field.name for field in msgspec.structs.fields(SetRiskLimit))[3 : 3 + len(VALUES)] == VALUES
