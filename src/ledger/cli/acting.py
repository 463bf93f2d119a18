"""What every command of an operator does: ask for a reason, claim it, send one command, say what came of it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from typing import Any, Final

import uuid_utils

from ledger.cli.exits import GOOD, REFUSED
from ledger.cli.options import Where
from ledger.cli.output import print_json
from ledger.cli.scopes import reason_for
from ledger.cli.talk import Talk

CLAIM_MAX: Final = 256


def given_reason(reason: str) -> str:
    """The reason as given, or as typed at a terminal; raises Rejected where there is none."""
    return reason_for("this", reason)


def claim(reason: str) -> str:
    """Who says so, and why, for on_behalf_of: the ledger itself knows only the connection."""
    return f"{getpass.getuser()}: {reason}"[:CLAIM_MAX]


def act(
    place: Where, command: Mapping[str, Any], did: str, *, as_json: bool, partition: int | None = None
) -> int:
    """Send the command; its exit code. `did` says what was done, for a person; the place is added."""
    message = {"command_id": str(uuid_utils.uuid7()), **command}
    with Talk(place) as talk:
        (answer,) = talk.send("commands", [message], partition=partition)
    good = answer["type"] == "Committed"
    if as_json:
        print_json(answer)
    elif good:
        again = " (it was already)" if answer["repeated"] else ""
        print(f"{did} at {answer['place']}{again}")
    else:
        print(f"refused: {answer['name']}: {answer['detail']}", file=sys.stderr)
    return GOOD if good else REFUSED
