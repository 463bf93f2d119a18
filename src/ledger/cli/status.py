"""`ledger status`: one line and an exit code: ready, or why not. On a dead ledger it folds the journal."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from ledger.cli.exits import GOOD, UNREACHABLE
from ledger.cli.options import ConfigFile, Connect, Data, Json, Sets, Where, where
from ledger.cli.output import print_json
from ledger.cli.talk import Talk
from ledger.endpoints import NoEndpoints
from ledger.errors import Unavailable
from ledger.projections.status import differing

app = App(name="status", help="One line and an exit code: ready or why not.")


@app.default
def status(
    *,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
    as_json: Json = False,
    timeout_s: Annotated[float, Parameter(name="--timeout", help="Seconds to wait for an answer.")] = 5.0,
) -> int:
    """Say whether the ledger is ready, with its heads, open orders and open cases; exit 0 ready, 3 not.

    A ledger that is ready and takes no new orders for now says why. Rows of databases that differ from the journal, as the
    auditor found them, are counted; `ledger projections status` names them.
    """
    place = where(connect, data, config, sets)
    row = _of_running(place, timeout_s)
    if row is None:
        if place.data is None:
            raise Unavailable(f"no ledger answers at {place}", "start one with `ledger serve`")
        row = _of_journal(place.data)
    row["differing"] = differing(Path(row["data"]))
    row["disk_free_bytes"] = shutil.disk_usage(row["data"]).free if Path(row["data"]).is_dir() else None
    if as_json:
        print_json(row)
    else:
        print(line_of(row))
    return GOOD if row["ready"] else UNREACHABLE


def _of_running(place: Where, timeout_s: float) -> dict[str, Any] | None:
    if place.data is not None:
        from ledger.journal import writer_of

        if writer_of(place.data) is None:
            return None
    try:
        with Talk(place, timeout_s) as talk:
            return next(iter(talk.rows("head")))
    except NoEndpoints:
        return None


def _of_journal(data: Path) -> dict[str, Any]:
    from ledger.cli.replay import replay_all, state_row

    return state_row(data, replay_all(data, {}))


def line_of(row: dict[str, Any]) -> str:
    """The line for a person at a terminal."""
    journals = row["journals"]
    trading = journals["trading"][0]
    heads = " ".join(part["head"] for name in ("trading", "market") for part in journals[name])
    state = "ready" if row["ready"] else f"NOT READY ({row['why']})"
    if row["ready"] and row["why"]:
        state = f"ready, NO NEW ORDERS ({row['why']})"
    parts = [
        heads,
        f"recorded {trading['recorded_at']}",
        f"{row['orders_open']:,} orders open",
        f"{row['positions']:,} positions",
        f"{row['anomalies_open']:,} open cases",
    ]
    if row["source_gaps"]:
        parts.append(f"{row['source_gaps']} source gaps")
    if row["quarantined"]:
        parts.append(f"{row['quarantined']} entities set aside")
    parts += [f"{count} ROWS OF {name} DIFFER" for name, count in row.get("differing", {}).items()]
    if row.get("disk_free_bytes") is not None:
        parts.append(f"{row['disk_free_bytes'] / 2**30:.1f} GiB free")
    return f"{state}: " + ", ".join(parts)
