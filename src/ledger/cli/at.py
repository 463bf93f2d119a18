"""`ledger at`: orders, positions and books as they were, over all partitions."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import App, Parameter

from ledger.cli.as_of import as_of
from ledger.cli.options import ConfigFile, Data, Json, Sets, data_directory
from ledger.cli.output import coloured, lines_of, print_json, table
from ledger.cli.show import COLUMNS

app = App(name="ledger at", help="The state at a time or a place.", version_flags=[])

_Flag = Parameter(negative=())


@app.default
def at_command(
    when: Annotated[
        str, Parameter(help="An ISO time, UTC unless it says otherwise, or a place: trading/0:123.")
    ],
    /,
    *,
    orders: Annotated[bool, _Flag] = False,
    positions: Annotated[bool, _Flag] = False,
    book: Annotated[
        list[str] | None, Parameter(name="--book", help="A symbol; may be repeated.", negative=())
    ] = None,
    open_only: Annotated[bool, Parameter(name="--open", help="Only open orders.", negative=())] = False,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Fold the journal up to WHEN, from the nearest snapshot before it, and show what it makes; positions by default.

    A time is the cut that is the same in all partitions: every event recorded at or before it. A place is the cut of
    its partition; the others are folded up to the time at which it was recorded. Books are as of the same time.
    A snapshot that cannot be used costs time only; why is said on standard error.
    """
    if not (orders or positions or book):
        positions = True
    with as_of(data_directory(data, config, sets), when) as state:
        answer: dict[str, Any] = {
            "when": when,
            "at_ns": state.at_ns,
            "places": state.places,
            "snapshots": state.snapshots,
            "events_folded": state.events,
        }
        if orders:
            answer["orders"] = state.rows("orders", {"open": "true"} if open_only else {})
        if positions:
            answer["positions"] = state.rows("positions", {})
        if book:
            answer["books"] = [row for symbol in book for row in state.rows("book", {"symbol": symbol})]
        for note in state.notes:
            print(note, file=sys.stderr)
    if as_json:
        print_json(answer)
        return 0
    print(" ".join(state.places))
    _print_for_people(answer)
    return 0


def _print_for_people(answer: dict[str, Any]) -> None:
    for name in ("orders", "positions"):
        if name in answer:
            for line in table(answer[name], COLUMNS[name], coloured()):
                print(line)
    for row in answer.get("books", ()):
        for line in lines_of(row):
            print(line)
