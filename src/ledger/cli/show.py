"""`ledger show`: what a running ledger knows, as a table, JSON or CSV."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ledger.cli.exits import refused
from ledger.cli.options import ConfigFile, Connect, Data, Json, Sets, where
from ledger.cli.output import coloured, lines_of, print_csv, print_json, shown, table
from ledger.cli.talk import Talk
from ledger.domain.limit import VALUES
from ledger.errors import Rejected

app = App(name="ledger show", help="Show what a running ledger knows.", version_flags=[])

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "orders": (
        "order_id",
        "strategy_id",
        "symbol",
        "client_order_id",
        "side",
        "order_type",
        "qty",
        "px",
        "cum_qty",
        "leaves_qty",
        "avg_px",
        "status",
    ),
    "fills": (
        "fill_id",
        "strategy_id",
        "symbol",
        "client_order_id",
        "execution_id",
        "side",
        "qty",
        "px",
        "fee",
        "fee_ccy",
        "standing",
    ),
    "positions": (
        "strategy_id",
        "symbol",
        "qty",
        "avg_px",
        "cost",
        "realized",
        "cash",
        "unrealized",
        "fees",
        "fills",
    ),
    "instruments": (
        "symbol",
        "exchange",
        "price_scale",
        "qty_scale",
        "tick",
        "lot",
        "multiplier",
        "quote_ccy",
        "calendar",
    ),
    "strategies": ("strategy_id", "account"),
    "anomalies": ("place", "severity", "kind", "open", "symbol", "order_id", "detail"),
    "sources": ("journal", "source", "source_epoch", "source_seq", "gaps"),
    "sessions": ("session_id", "user_id", "state", "created_at_ns", "last_activity_ns"),
    "adjustments": ("place", "strategy_id", "symbol", "dqty", "dcost", "dcash", "px"),
    "daily": ("trade_date", "strategy_id", "symbol", "qty", "realized", "unrealized", "fees", "mark"),
    "calendars": ("calendar", "sessions", "first", "last", "rolled", "source"),
    "quarantine": ("kind", "key", "place", "held"),
}
_WIDE: Final = ("open_orders", "gross_notional", "reason")
COLUMNS_OF_CONTROL: Final = {
    "limits": ("scope", "name", *VALUES, *_WIDE),
    "kills": ("engagement", "scope", "name", "engaged", "cancels", "actor", "reason"),
    "trading_states": ("scope", "name", "state", "actor", "reason"),
    "mass_cancels": ("place", "scope", "name", "complete", "cancels", "actor", "reason"),
}
COLUMNS.update(COLUMNS_OF_CONTROL)
SINGLE: Final = ("head", "order", "position", "book")
PLANNED: Final = ("actors",)
KEY_OF: Final = {"order": "order_id", "book": "symbol", "position": "symbol"}
"""What the second word means."""

Text = Annotated[str, Parameter(negative=())]


@app.default
def show(
    what: str,
    key: str = "",
    /,
    *,
    symbol: Text = "",
    strategy: Text = "",
    status: Text = "",
    exchange: Text = "",
    client_order_id: Text = "",
    kind: Text = "",
    depth: Annotated[str, Parameter(help="Levels of each side of a book.")] = "",
    open: Annotated[bool, Parameter(help="Only what is open.", negative=())] = False,  # noqa: A002
    watch: Annotated[bool, Parameter(help="Again every second until interrupted.", negative=())] = False,
    as_json: Json = False,
    csv: Annotated[bool, Parameter(help="Print comma-separated values.", negative=())] = False,
    store: Annotated[
        str, Parameter(name="--from", help="Ask a database instead: postgres or redis.", negative=())
    ] = "",
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Show head, orders, order, fills, positions, position, book, instruments, strategies, anomalies, sources,
    sessions, adjustments, daily, calendars or quarantine.

    KEY is the order_id of an order, or the symbol of a book or position. `position` without both a strategy and a symbol
    shows all positions of the one that is given.
    """
    if what in PLANNED:
        return refused(f"show {what} is not built yet", "CHANGELOG.md says what is")
    if what not in COLUMNS and what not in SINGLE:
        return refused(f"{what!r} cannot be shown", f"one of {', '.join((*SINGLE, *COLUMNS))}")
    if as_json and csv:
        return refused("--json and --csv are both given", "choose one")
    filters = {
        "symbol": symbol,
        "strategy": strategy,
        "status": status,
        "exchange": exchange,
        "client_order_id": client_order_id,
        "kind": kind,
        "depth": depth,
        "open": "true" if open else "",
    }
    if key:
        if what not in KEY_OF:
            return refused(f"{key!r} is one word too many", "filters are options, such as --symbol")
        filters[KEY_OF[what]] = key
    given = {name: value for name, value in filters.items() if value}
    if what == "position" and not ("strategy" in given and "symbol" in given):
        what = "positions"  # without both it is not one position, but all that they say
    form = "json" if as_json else "csv" if csv else "table"
    if store:
        from ledger.cli.show_stores import show_from

        return show_from(store, what, given, form, config, sets)
    with Talk(where(connect, data, config, sets)) as talk:
        return _watched(talk, what, given, form) if watch else _shown(talk, what, given, form)


