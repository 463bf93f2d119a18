"""`ledger cancel`: ask the venue to cancel orders; says which, and why it was done stands in the journal.

Orders that are named, or listed with --open, get a CancelOrder each. A scope alone is one MassCancel: the ledger
refuses new orders of the scope until every open one has been asked for, and a restart goes on with it.
"""

from __future__ import annotations

import getpass
import re
import sys
from typing import Annotated, Any, Final

import uuid_utils
from cyclopts import App, Parameter

from ledger.cli.exits import GOOD, REFUSED, refused
from ledger.cli.mass_cancelling import followed, told
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, Where, where
from ledger.cli.output import print_json
from ledger.cli.scopes import NO_SCOPE, ScopeOptions, operator, reason_for, scope_words
from ledger.cli.talk import Talk
from ledger.errors import Rejected

app = App(name="ledger cancel", help="Ask the venue to cancel orders.", version_flags=[])

ORDER_ID: Final = re.compile(r"\d+-\d+\Z")
CLAIM_MAX: Final = 256


@app.default
def cancel(
    *orders: str,
    open: Annotated[bool, Parameter(help="Every open order that the filters leave.", negative=())] = False,  # noqa: A002
    about: ScopeOptions = NO_SCOPE,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Cancel ORDER..., each an order_id such as 0-123, or a client_order_id with --symbol; or those of a scope.

    A scope is --all, --account, --strategy, --symbol, --exchange, --trader or --session. --open with --strategy
    or --symbol asks order by order instead. Exit 2 if the ledger refused one; the others are asked for all the same.
    """
    strategy, symbol = about.strategy, about.symbol
    if (orders or open) and (about.everything or about.named.keys() - {"STRATEGY", "SYMBOL"}):
        return refused("name the orders, or a scope, not both", "`ledger cancel --help` shows both")
    if orders and open:
        return refused("name the orders, or give --open (with --strategy or --symbol to narrow it)")
    if not orders and not open:
        if not (about.everything or about.named):
            return refused("name the orders, or a scope such as --all or --strategy", "or give --open")
        scope, name = about.one()
        place = where(connect, data, config, sets)
        return _mass_cancel(place, scope, name, reason_for("a cancel", reason), as_json=as_json)
    reason = reason or _asked()
    if not reason:
        return refused("a cancel needs a reason", 'add --reason "why"')
    with Talk(where(connect, data, config, sets)) as talk:
        rows = (
            _open_orders(talk, strategy, symbol) if open else [_order(talk, each, symbol) for each in orders]
        )
        claim = f"{getpass.getuser()}: {reason}"[:CLAIM_MAX]
        answers = list(talk.send("commands", [_command(row, claim) for row in rows]))
    if as_json:
        for row, answer in zip(rows, answers, strict=True):
            print_json({"order": row["order_id"], **answer})
    else:
        _echo(rows, answers, reason)
    return GOOD if all(answer["type"] == "Committed" for answer in answers) else REFUSED


def _mass_cancel(place: Where, scope: str, name: str, reason: str, *, as_json: bool) -> int:
    command = {"type": "MassCancel", "command_id": str(uuid_utils.uuid7()), "scope": scope, "name": name}
    with Talk(place) as talk:
        message = {**command, "reason": reason, "on_behalf_of": operator()}
        answer = next(talk.send("commands", [message]))
        if answer["type"] != "Committed":
            return refused(f"{answer['name']}: {answer['detail']}")
        row = followed(talk, "place", answer["place"])
    if as_json:
        print_json({**answer, "cancels": row["cancels"], "complete": row["complete"]})
    else:
        print(f"mass cancel of {scope_words(scope, name)} at {answer['place']}, because: {reason}")
        print(told(row))
    return GOOD


def _asked() -> str:
    if not sys.stdin.isatty():
        return ""
    print("reason: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _open_orders(talk: Talk, strategy: str, symbol: str) -> list[dict[str, Any]]:
    filters = {"strategy": strategy, "symbol": symbol, "open": "true"}
    return list(talk.rows("orders", **{name: value for name, value in filters.items() if value}))


def _order(talk: Talk, named: str, symbol: str) -> dict[str, Any]:
    if symbol:
        rows = list(talk.rows("order", symbol=symbol, client_order_id=named))
    elif ORDER_ID.match(named):
        rows = list(talk.rows("order", order_id=named))
    else:
        raise Rejected(f"{named} is no order_id such as 0-123", "add --symbol for a client_order_id")
    if not rows:
        raise Rejected(f"there is no order {named}", "`ledger show orders --open` lists them")
    return rows[0]


def _command(row: dict[str, Any], claim: str) -> dict[str, Any]:
    command_id = uuid_utils.uuid7()
    return {
        "type": "CancelOrder",
        "command_id": str(command_id),
        "symbol": row["symbol"],
        "client_order_id": f"cancel-{command_id.hex}",
        "orig_client_order_id": row["client_order_id"],
        "on_behalf_of": claim,
    }


def _echo(rows: list[dict[str, Any]], answers: list[dict[str, Any]], reason: str) -> None:
    asked = 0
    for row, answer in zip(rows, answers, strict=True):
        name = f"{row['order_id']} {row['side']} {row['leaves_qty']} of {row['symbol']} ({row['client_order_id']})"
        if answer["type"] == "Committed":
            asked += 1
            print(f"cancel asked for {name} at {answer['place']}")
        else:
            print(f"refused for {name}: {answer['name']}: {answer['detail']}", file=sys.stderr)
    print(f"{asked} of {len(rows)} cancels asked for, because: {reason}")
