"""`ledger limits`: show the risk limits, and change those of one scope."""

from __future__ import annotations

from typing import Annotated, Any, Final

import uuid_utils
from cyclopts import App, Parameter

from ledger.cli.exits import GOOD, REFUSED, refused
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where
from ledger.cli.output import coloured, print_json, table
from ledger.cli.scopes import NO_SCOPE, ScopeOptions, operator, reason_for, scope_words
from ledger.cli.talk import Talk
from ledger.domain.limit import VALUES
from ledger.errors import Rejected

app = App(name="ledger limits", help="Show and set risk limits.", version_flags=[])

WHOLE: Final = ("max_open_orders", "duplicate_window_ms", "messages_per_second", "mark_age_max_ms")
COLUMNS: Final = ("scope", "name", *VALUES, "open_orders", "gross_notional", "reason")
NONE: Final = "none"
Value = Annotated[str, Parameter(negative=())]


@app.command(name="set")
def set_(
    *,
    about: ScopeOptions = NO_SCOPE,
    max_order_qty: Value = "",
    max_order_notional: Value = "",
    px_collar: Value = "",
    max_position: Value = "",
    max_open_orders: Value = "",
    max_gross_notional: Value = "",
    duplicate_window_ms: Value = "",
    messages_per_second: Value = "",
    mark_age_max_ms: Value = "",
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Change the limits that are given, `none` takes one away; the scope's others stay as they are."""
    scope, name = about.one()
    texts = (
        max_order_qty,
        max_order_notional,
        px_collar,
        max_position,
        max_open_orders,
        max_gross_notional,
        duplicate_window_ms,
        messages_per_second,
        mark_age_max_ms,
    )
    wanted = {key: _value(key, text) for key, text in zip(VALUES, texts, strict=True) if text}
    if not wanted:
        return refused("no limit is given", "such as --max-order-qty 1000")
    reason = reason_for("a limit", reason)
    with Talk(where(connect, data, config, sets)) as talk:
        before = _limits(talk, scope, name)
        after = {**before, **wanted}
        command = {
            "type": "SetRiskLimit",
            "command_id": str(uuid_utils.uuid7()),
            "scope": scope,
            "name": name,
            **{key: value for key, value in after.items() if value is not None},
        }
        answer = next(talk.send("commands", [{**command, "reason": reason, "on_behalf_of": operator()}]))
    if as_json:
        print_json({"before": before, "after": after, **answer})
    elif answer["type"] == "Committed":
        _echo(scope_words(scope, name), before, after, answer, reason)
    else:
        return refused(f"{answer['name']}: {answer['detail']}")
    return GOOD if answer["type"] == "Committed" else REFUSED


def _value(key: str, text: str) -> str | int | None:
    if text == NONE:
        return None
    if key not in WHOLE:
        return text
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Rejected(f"{key} {text} is not a whole number", "or give `none`")
    return int(text)


def _limits(talk: Talk, scope: str, name: str) -> dict[str, Any]:
    rows = list(talk.rows("limits", scope=scope, name=name))
    return {key: rows[0][key] if rows else None for key in VALUES}


def _echo(
    scope: str, before: dict[str, Any], after: dict[str, Any], answer: dict[str, Any], reason: str
) -> None:
    if answer["repeated"]:
        print(f"limits of {scope} are so since {answer['place']}")
        return
    for key in VALUES:
        if before[key] != after[key]:
            was, now = (NONE if it is None else it for it in (before[key], after[key]))
            print(f"{key} of {scope}: {was} -> {now}")
    print(f"set at {answer['place']}, because: {reason}")


@app.command
def show(
    *,
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Show the limits of every scope and how far they are used."""
    with Talk(where(connect, data, config, sets)) as talk:
        rows = list(talk.rows("limits"))
    if as_json:
        print_json(rows)
        return GOOD
    columns = [name for name in COLUMNS if any(row[name] is not None for row in rows)]
    for line in table(rows, columns, coloured()) if rows else ():
        print(line)
    if not rows:
        print("no limits are set")
    return GOOD
