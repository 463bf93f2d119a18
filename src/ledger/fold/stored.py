"""States to bytes and back, by the kind of their store: for snapshots and for the index.

msgpack has no integers beyond 64 bits. A list that holds one is stored with all integers beyond as decimal text, and
read back leniently; which of the two it is stands in its first byte.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from ledger.codec import canonical
from ledger.domain.adjustments import Adjustment
from ledger.domain.calendars import Calendar
from ledger.domain.context import Instrument, Strategy
from ledger.domain.enums import TimerKind
from ledger.domain.events import (
    AnomalyRecorded,
    Event,
    FactSuspended,
    FillBusted,
    FillCorrected,
    OrderFilled,
)
from ledger.domain.exposure import Exposure
from ledger.domain.fill import FillState
from ledger.domain.limit import RiskLimit
from ledger.domain.operator_events import CaseClosed
from ledger.domain.order import OrderState
from ledger.domain.position import PositionState
from ledger.domain.restriction import KillSwitch, MassCancelling, Restriction
from ledger.domain.sessions import Session
from ledger.domain.trading_day import LastCut, RolledDay, Settlement

_Pair: TypeAlias = tuple[str, str]
_Source: TypeAlias = tuple[int, int, tuple[tuple[int, int], ...]]
_Held: TypeAlias = tuple[tuple[int, OrderFilled | FillBusted | FillCorrected], ...]
ITEMS: Final[dict[str, Any]] = {
    "instrument": tuple[str, Instrument],
    "strategy": tuple[str, Strategy],
    "order": tuple[_Pair, OrderState],
    "fill": tuple[tuple[str, str, str, str, str], FillState],
    "position": tuple[_Pair, PositionState],
    "source": tuple[str, _Source],
    "suspended": tuple[int, FactSuspended | bool],
    "case": tuple[int, AnomalyRecorded],
    "case-closed": tuple[int, tuple[int, CaseClosed]],
    "quarantine": tuple[_Pair, int],
    "limit": tuple[tuple[int, str], RiskLimit],
    "restriction": tuple[tuple[int, str], Restriction],
    "kill": tuple[bytes, KillSwitch],
    "mass-cancel": tuple[int, MassCancelling],
    "control-taken": tuple[int, tuple[int, int]],
    "control-counted": tuple[int, int],
    "control-unpassed": tuple[bytes, int],
    "order-mark": tuple[_Pair, int],
    "exposure": tuple[tuple[int, str], Exposure],
    "exposure-kind": tuple[int, int],
    "calendar": tuple[str, Calendar],
    "session": tuple[str, Session],
    "settlement": tuple[str, Settlement],
    "rolled-day": tuple[str, RolledDay],
    "daily-cut": tuple[_Pair, LastCut],
    "adjustment": tuple[tuple[str, str, int], Adjustment],
    "held": tuple[str, _Held],
    "timer-fired": tuple[tuple[TimerKind, str, str], int],
    "recovery-confirmed": tuple[str, tuple[int, int]],
    "partition-resumed": tuple[str, tuple[int, int]],
    "order-of-id": tuple[_Pair, _Pair],
    "order-of-venue-id": tuple[_Pair, _Pair],
    "order-of-number": tuple[int, _Pair],
    "outcome": tuple[bytes, tuple[int, Event]],
    "market-instrument": tuple[str, Instrument],
    "market-source": tuple[str, _Source],
    "market-suspended": tuple[int, FactSuspended | bool],
    "market-case": tuple[int, AnomalyRecorded],
    "market-case-closed": tuple[int, tuple[int, CaseClosed]],
}
"""The (key, state) of every store whose states are values."""

_PLAIN: Final = b"\x00"
_WIDE: Final = b"\x01"
_encode: Final = msgspec.msgpack.Encoder().encode
_one: Final = {kind: msgspec.msgpack.Decoder(item) for kind, item in ITEMS.items()}
_one_wide: Final = {kind: msgspec.msgpack.Decoder(item, strict=False) for kind, item in ITEMS.items()}


def encode_value(value: Any) -> bytes:
    """A value of the types above."""
    try:
        return _PLAIN + _encode(value)
    except OverflowError:
        return _WIDE + canonical(value)


def decode_value(stored: bytes, type_: Any) -> Any:
    """The value of that type; raises msgspec.MsgspecError where it is none."""
    return msgspec.msgpack.decode(stored[1:], type=type_, strict=stored[:1] != _WIDE)


def decode_item(kind: str, stored: bytes) -> Any:
    """(key, state) of a store of this kind; raises msgspec.MsgspecError where it is none."""
    return (_one_wide if stored[:1] == _WIDE else _one)[kind].decode(stored[1:])
