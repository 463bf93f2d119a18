"""Following a mass cancel until every order of its scope has been asked for."""

from __future__ import annotations

import time
from typing import Any, Final

from ledger.cli.talk import Talk

PATIENCE_S: Final = 10.0
_POLL_S: Final = 0.05


def followed(talk: Talk, key: str, value: str) -> dict[str, Any]:
    """The row of the mass cancel whose column `key` is `value`, once it is complete or patience has ended."""
    end = time.monotonic() + PATIENCE_S
    while True:
        row = _merged(list(talk.rows("mass_cancels")), key, value)
        if row["complete"] or time.monotonic() > end:
            return row
        time.sleep(_POLL_S)


def told(row: dict[str, Any]) -> str:
    """What became of it, for people."""
    rest = "" if row["complete"] else " so far; the ledger goes on: `ledger kill status`"
    return f"{row['cancels']} cancels asked for{rest}"


def _merged(rows: list[dict[str, Any]], key: str, value: str) -> dict[str, Any]:
    """The row, with what the same mass cancel has come to in every partition."""
    found = next(row for row in rows if row[key] == value)
    name = "engagement" if found["engagement"] else "command_id"
    same = [row for row in rows if row[name] == found[name]]
    return {
        **found,
        "cancels": sum(row["cancels"] for row in same),
        "complete": all(row["complete"] for row in same),
    }
