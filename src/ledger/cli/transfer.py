"""`ledger transfer`: move part of what one strategy holds to another, at a price; the account's sum does not move."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from ledger.cli.acting import act, claim, given_reason
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where

app = App(name="ledger transfer", help="Move part of a position to another strategy.", version_flags=[])


@app.default
def transfer(
    giver: str,
    taker: str,
    symbol: str,
    qty: str,
    /,
    *,
    px: Annotated[str, Parameter(help="The price at which it moves.")],
    ref: Annotated[str, Parameter(help="What it rests on.")] = "",
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Move QTY of SYMBOL, long or short as it is held, from strategy GIVER (such as _UNALLOCATED) to TAKER."""
    why = given_reason(reason)
    command = {
        "type": "TransferPosition",
        "from_strategy": giver,
        "to_strategy": taker,
        "symbol": symbol,
        "qty": qty,
        "px": px,
        "reason": why,
        "ref": ref,
        "on_behalf_of": claim(why),
    }
    did = f"moved {qty} {symbol} from {giver} to {taker} at {px} because: {why},"
    return act(where(connect, data, config, sets), command, did, as_json=as_json)
