"""Which code a text gets that says no number, or one that its instrument cannot have."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from ledger.domain.codes import Code
from ledger.domain.commands import SubmitOrder
from ledger.domain.facts import BookSnapshot
from ledger.wire import Misfit, decode_batch, read

SCALES = (4, 0)
ORDER = {
    "type": "SubmitOrder",
    "command_id": str(uuid.UUID(int=7)),
    "client_order_id": "c1",
    "strategy_id": "S1",
    "symbol": "AAPL",
    "exchange": "XNAS",
    "side": "BUY",
    "order_type": "LIMIT",
    "qty": "100",
    "px": "10",
}


def misfit(kind: Any, door: str, **fields: Any) -> Misfit:
    (message,) = decode_batch(json.dumps(fields).encode(), door, batch_max=1).inputs
    with pytest.raises(Misfit) as caught:
        read(kind, message.text, SCALES)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "code", "readable"),
    [
        ({"px": "ten"}, Code.MALFORMED, False),
        ({"qty": "1e3"}, Code.MALFORMED, False),
        ({"px": "10.00001"}, Code.PX_NOT_TICK_MULTIPLE, True),
        ({"qty": "0.5"}, Code.QTY_NOT_LOT_MULTIPLE, True),
        ({"qty": "9" * 30}, Code.QTY_TOO_LARGE, True),
        ({"px": "9" * 30}, Code.MALFORMED, True),
        ({"side": "BOTH"}, Code.BAD_SIDE, False),
        ({"order_type": "WISH"}, Code.BAD_ORDER_TYPE, False),
        ({"time_in_force": "NOW"}, Code.BAD_TIF, False),
        ({"command_id": "7"}, Code.MALFORMED, False),
    ],
)
def test_a_text_that_does_not_fit_is_told_by_its_field(
    fields: dict[str, str], code: Code, readable: bool
) -> None:
    found = misfit(SubmitOrder, "commands", **{**ORDER, **fields})
    assert (found.code, found.readable) == (code, readable)
    assert next(iter(fields)) in found.detail


@pytest.mark.parametrize(("px", "readable"), [("ten", False), ("10.00001", True)])
def test_levels_are_told_like_any_price(px: str, readable: bool) -> None:
    head = {"type": "BookSnapshot", "source": "f", "source_epoch": 1, "source_seq": 1, "symbol": "AAPL"}
    found = misfit(BookSnapshot, "market", **head, exchange="XNAS", last_update=1, bids=[[px, "1"]], asks=[])
    assert found.readable is readable
