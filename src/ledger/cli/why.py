"""`ledger why`: the records of the journal that made an order or a position what it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ledger.cli.options import ConfigFile, Data, Json, Sets, data_directory
from ledger.cli.output import print_json, shown, utc
from ledger.engine.why import Reason, why_order, why_position

app = App(
    name="ledger why", help="Tell why an order or a position is as it is, from the journal.", version_flags=[]
)
_KNOWN: Final = (
    "type",
    "symbol",
    "order",
    "strategy_id",
    "exchange",
    "received_at_ns",
    "account",
    "order_id",
)
"""Fields that are the same on every line, or say nothing to a person."""


@app.command
def order(
    name: str,
    /,
    *,
    symbol: Annotated[str, Parameter(help="Of a client_order_id.")] = "",
    as_json: Json = False,
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Print the causal chain of an order, named by its order_id, or with --symbol by any of its client_order_ids.

    Reads the journal, also beside a running ledger.
    """
    return _tell(why_order(data_directory(data, config, sets), 0, name, symbol), as_json)


@app.command
def position(
    strategy: str,
    symbol: str,
    /,
    *,
    as_json: Json = False,
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Print the fills, corrections, adjustments and transfers that make the position of STRATEGY in SYMBOL."""
    return _tell(why_position(data_directory(data, config, sets), 0, strategy, symbol), as_json)


def _tell(reasons: Iterable[Reason], as_json: bool) -> int:
    for reason in reasons:
        if as_json:
            changed = {name: list(pair) for name, pair in reason.changed.items()}
            row: dict[str, Any] = {
                "place": reason.place,
                "recorded_at_ns": reason.recorded_at_ns,
                "event": reason.event,
                "changed": changed,
                "flags": reason.flags,
            }
            print_json(row)
            continue
        print(
            f"{reason.place}  {utc(reason.recorded_at_ns)}  {' '.join((reason.event['type'], *reason.flags))}"
        )
        said = {name: value for name, value in reason.event.items() if name not in _KNOWN}
        print(f"    {shown('', said)}")
        for name, (before, after) in reason.changed.items():
            if before is None and after in ("", [], {}, False, None):
                continue
            print(f"    {name}: {shown(name, before)} -> {shown(name, after)}")
    return 0
