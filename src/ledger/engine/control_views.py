"""Rows of risk and control: limits and how far they are used, kill switches, trading states, mass cancels."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

from ledger.domain.exposure import NOTHING
from ledger.domain.limit import VALUES, RiskLimit, is_limiting, values_of
from ledger.domain.scope import Scope, ScopeKey
from ledger.domain.values import format_decimal
from ledger.fold import ControlFold
from ledger.wire import show_place

Row = dict[str, Any]
_DECIMAL: Final = frozenset(
    ("max_order_qty", "max_order_notional", "px_collar", "max_position", "max_gross_notional")
)


def _scope(key: ScopeKey) -> Row:
    return {"scope": Scope(key[0]).name, "name": key[1]}


def _value(name: str, value: int | None) -> int | str | None:
    return value if value is None or name not in _DECIMAL else format_decimal(value, 8)


def limit_rows(control: ControlFold) -> Iterator[Row]:
    """The limits of each scope, with what its open orders and positions come to where the fold keeps that."""
    for key, limit in sorted(control.limits.states.items()):
        if is_limiting(limit) or limit.mark_age_max_ms is not None:
            yield {**_scope(key), **_limit_row(limit), **_used(control, key)}


def _limit_row(limit: RiskLimit) -> Row:
    row: Row = {name: _value(name, value) for name, value in zip(VALUES, values_of(limit), strict=True)}
    row |= {"reason": limit.reason, "actor": limit.actor, "on_behalf_of": limit.on_behalf_of}
    return {**row, "version": limit.version}


def _used(control: ControlFold, key: ScopeKey) -> Row:
    if key[0] not in control.kept:
        return {"open_orders": None, "gross_notional": None}
    exposure = control.exposures.states.get(key, NOTHING)
    return {
        "open_orders": exposure.open_orders,
        "gross_notional": format_decimal(exposure.gross_notional, 8),
    }


def kill_rows(control: ControlFold) -> Iterator[Row]:
    """Every engagement of a kill switch, the oldest first."""
    asked = {state.engagement: state for state in control.mass_cancels if state.engagement}
    for kill in control.kills:
        mass = asked.get(kill.engagement)
        yield {
            "engagement": str(uuid.UUID(bytes=kill.engagement)),
            "scope": kill.scope.name,
            "name": kill.name,
            "engaged": not kill.released_seq,
            "reason": kill.reason,
            "actor": kill.actor,
            "on_behalf_of": kill.on_behalf_of,
            "engaged_at_ns": kill.engaged_at_ns,
            "cancels": mass.requested if mass is not None else 0,
            "cancels_complete": mass is not None and bool(mass.completed_seq),
            "released_at_ns": kill.released_at_ns,
            "released_by": kill.released_by,
            "released_on_behalf_of": kill.released_on_behalf_of,
            "release_reason": kill.release_reason,
            "version": kill.released_seq or kill.seq,
        }


def trading_state_rows(control: ControlFold) -> Iterator[Row]:
    """The scopes whose trading state was ever set."""
    for key, state in sorted(control.restrictions.states.items()):
        if state.state_seq:
            yield {
                **_scope(key),
                "state": state.state.name,
                "reason": state.state_reason,
                "actor": state.state_actor,
                "version": state.state_seq,
            }


def mass_cancel_rows(control: ControlFold, partition: int) -> Iterator[Row]:
    """Every mass cancel, the oldest first."""
    for state in control.mass_cancels:
        yield {
            "place": show_place("trading", partition, state.seq),
            "scope": state.scope.name,
            "name": state.name,
            "complete": bool(state.completed_seq),
            "cancels": state.requested,
            "reason": state.reason,
            "actor": state.actor,
            "on_behalf_of": state.on_behalf_of,
            "engagement": str(uuid.UUID(bytes=state.engagement)) if state.engagement else "",
            "command_id": str(uuid.UUID(bytes=state.command_id)) if state.command_id else "",
            "requested_at_ns": state.requested_at_ns,
            "version": state.completed_seq or state.seq,
        }
