"""`ledger send`: commands (or facts) as JSON into a running ledger, its answers as JSON lines out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from ledger.cli.exits import GOOD, REFUSED
from ledger.cli.options import ConfigFile, Connect, Data, Sets, where
from ledger.cli.output import print_json
from ledger.cli.talk import Talk
from ledger.domain.commands import COMMANDS
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.errors import Rejected

app = App(name="ledger send", help="Send commands as JSON and print the answers.", version_flags=[])

DOOR_OF: Final = {
    kind.__name__: door
    for door, kinds in (("commands", COMMANDS), ("reports", REPORTS), ("market", MARKET_DATA))
    for kind in kinds
}


@app.default
def send(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Send the commands in FILE (`-`: standard input), JSON lines or one JSON array; exit 2 if any was refused.

    A command without a command_id is given one, which its answer repeats. Facts go to the door that takes them.
    """
    text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    messages = [_identified(message) for message in parsed(text)]
    code = GOOD
    with Talk(where(connect, data, config, sets)) as talk:
        for door, group in groupby(messages, key=_door):
            for answer in talk.send(door, list(group)):
                print_json(answer)
                if answer["type"] != "Committed":
                    code = REFUSED
    return code


def parsed(text: bytes) -> list[dict[str, Any]]:
    """The messages of a text: one JSON array, or an object a line; raises Rejected naming the line."""
    if text.lstrip()[:1] == b"[":
        found = _decoded(text, "the array")
        return [_object(each, f"element {number}") for number, each in enumerate(found, 1)]
    return list(_lines(text))


def _lines(text: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield _object(_decoded(line, f"line {number}"), f"line {number}")


def _decoded(text: bytes, where_: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Rejected(f"{where_} is not JSON: {error}", "send one object a line, or one array") from None


def _object(message: Any, where_: str) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise Rejected(f"{where_} is not a JSON object", 'a message looks like {"type":"SubmitOrder",...}')
    return message  # type: ignore[reportUnknownVariableType]


def _door(message: dict[str, Any]) -> str:
    return DOOR_OF.get(str(message.get("type")), "commands")


def _identified(message: dict[str, Any]) -> dict[str, Any]:
    if _door(message) != "commands" or message.get("command_id"):
        return message
    import uuid_utils

    return {**message, "command_id": str(uuid_utils.uuid7())}
