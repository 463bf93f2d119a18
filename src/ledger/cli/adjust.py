"""`ledger adjust`: change a position without a fill; somebody else approves, and both names stand in the journal."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from ledger.cli.acting import act, claim, given_reason
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where

app = App(name="ledger adjust", help="Change a position without a fill.", version_flags=[])

Kind = Literal["CORP_ACTION", "TRANSFER", "FUNDING", "OPENING_BALANCE", "MANUAL"]


@app.default
def adjust(
    strategy: str,
    symbol: str,
    /,
    *,
    kind: Annotated[Kind, Parameter(help="What it is; some kinds may make no profit.")],
    approver: Annotated[str, Parameter(help="The second person who agreed.")],
    dqty: Annotated[str, Parameter(help="Change of the quantity, signed.")] = "0",
    dcost: Annotated[str, Parameter(help="Change of the cost, before the contract multiplier.")] = "0",
    dcash: Annotated[str, Parameter(help="Change of the cash, likewise; dcost + dcash is profit.")] = "0",
    ref: Annotated[str, Parameter(help="What it rests on: a notice, a statement, a ticket.")] = "",
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Adjust the position of STRATEGY in SYMBOL."""
    why = given_reason(reason)
    command: dict[str, Any] = {
        "type": "AdjustPosition",
        "strategy_id": strategy,
        "symbol": symbol,
        "reason": kind,
        "approver": approver,
        "dqty": dqty,
        "dcost": dcost,
        "dcash": dcash,
        "ref": ref,
        "on_behalf_of": claim(why),
    }
    did = (
        f"adjusted {strategy} {symbol} by qty {dqty}, cost {dcost}, cash {dcash} ({kind}, approved by {approver})"
        f" because: {why},"
    )
    return act(where(connect, data, config, sets), command, did, as_json=as_json)
