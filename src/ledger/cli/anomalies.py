"""`ledger anomalies close`: a critical anomaly stays open until a person says that it is dealt with."""

from __future__ import annotations

from cyclopts import App

from ledger.cli.acting import act, claim, given_reason
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, where
from ledger.errors import Rejected
from ledger.wire import parse_place

app = App(name="ledger anomalies", help="Deal with what the ledger found wrong.", version_flags=[])


@app.command
def close(
    place: str,
    /,
    *,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Close the case at PLACE, such as trading/0:123; `ledger show anomalies --open` lists them."""
    try:
        journal, partition, seq = parse_place(place)
    except ValueError as error:
        raise Rejected(str(error), "`ledger show anomalies --open` lists the places") from None
    why = given_reason(reason)
    command = {
        "type": "CloseCase",
        "journal": journal,
        "seq": seq,
        "reason": why,
        "on_behalf_of": claim(why),
        "partition": partition,
    }
    did = f"closed the case at {place} because: {why},"
    return act(where(connect, data, config, sets), command, did, as_json=as_json, partition=partition)
