"""`ledger confirm`: a person has compared what a restart recovered with the venues, or set the clock right: new orders may come."""

from __future__ import annotations

from cyclopts import App

from ledger.cli.acting import act, claim, given_reason
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where

app = App(name="ledger confirm", help="Confirm what a restart recovered, or the clock.", version_flags=[])


@app.default
def confirm(
    *,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Confirm the recovered state, or that the clock is right again after a step beyond clock.max_step_ms.

    New orders wait for it after a step of the clock, and after every start with recovery.require_confirmation.
    """
    why = given_reason(reason)
    command = {"type": "ConfirmRecovery", "reason": why, "on_behalf_of": claim(why)}
    did = f"confirmed because: {why},"
    return act(where(connect, data, config, sets), command, did, as_json=as_json)
