"""`ledger entity release`: what our own fault has set aside takes part again, with all that it missed."""

from __future__ import annotations

from cyclopts import App

from ledger.cli.acting import act, claim, given_reason
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where

app = App(name="ledger entity", help="Release what a fault has set aside.", version_flags=[])


@app.command
def release(
    kind: str,
    key: str,
    /,
    *,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Release the KIND (order, book, position, control) named KEY, such as `order AAPL/c1`.

    The fills that it held are applied, the reports that were suspended for it are decided again.
    `ledger show quarantine` lists what is set aside.
    """
    why = given_reason(reason)
    command = {
        "type": "ReleaseEntity",
        "kind": kind,
        "key": key,
        "reason": why,
        "on_behalf_of": claim(why),
    }
    return act(
        where(connect, data, config, sets), command, f"released {kind} {key} because: {why},", as_json=as_json
    )
