"""Events of risk and control: limits, kill switch, trading state, mass cancel. Tags 30 to 35."""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.enums import TradingState
from ledger.domain.scope import Scope
from ledger.domain.units import Decimal8, KnownCommandId, Ns, Seq


@final
class RiskLimitSet(Struct, frozen=True, array_like=True, gc=False, tag=30):
    """The limits of a scope from here on, all of them; without a command_id: those of the configuration, at birth."""

    scope: Scope
    name: str
    max_order_qty: Decimal8 | None = None
    max_order_notional: Decimal8 | None = None
    px_collar: Decimal8 | None = None
    max_position: Decimal8 | None = None
    max_open_orders: int | None = None
    max_gross_notional: Decimal8 | None = None
    duplicate_window_ms: int | None = None
    messages_per_second: int | None = None
    mark_age_max_ms: int | None = None
    reason: str = ""
    command_id: KnownCommandId = b""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class KillSwitchEngaged(Struct, frozen=True, array_like=True, gc=False, tag=31):
    """New orders of the scope are refused until this engagement, named by its command_id, is released."""

    scope: Scope
    name: str
    reason: str
    command_id: KnownCommandId
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class KillSwitchReleased(Struct, frozen=True, array_like=True, gc=False, tag=32):
    """One engagement is over."""

    engagement: KnownCommandId
    reason: str
    command_id: KnownCommandId
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class TradingStateSet(Struct, frozen=True, array_like=True, gc=False, tag=33):
    """What the scope may do from here on."""

    scope: Scope
    state: TradingState
    name: str
    reason: str
    command_id: KnownCommandId
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""


@final
class MassCancelRequested(Struct, frozen=True, array_like=True, gc=False, tag=34):
    """New orders of the scope are refused until MassCancelCompleted; a CancelRequested for each open one follows."""

    scope: Scope
    name: str
    reason: str
    command_id: KnownCommandId = b""
    """b"" where a kill switch asked for it."""
    actor: str = ""
    received_at_ns: Ns = 0
    on_behalf_of: str = ""
    engagement: KnownCommandId = b""
    """Of the kill switch that asked for it."""


@final
class MassCancelCompleted(Struct, frozen=True, array_like=True, gc=False, tag=35):
    """Every order of the scope that was open has been asked for; whether the venue did it, the orders say."""

    ref_seq: Seq
    """Of its MassCancelRequested."""
    requested: int
    """How many cancels were asked for."""


RiskEvent = (
    RiskLimitSet
    | KillSwitchEngaged
    | KillSwitchReleased
    | TradingStateSet
    | MassCancelRequested
    | MassCancelCompleted
)
RISK_EVENTS: Final = RiskEvent.__args__
