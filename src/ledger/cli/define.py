"""`ledger define`: make the calendars, instruments and strategies of a file known; what is equal is skipped."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
import uuid_utils
from cyclopts import App

from ledger.cli.definitions import NAMES, SECTIONS, Definition, read_definitions
from ledger.cli.exits import GOOD, REFUSED
from ledger.cli.options import ConfigFile, Connect, Data, Json, Sets, where
from ledger.cli.output import print_json
from ledger.cli.talk import Talk
from ledger.wire import Misfit, read, show, text_type

app = App(name="ledger define", help="Make calendars, instruments and strategies known.", version_flags=[])


@app.default
def define(
    file: Path,
    /,
    *,
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Define what FILE (YAML, or CSV of one kind) holds; may be run again. Exit 2 if the ledger refused any."""
    definitions = read_definitions(file)
    with Talk(where(connect, data, config, sets)) as talk:
        known = {(section, row[NAMES[section]]): row for section in SECTIONS for row in talk.rows(section)}
        fresh = [each for each in definitions if not _is_same(each, known.get((each.section, each.name)))]
        answers = list(talk.send("commands", [_command(each) for each in fresh]))
    again = [each for each, answer in zip(fresh, answers, strict=True) if answer.get("repeated")]
    skipped = [each for each in definitions if each not in fresh or each in again]
    answers = [answer for answer in answers if not answer.get("repeated")]
    fresh = [each for each in fresh if each not in again]
    taken = [answer["type"] == "Committed" for answer in answers]
    if as_json:
        print_json(
            {
                "defined": [each.name for each, good in zip(fresh, taken, strict=True) if good],
                "skipped": [each.name for each in skipped],
                "refused": [answer for answer, good in zip(answers, taken, strict=True) if not good],
            }
        )
    else:
        _echo(fresh, answers, skipped, {name for _, name in known})
    return GOOD if all(taken) else REFUSED


def _command(definition: Definition) -> dict[str, Any]:
    return {"type": definition.kind, "command_id": str(uuid_utils.uuid7()), **definition.fields}


def _is_same(definition: Definition, row: dict[str, Any] | None) -> bool:
    """Whether the ledger has it with these very terms."""
    if row is None:
        return False
    kind = SECTIONS[definition.section]
    try:
        text = msgspec.convert(_command(definition), text_type(kind))
        wanted = show(read(kind, text, (0, 0)), (0, 0), drop_defaults=False)
    except (msgspec.ValidationError, Misfit):
        return False  # the ledger says what is wrong with it
    return all(_equal(value, row[name]) for name, value in wanted.items() if name in row)


def _equal(wanted: Any, has: Any) -> bool:
    if wanted == has:
        return True
    try:
        return Decimal(str(wanted)) == Decimal(str(has))
    except InvalidOperation:
        return False


def _echo(
    fresh: list[Definition], answers: list[dict[str, Any]], skipped: list[Definition], known: set[str]
) -> None:
    for each, answer in zip(fresh, answers, strict=True):
        name = f"{each.section.removesuffix('s').replace('ie', 'y')} {each.name}"
        if answer["type"] == "Committed":
            print(f"{'changed' if each.name in known else 'defined'} {name} at {answer['place']}")
        else:
            print(f"refused {name}: {answer['name']}: {answer['detail']}", file=sys.stderr)
    if skipped:
        print(f"{len(skipped)} as they were: {', '.join(each.name for each in skipped)}")
