"""An example of every message, and of every answer, as JSON objects: what WIRE.md shows and a test sends."""

from __future__ import annotations

import typing
from typing import Any, Final

import msgspec

from ledger.domain.codes import Code
from ledger.domain.commands import COMMANDS
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.wire import (
    Committed,
    FactCommitted,
    Page,
    Query,
    QueryRefused,
    Refused,
    Rejected,
    Unavailable,
    answer_json,
    fields_of,
)

Kind = type[msgspec.Struct]
DOORS: Final[dict[str, tuple[Kind, ...]]] = {
    "commands": COMMANDS,
    "reports": REPORTS,
    "market": MARKET_DATA,
    "query": (Query,),
}
_ID: Final = "01938f6e-7a5b-7c3d-8e9f-0123456789ab"
_OTHER_ID: Final = "01938f6e-7a5b-7c3d-8e9f-0123456789ac"
_BY_NAME: Final[dict[str, Any]] = {
    "command_id": _ID,
    "engagement": _OTHER_ID,
    "proposal": _OTHER_ID,
    "symbol": "AAPL",
    "exchange": "NASDAQ",
    "strategy_id": "S1",
    "account": "A1",
    "client_order_id": "c1",
    "new_client_order_id": "c2",
    "order_id": "0-123",
    "venue_order_id": "v1",
    "execution_id": "x9",
    "side": "BUY",
    "order_type": "LIMIT",
    "time_in_force": "DAY",
    "source": "gw1",
    "source_epoch": 4,
    "source_seq": 77,
    "trade_date": "2026-11-20",
    "price_scale": 4,
    "tick": "0.01",
    "reason": "a stop was hit",
    "scope": "STRATEGY",
    "name": "S1",
    "calendar": "XNAS",
    "session_id": "s-1",
    "user_id": "ann",
    "event_time_ns": 1763650000000000000,
    "bids": [["10.04", "300"], ["10.03", "200"]],
    "asks": [["10.06", "100"]],
    "fee_ccy": "USD",
    "fee": "0.02",
    "place": "trading/0:120",
    "action": "ADD",
    "bid_px": "10.04",
    "ask_px": "10.06",
}
_BY_UNIT: Final[dict[str, Any]] = {
    "px": "10.05",
    "qty": "40",
    "fee": "0.02",
    "money": "402",
    "decimal8": "1",
    "ns": 1763650000000000000,
    "seq": 120,
    "levels": [["10.04", "300"]],
    "uuid": _OTHER_ID,
    "order_id": "0-123",
}
_MORE: Final[dict[str, tuple[str, ...]]] = {
    "DefineInstrument": ("price_scale", "tick"),
    "SubmitOrder": ("px", "time_in_force"),
    "CancelOrder": ("symbol", "client_order_id"),
    "ReplaceOrder": ("symbol", "client_order_id", "qty", "px"),
    "MassCancel": ("name", "reason"),
    "EngageKillSwitch": ("name", "reason"),
    "ReleaseKillSwitch": ("reason",),
    "SetTradingState": ("name", "reason"),
    "SetRiskLimit": ("name", "max_order_qty", "reason"),
    "ReportAccepted": ("venue_order_id", "event_time_ns"),
    "ReportFill": ("fee", "fee_ccy", "liquidity", "event_time_ns"),
    "BookSnapshot": ("event_time_ns",),
    "BookDelta": ("event_time_ns",),
}
"""Optional fields that an example shows beside those that must be there."""
_ODD: Final[dict[str, dict[str, Any]]] = {
    "ReplaceOrder": {"qty": "120", "px": "10.04"},
    "BookSnapshot": {"last_update": 1027},
    "BookDelta": {"first_update": 1028, "last_update": 1030},
    "SetRiskLimit": {"max_order_qty": "5000"},
    "ReleaseEntity": {"kind": "order", "key": "AAPL/c1"},
    "DefineCalendar": {"sessions": [["2026-11-20", 1763649000000000000, 1763672400000000000]]},
}
QUERY: Final[dict[str, Any]] = {
    "type": "Query",
    "id": "q1",
    "what": "orders",
    "filters": {"strategy": "S1", "open": "true"},
    "limit": 100,
}


def example(kind: Kind) -> dict[str, Any]:
    """A JSON object that the door of `kind` takes."""
    if kind is Query:
        return dict(QUERY)
    hints = typing.get_type_hints(kind)
    odd = _ODD.get(kind.__name__, {})
    out: dict[str, Any] = {"type": kind.__name__}
    for field in fields_of(kind):
        if field.name in odd:
            out[field.name] = odd[field.name]
        elif field.required or field.name in _MORE.get(kind.__name__, ()):
            out[field.name] = _value(field, hints[field.name])
    return out


def _value(field: Any, hint: Any) -> Any:
    name = field.name
    if field.enum is not None:
        wanted = _BY_NAME.get(name)
        return wanted if wanted in field.enum.__members__ else next(iter(field.enum.__members__))
    if name in _BY_NAME:
        return _BY_NAME[name]
    if field.unit in _BY_UNIT:
        return _BY_UNIT[field.unit]
    if "_date" in name:
        return "2026-11-20"
    bare = next((part for part in (hint, *typing.get_args(hint)) if part in (int, str, bool)), str)
    return {int: 1, bool: True, str: "text"}[bare]


def answers() -> dict[str, dict[str, Any]]:
    """By what it says: every answer there is."""
    own = bytes.fromhex(_ID.replace("-", ""))
    fact = ("gw1", 4, 77)
    order = {"order_id": "0-123", "symbol": "AAPL", "client_order_id": "c1", "status": "NEW", "qty": "100"}
    said = {
        "a command is durable": Committed(own, 0, 123, 123),
        "a command is refused, durably: the same command_id gets this again (codes 10 and above)": Rejected(
            own, 0, 124, Code.PX_NOT_TICK_MULTIPLE, "px 10.055 is not a multiple of tick 0.01 of AAPL"
        ),
        "an input is refused and nothing remembers it (codes 1 to 9)": Refused(
            own, Code.OVERLOADED, "more waits than engine.queue_max allows; send it again", 50
        ),
        "a fact that cannot be read is refused; one that can never is": Refused(
            b"", Code.MALFORMED, "gw1 77: ReportFill: Expected `str`, got `int` - at `$.qty`", 0, *fact
        ),
        "a fact is durable": FactCommitted(*fact, "trading", 0, 130),
        "a fact was not taken: send it again after the pause": Unavailable(*fact, 50, "the queue is full"),
        "rows of a question": Page("q1", "orders", [order], "trading/0:130", "market/0:8000"),
        "a question that cannot be answered": QueryRefused("q1", Code.MALFORMED, "filter 'x' is not known"),
    }
    return {what: answer_json(answer) for what, answer in said.items()}
