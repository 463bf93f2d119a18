"""`ledger kill`: engage and release the kill switch, and say what is engaged."""

from __future__ import annotations

from typing import Any, Final

import uuid_utils
from cyclopts import App

from ledger.cli.exits import GOOD, REFUSED, refused
from ledger.cli.mass_cancelling import followed, told
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where
from ledger.cli.output import coloured, print_json, table
from ledger.cli.scopes import NO_SCOPE, ScopeOptions, operator, reason_for, scope_words
from ledger.cli.talk import Talk

app = App(name="ledger kill", help="Engage and release the kill switch.", version_flags=[])

COLUMNS: Final = ("engagement", "scope", "name", "engaged", "cancels", "actor", "on_behalf_of", "reason")
STATES: Final = ("scope", "name", "state", "actor", "reason")


@app.command
def engage(
    *,
    about: ScopeOptions = NO_SCOPE,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Refuse new orders of a scope from now on, and cancel its open ones."""
    scope, name = about.one()
    reason = reason_for("the kill switch", reason)
    engagement = str(uuid_utils.uuid7())
    command = {"type": "EngageKillSwitch", "command_id": engagement, "scope": scope, "name": name}
    with Talk(where(connect, data, config, sets)) as talk:
        answer = _sent(talk, {**command, "reason": reason, "on_behalf_of": operator()})
        if answer["type"] != "Committed":
            return _not_taken(answer, as_json=as_json)
        row = followed(talk, "engagement", engagement)
    if as_json:
        print_json(
            {**answer, "engagement": engagement, "cancels": row["cancels"], "complete": row["complete"]}
        )
    else:
        print(f"kill switch of {scope_words(scope, name)} engaged at {answer['place']}, because: {reason}")
        print(f"{told(row)}; new orders of {scope_words(scope, name)} are refused until")
        print(f"  ledger kill release {engagement} --reason ...")
    return GOOD


@app.command
def release(
    engagement: str,
    /,
    *,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """End ENGAGEMENT, as `kill status` shows it; others of the same scope stay."""
    reason = reason_for("a release", reason)
    command = {"type": "ReleaseKillSwitch", "command_id": str(uuid_utils.uuid7()), "engagement": engagement}
    with Talk(where(connect, data, config, sets)) as talk:
        answer = _sent(talk, {**command, "reason": reason, "on_behalf_of": operator()})
        if answer["type"] != "Committed":
            return _not_taken(answer, as_json=as_json)
        left = list(talk.rows("kills", open="true"))
    if as_json:
        print_json({**answer, "engagement": engagement, "still_engaged": len(left)})
    else:
        again = " before" if answer["repeated"] else ""
        print(f"kill switch {engagement} released{again} at {answer['place']}, because: {reason}")
        print(f"{len(left)} still engaged" if left else "none is engaged")
    return GOOD


@app.command
def status(
    *,
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Show every engagement, and the trading states that were set. Exit 0 whatever is engaged."""
    with Talk(where(connect, data, config, sets)) as talk:
        kills, states = list(talk.rows("kills")), list(talk.rows("trading_states"))
    if as_json:
        print_json({"kills": kills, "trading_states": states})
        return GOOD
    for rows, columns in ((kills, COLUMNS), (states, STATES)):
        for line in table(rows, columns, coloured()) if rows else ():
            print(line)
    engaged = sum(1 for row in kills if row["engaged"])
    print(f"{engaged} engaged" if engaged else "none is engaged")
    return GOOD


def _sent(talk: Talk, command: dict[str, Any]) -> dict[str, Any]:
    return next(talk.send("commands", [command]))


def _not_taken(answer: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json(answer)
        return REFUSED
    return refused(f"{answer['name']}: {answer['detail']}")
