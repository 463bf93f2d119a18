"""Why a command is refused: one enumeration, ordered by precedence, with the FIX reason beside each.

Codes 1 to 9 are never journaled and never remembered: the same command is decided afresh next time. Every other
refusal is journaled as CommandRejected, and the same command_id gets it again. Source: FIX 103 OrdRejReason, 102
CxlRejReason.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

JOURNALED_FROM: Final = 10


class Code(IntEnum):
    """A refusal; where several apply, the lowest number is given."""

    MALFORMED = 1
    UNSUPPORTED = 2
    NOT_AUTHORISED = 3
    SESSION_CLOSED = 4
    RATE_LIMITED = 5
    OVERLOADED = 6
    JOURNAL_READ_ONLY = 7
    COMMAND_ID_EXPIRED = 8
    WRONG_PARTITION = 9
    DUPLICATE_CLIENT_ORDER_ID = 10
    COMMAND_ID_CONFLICT = 11
    UNKNOWN_SYMBOL = 12
    UNKNOWN_STRATEGY = 13
    UNKNOWN_ORDER = 14
    BAD_SIDE = 15
    BAD_ORDER_TYPE = 16
    BAD_TIF = 17
    QTY_NOT_POSITIVE = 18
    QTY_NOT_LOT_MULTIPLE = 19
    QTY_TOO_LARGE = 20
    PX_REQUIRED = 21
    PX_NOT_ALLOWED = 22
    PX_NOT_TICK_MULTIPLE = 23
    PX_NOT_POSITIVE = 24
    PX_OUT_OF_COLLAR = 25
    EXPIRE_TS_REQUIRED = 26
    EXPIRE_TS_IN_PAST = 27
    DISPLAY_QTY_EXCEEDS_QTY = 28
    TOO_LATE_TO_CANCEL = 30
    ALREADY_PENDING_CANCEL = 31
    ALREADY_PENDING_REPLACE = 32
    ORDER_NOT_ACKED = 33
    NEW_QTY_NOT_ABOVE_CUM = 34
    NOTHING_TO_CHANGE = 35
    KILL_SWITCH = 40
    TRADING_HALTED = 41
    REDUCE_ONLY_STATE = 42
    WOULD_INCREASE_POSITION = 43
    MAX_ORDER_QTY = 44
    MAX_ORDER_NOTIONAL = 45
    MAX_POSITION = 46
    MAX_OPEN_ORDERS = 47
    MAX_GROSS_NOTIONAL = 48
    DUPLICATE_ORDER_SUSPECTED = 49
    NO_REFERENCE_PRICE = 50
    UNBALANCED_ADJUSTMENT = 60
    APPROVER_REQUIRED = 61
    DAY_ALREADY_ROLLED = 62
    UNKNOWN_BREAK = 63
    ENGINE_FAULT = 70
    QUARANTINED = 71


FIX_REASON: Final[dict[Code, str]] = {
    Code.MALFORMED: "35=3",
    Code.NOT_AUTHORISED: "103=0",
    Code.RATE_LIMITED: "103=0",
    Code.DUPLICATE_CLIENT_ORDER_ID: "103=6, 102=6",
    Code.UNKNOWN_SYMBOL: "103=1",
    Code.UNKNOWN_STRATEGY: "103=15",
    Code.UNKNOWN_ORDER: "102=1",
    Code.BAD_SIDE: "103=11",
    Code.BAD_ORDER_TYPE: "103=11",
    Code.BAD_TIF: "103=11",
    Code.QTY_NOT_POSITIVE: "103=13",
    Code.QTY_NOT_LOT_MULTIPLE: "103=13",
    Code.QTY_TOO_LARGE: "103=13",
    Code.PX_REQUIRED: "103=18",
    Code.PX_NOT_ALLOWED: "103=18",
    Code.PX_NOT_TICK_MULTIPLE: "103=18",
    Code.PX_NOT_POSITIVE: "103=18",
    Code.PX_OUT_OF_COLLAR: "103=16",
    Code.EXPIRE_TS_REQUIRED: "103=4",
    Code.EXPIRE_TS_IN_PAST: "103=4",
    Code.DISPLAY_QTY_EXCEEDS_QTY: "103=11",
    Code.TOO_LATE_TO_CANCEL: "102=0",
    Code.ALREADY_PENDING_CANCEL: "102=3",
    Code.ALREADY_PENDING_REPLACE: "102=3",
    Code.ORDER_NOT_ACKED: "102=2",
    Code.NEW_QTY_NOT_ABOVE_CUM: "102=99",
    Code.NOTHING_TO_CHANGE: "102=99",
    Code.KILL_SWITCH: "103=0",
    Code.TRADING_HALTED: "103=2",
    Code.REDUCE_ONLY_STATE: "103=0",
    Code.WOULD_INCREASE_POSITION: "103=0",
    Code.MAX_ORDER_QTY: "103=3",
    Code.MAX_ORDER_NOTIONAL: "103=3",
    Code.MAX_POSITION: "103=3",
    Code.MAX_OPEN_ORDERS: "103=3",
    Code.MAX_GROSS_NOTIONAL: "103=3",
    Code.DUPLICATE_ORDER_SUSPECTED: "103=3",
    Code.NO_REFERENCE_PRICE: "103=99",
    Code.ENGINE_FAULT: "103=99",
    Code.QUARANTINED: "103=99",
}
"""FIX tag and value for each code that has one."""
