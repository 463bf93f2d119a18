"""Kill switches, trading states and mass cancels: what restricts the orders of a scope, and since which decision.

A scope has at most one `Restriction`, the sum of all that holds for it; each engagement of a kill switch and each
mass cancel is also kept by itself, so that a release can name what it ends and a restart can finish what was begun.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct
from msgspec.structs import replace

from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection
from ledger.domain.control_commands import (
    EngageKillSwitch,
    MassCancel,
    ReleaseKillSwitch,
    SetTradingState,
)
from ledger.domain.control_events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    MassCancelRequested,
    TradingStateSet,
)
from ledger.domain.enums import TradingState
from ledger.domain.outcome import Repeated
from ledger.domain.scope import Scope, fault_of_scope


@final
class Restriction(Struct, frozen=True, array_like=True, gc=False):
    """What holds for the orders of one scope."""

    kills: tuple[bytes, ...] = ()
    """The engagements not released, oldest first."""
    state: TradingState = TradingState.ACTIVE
    mass: tuple[int, ...] = ()
    """Seqs of the mass cancels not complete, oldest first."""
    state_reason: str = ""
    state_actor: str = ""
    state_seq: int = 0
    """Of the last TradingStateSet; 0 for none."""
    version: int = 0


FREE: Final = Restriction()


@final
class KillSwitch(Struct, frozen=True, array_like=True, gc=False):
    """One engagement, kept for good."""

    engagement: bytes
    scope: Scope
    name: str
    reason: str
    actor: str
    on_behalf_of: str
    engaged_at_ns: int
    seq: int
    """Of its KillSwitchEngaged."""
    released_seq: int = 0
    """Of its KillSwitchReleased; 0 while it is engaged."""
    released_at_ns: int = 0
    released_by: str = ""
    released_on_behalf_of: str = ""
    release_reason: str = ""


@final
class MassCancelling(Struct, frozen=True, array_like=True, gc=False):
    """One mass cancel, kept for good."""

    seq: int
    """Of its MassCancelRequested, which names it."""
    scope: Scope
    name: str
    reason: str
    actor: str
    on_behalf_of: str
    requested_at_ns: int
    command_id: bytes
    engagement: bytes
    received_at_ns: int
    requested: int = 0
    """Cancels asked for so far."""
    completed_seq: int = 0
    """Of its MassCancelCompleted; 0 while it runs."""


def decide_engage(
    command: EngageKillSwitch, context: Context
) -> list[KillSwitchEngaged | MassCancelRequested] | Rejection:
    """KillSwitchEngaged, and the mass cancel of its scope in the same turn."""
    fault = fault_of_scope(command.scope, command.name) or _fault_of_reason(command.reason)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    scope, name, reason = command.scope, command.name, command.reason
    who = (context.actor, context.received_at_ns, command.on_behalf_of)
    return [
        KillSwitchEngaged(scope, name, reason, command.command_id, *who),
        MassCancelRequested(scope, name, reason, b"", *who, command.command_id),
    ]


def decide_release(
    state: KillSwitch | None, command: ReleaseKillSwitch, context: Context
) -> list[KillSwitchReleased] | Rejection | Repeated:
    """KillSwitchReleased; Repeated if that engagement was released before."""
    fault = _fault_of_reason(command.reason)
    if not fault and state is None:
        fault = f"there is no engagement {command.engagement.hex()}: `ledger kill status` lists them"
    if fault:
        return Rejection(Code.MALFORMED, fault)
    assert state is not None
    if state.released_seq:
        return Repeated(0, state.released_seq)
    who = (context.actor, context.received_at_ns, command.on_behalf_of)
    return [KillSwitchReleased(command.engagement, command.reason, command.command_id, *who)]


def decide_trading_state(
    state: Restriction | None, command: SetTradingState, context: Context
) -> list[TradingStateSet] | Rejection | Repeated:
    """TradingStateSet; Repeated if the scope is in that state by an earlier one."""
    fault = fault_of_scope(command.scope, command.name) or _fault_of_reason(command.reason)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if state is not None and state.state_seq and state.state is command.state:
        return Repeated(0, state.state_seq)
    who = (context.actor, context.received_at_ns, command.on_behalf_of)
    return [
        TradingStateSet(command.scope, command.state, command.name, command.reason, command.command_id, *who)
    ]


def decide_mass_cancel(command: MassCancel, context: Context) -> list[MassCancelRequested] | Rejection:
    """MassCancelRequested; never refused for anything but a scope that cannot be meant."""
    fault = fault_of_scope(command.scope, command.name)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    return [
        MassCancelRequested(
            command.scope,
            command.name,
            command.reason,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def _fault_of_reason(reason: str) -> str:
    return "" if reason.strip() else "reason is empty: say why"


def engaged(event: KillSwitchEngaged, seq: int, recorded_at_ns: int) -> KillSwitch:
    """The engagement that begins with the event."""
    return KillSwitch(
        event.command_id,
        event.scope,
        event.name,
        event.reason,
        event.actor,
        event.on_behalf_of,
        recorded_at_ns,
        seq,
    )


def released(state: KillSwitch, event: KillSwitchReleased, seq: int, recorded_at_ns: int) -> KillSwitch:
    """The engagement after its end."""
    return KillSwitch(
        state.engagement,
        state.scope,
        state.name,
        state.reason,
        state.actor,
        state.on_behalf_of,
        state.engaged_at_ns,
        state.seq,
        seq,
        recorded_at_ns,
        event.actor,
        event.on_behalf_of,
        event.reason,
    )


def begun(event: MassCancelRequested, seq: int, recorded_at_ns: int) -> MassCancelling:
    """The mass cancel that begins with the event."""
    return MassCancelling(
        seq,
        event.scope,
        event.name,
        event.reason,
        event.actor,
        event.on_behalf_of,
        recorded_at_ns,
        event.command_id,
        event.engagement,
        event.received_at_ns,
    )


def asked(state: MassCancelling) -> MassCancelling:
    """The mass cancel after one more CancelRequested of it."""
    return replace(state, requested=state.requested + 1)


def completed(state: MassCancelling, seq: int) -> MassCancelling:
    """The mass cancel after its end."""
    return replace(state, completed_seq=seq)


def with_kill(state: Restriction, engagement: bytes, seq: int) -> Restriction:
    return replace(state, kills=(*state.kills, engagement), version=seq)


def without_kill(state: Restriction, engagement: bytes, seq: int) -> Restriction:
    return replace(state, kills=tuple(it for it in state.kills if it != engagement), version=seq)


def with_mass(state: Restriction, seq: int) -> Restriction:
    return replace(state, mass=(*state.mass, seq), version=seq)


def without_mass(state: Restriction, mass_seq: int, seq: int) -> Restriction:
    return replace(state, mass=tuple(it for it in state.mass if it != mass_seq), version=seq)


def in_state(state: Restriction, event: TradingStateSet, seq: int) -> Restriction:
    return replace(
        state,
        state=event.state,
        state_reason=event.reason,
        state_actor=event.actor,
        state_seq=seq,
        version=seq,
    )
