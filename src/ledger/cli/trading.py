"""`ledger trading`: open, reduce or halt new orders of a scope, and say what is set."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from ledger.cli.acting import act, claim, given_reason
from ledger.cli.exits import GOOD
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where
from ledger.cli.output import coloured, print_json, table
from ledger.cli.scopes import NO_SCOPE, ScopeOptions, scope_words
from ledger.cli.talk import Talk

app = App(name="ledger trading", help="Open, reduce or halt trading of a scope.", version_flags=[])

COLUMNS: Final = ("scope", "name", "state", "actor", "reason")
STATES: Final = {"open": "ACTIVE", "reduce": "REDUCING", "halt": "HALTED"}
EFFECT: Final = {
    "open": "new orders are taken",
    "reduce": "only orders that make positions smaller are taken",
    "halt": "no new order is taken; cancels and reports go on",
}
State = Annotated[
    Literal["open", "reduce", "halt", "status"], Parameter(help="open, reduce, halt, or status to look.")
]


@app.default
def trading(
    state: State,
    /,
    *,
    about: ScopeOptions = NO_SCOPE,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Set the trading state of a scope: --all, or one of account, strategy, symbol, exchange, trader, session."""
    place = where(connect, data, config, sets)
    if state == "status":
        with Talk(place) as talk:
            return _told(list(talk.rows("trading_states")), as_json=as_json)
    scope, name = about.one()
    why = given_reason(reason)
    command = {"type": "SetTradingState", "scope": scope, "name": name, "state": STATES[state], "reason": why}
    did = f"{scope_words(scope, name)} is {STATES[state]}, {EFFECT[state]}, because: {why};"
    return act(place, {**command, "on_behalf_of": claim(why)}, did, as_json=as_json)


def _told(states: list[dict[str, object]], *, as_json: bool) -> int:
    if as_json:
        print_json(states)
        return GOOD
    for line in table(states, COLUMNS, coloured()) if states else ():
        print(line)
    if not states:
        print("no state was set: everything is ACTIVE")
    return GOOD
