"""Idempotence: whether a command with a known id is the same command again, and whether an id may be used at all.

The content of the first command is not kept apart: the event that it became carries every field, and a refused
command stands whole in its CommandRejected.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from ledger.codec import encode_message
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, ReplaceOrder, SubmitOrder
from ledger.domain.control_commands import (
    EngageKillSwitch,
    MassCancel,
    ReleaseKillSwitch,
    SetRiskLimit,
    SetTradingState,
)
from ledger.domain.control_events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    MassCancelRequested,
    RiskLimitSet,
    TradingStateSet,
)
from ledger.domain.events import (
    CancelRequested,
    CommandRejected,
    EngineFault,
    InstrumentDefined,
    OrderSubmitted,
    ReplaceRequested,
    StrategyDefined,
)
from ledger.engine.operator_repeats import OPERATOR_COMMAND_OF
from ledger.wire import Misfit, Scales, TextMessage, read, text_type

_NS_PER_MS: Final = 1_000_000
_COMMAND_OF: Final[dict[Any, type[Struct]]] = {
    OrderSubmitted: SubmitOrder,
    CancelRequested: CancelOrder,
    ReplaceRequested: ReplaceOrder,
    InstrumentDefined: DefineInstrument,
    StrategyDefined: DefineStrategy,
    MassCancelRequested: MassCancel,
    KillSwitchEngaged: EngageKillSwitch,
    KillSwitchReleased: ReleaseKillSwitch,
    TradingStateSet: SetTradingState,
    RiskLimitSet: SetRiskLimit,
    **OPERATOR_COMMAND_OF,
}


def id_fault(command_id: bytes, now_ns: int, window_ns: int, ahead_ns: int) -> tuple[Code, str] | None:
    """Why a new command may not have this id: it is no UUIDv7, or its own time is too old or too far ahead."""
    if command_id[6] >> 4 != 7:
        return Code.MALFORMED, "command_id must be a UUIDv7, whose first 48 bits are its time"
    made_ns = int.from_bytes(command_id[:6], "big") * _NS_PER_MS
    if made_ns < now_ns - window_ns:
        days = (now_ns - made_ns) / 86_400e9
        detail = f"command_id is {days:.1f} days old, past idempotence_window; ask for the order by client_order_id"
        return Code.COMMAND_ID_EXPIRED, detail
    if made_ns > now_ns + ahead_ns:
        seconds = (made_ns - now_ns) / 1e9
        return (
            Code.COMMAND_ID_EXPIRED,
            f"command_id is {seconds:.1f} s ahead of the ledger's clock; check both clocks",
        )
    return None


def _is_command_of(event: Any, command: Any) -> bool:
    """Whether the event's fields are the command's; every command field stands in its event under the same name."""
    kind = cast("type[Struct]", type(command))
    if _COMMAND_OF.get(type(event)) is not kind:
        return False
    return all(_is_field_of(event, command, name) for name in kind.__struct_fields__)


def _is_field_of(event: Any, command: Any, name: str) -> bool:
    if name == "orig_client_order_id":  # a request may name its order by the first id or by the current one
        return command.orig_client_order_id in (event.orig_client_order_id, event.order)
    return getattr(event, name) == getattr(command, name)


def _is_text_of(stored: bytes, text: TextMessage) -> bool:
    try:
        kind = cast("type[Struct]", type(text.text))
        return msgspec.json.decode(stored, type=kind) == text.text
    except msgspec.MsgspecError:
        return False


def _read_again(stored: bytes, kind: type[Struct], scales: Scales) -> Any:
    """A refused text as the command that it is now that its instrument may be known; None if it is none of `kind`."""
    try:
        return read(kind, msgspec.json.decode(stored, type=text_type(kind)), scales)
    except (msgspec.MsgspecError, Misfit):
        return None


def same_content(event: Any, command: Any, text: TextMessage | None, scales: Scales) -> bool:
    """Whether a command that comes with the id of `event` is the one that became it.

    `text` is the form in which it came, None if it was packed; `command` is None for a text whose numbers do not
    fit. `scales` are those of its instrument now: a text that was refused for an unknown symbol is read with them.
    """
    if type(event) is CommandRejected or type(event) is EngineFault:
        stored: bytes = event.command if type(event) is CommandRejected else event.raw
        if stored[:1] == b"{":
            if text is not None and _is_text_of(stored, text):
                return True
            return (
                command is not None
                and _read_again(stored, cast("type[Struct]", type(command)), scales) == command
            )
        return command is not None and stored == encode_message(command)
    return command is not None and _is_command_of(event, command)