def _watched(talk: Talk, what: str, filters: Mapping[str, str], form: str) -> int:
    while True:
        if form == "table" and sys.stdout.isatty():
            print("\x1b[H\x1b[J", end="")
        _shown(talk, what, filters, form)
        sys.stdout.flush()
        time.sleep(1.0)


def _shown(talk: Talk, what: str, filters: Mapping[str, str], form: str) -> int:
    if what in SINGLE:
        return _show_single(list(talk.rows(what, **filters)), what, form)
    rows = talk.rows(what, **filters)
    if form == "json":
        print_json(list(rows))
    elif form == "csv":
        _print_csv(rows, COLUMNS[what])
    else:
        _print_table(list(rows), what)
    return 0


def _print_csv(rows: Iterator[dict[str, Any]], columns: tuple[str, ...]) -> None:
    first = next(rows, None)
    if first is None:
        print_csv((), columns)
        return
    print_csv((row for part in ((first,), rows) for row in part), tuple(first))


def _print_table(rows: list[dict[str, Any]], what: str) -> None:
    columns = [name for name in COLUMNS[what] if not rows or any(name in row for row in rows)]
    for line in table(rows, columns, coloured()):
        print(line)
    print(f"{len(rows)} {what if len(rows) != 1 else what.removesuffix('s')}", file=sys.stderr)


def _show_single(rows: list[dict[str, Any]], what: str, form: str) -> int:
    if not rows:
        raise Rejected(
            f"there is no such {what}", f"`ledger show {'instruments' if what == 'book' else what + 's'}`"
        )
    if form == "json":
        print_json(rows[0] if len(rows) == 1 else rows)
    elif form == "csv":
        print_csv(rows, tuple(rows[0]))
    else:
        for index, row in enumerate(rows):
            if index:
                print()
            for line in _PRINTED.get(what, lines_of)(row):
                print(line)
    return 0


def _head_lines(row: Mapping[str, Any]) -> list[str]:
    rest = {name: value for name, value in row.items() if name != "journals"}
    lines = lines_of(rest)
    heads = [
        {"journal": f"{journal}/{head['partition']}", **head}
        for journal, parts in row["journals"].items()
        for head in parts
    ]
    columns = ("journal", "epoch", "head", "settled", "recorded_at", "digest")
    return [*lines, "", *table(heads, columns, coloured())]


def _book_lines(row: Mapping[str, Any]) -> list[str]:
    """Both sides beside each other, best first."""
    bids, asks = row["bids"], row["asks"]
    levels = [
        {
            "bid_qty": bids[at][1] if at < len(bids) else None,
            "bid_px": bids[at][0] if at < len(bids) else None,
            "ask_px": asks[at][0] if at < len(asks) else None,
            "ask_qty": asks[at][1] if at < len(asks) else None,
        }
        for at in range(max(len(bids), len(asks)))
    ]
    told = ("exchange", "symbol", "status", "phase", "last_update", "mark")
    top = "  ".join(f"{name} {shown(name, row[name])}" for name in told if name in row)
    return [top, *table(levels, ("bid_qty", "bid_px", "ask_px", "ask_qty"), coloured())]


_PRINTED: Final[dict[str, Any]] = {"head": _head_lines, "book": _book_lines}
