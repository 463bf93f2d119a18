"""Commands of risk and control: limits, kill switch, trading state, mass cancel. None is refused for risk itself.

Each names a scope (`scope.py`); those that change what may be traded say why.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.enums import TradingState
from ledger.domain.scope import Scope
from ledger.domain.units import CommandId, Decimal8, Text


@final
class MassCancel(Struct, frozen=True, array_like=True, gc=False, tag=13):
    """Ask the venue to cancel every open order of a scope; new ones are refused until all are asked for."""

    command_id: CommandId
    scope: Scope
    name: Text = ""
    """Of the account, strategy, symbol, exchange, trader or session; `strategy/symbol`; "" with ALL."""
    reason: Text = ""
    on_behalf_of: Text = ""


@final
class EngageKillSwitch(Struct, frozen=True, array_like=True, gc=False, tag=14):
    """Refuse new orders of a scope from now on, and cancel the open ones. Its command_id names the engagement."""

    command_id: CommandId
    scope: Scope
    name: Text = ""
    reason: Text = ""
    """Why; must not be empty."""
    on_behalf_of: Text = ""


@final
class ReleaseKillSwitch(Struct, frozen=True, array_like=True, gc=False, tag=15):
    """End one engagement; others of the same scope stay."""

    command_id: CommandId
    engagement: CommandId
    """The command_id of the EngageKillSwitch that it ends."""
    reason: Text = ""
    on_behalf_of: Text = ""


@final
class SetTradingState(Struct, frozen=True, array_like=True, gc=False, tag=16):
    """Say what a scope may do: ACTIVE anything, REDUCING only what reduces a position, HALTED no new order."""

    command_id: CommandId
    scope: Scope
    state: TradingState
    name: Text = ""
    reason: Text = ""
    on_behalf_of: Text = ""


@final
class SetRiskLimit(Struct, frozen=True, array_like=True, gc=False, tag=17):
    """The limits of a scope from here on, all of them: what is left out is no limit.

    Scopes: ALL, ACCOUNT, STRATEGY, SYMBOL, STRATEGY_SYMBOL. An order must keep those of every scope that it is in.
    """

    command_id: CommandId
    scope: Scope
    name: Text = ""
    max_order_qty: Decimal8 | None = None
    """Code 44: quantity of one order."""
    max_order_notional: Decimal8 | None = None
    """Code 45: qty * px * multiplier of one order, in the quote currency."""
    px_collar: Decimal8 | None = None
    """Code 25: how far a limit price may be from the reference price, as a share of it; 0.05 is 5 %."""
    max_position: Decimal8 | None = None
    """Code 46: the scope's net position in the order's symbol if all its open orders of that side were filled."""
    max_open_orders: int | None = None
    """Code 47."""
    max_gross_notional: Decimal8 | None = None
    """Code 48: open orders at their prices and positions at their cost, added up whatever the side."""
    duplicate_window_ms: int | None = None
    """Code 49: an order of equal strategy, symbol, side, qty and px inside this window is refused; 0 is off."""
    messages_per_second: int | None = None
    """Code 5: new orders and replaces of one actor and session; a second's worth may come at once."""
    mark_age_max_ms: int | None = None
    """With ALL only: a mark or trade older than this is no reference price."""
    reason: Text = ""
    on_behalf_of: Text = ""


ControlCommand = MassCancel | EngageKillSwitch | ReleaseKillSwitch | SetTradingState | SetRiskLimit
CONTROL_COMMANDS: Final = (MassCancel, EngageKillSwitch, ReleaseKillSwitch, SetTradingState, SetRiskLimit)
URGENT: Final = (MassCancel, EngageKillSwitch)
"""They may use the room that is reserved for cancels."""
