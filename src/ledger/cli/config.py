"""`ledger config`: check a configuration, explain it, adopt a seed document, write the reference."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from ledger.config import (
    ConfigError,
    Explained,
    adopt,
    explain,
    explain_json,
    explain_text,
    load,
    reference_text,
)

app = App(name="config", help="Check, explain and adopt configurations.")

ConfigFile = Annotated[Path | None, Parameter(name="--config", help="A file laid over the defaults.")]
Sets = Annotated[
    list[str] | None, Parameter(name="--set", help="One setting, a.b=v; may be repeated.", negative=())
]
Json = Annotated[bool, Parameter(name="--json", help="Print data for programs.", negative=())]


@app.command
def check(*, config: ConfigFile = None, sets: Sets = None, as_json: Json = False) -> int:
    """Say whether the configuration can be used: prints ok and notices, or every problem, one a line."""
    try:
        loaded = load(config, sets or ())
    except ConfigError as error:
        return _refused(error, as_json)
    if as_json:
        notices = explain_json(loaded, "journal.data")["notices"]
        _print_json({"ok": True, "problems": [], "notices": notices})
        return 0
    print("ok")
    for notice in loaded.notices:
        print(f"notice: {notice}", file=sys.stderr)
    return 0


@app.command(name="explain")
def explain_command(
    path: str = "", /, *, config: ConfigFile = None, sets: Sets = None, as_json: Json = False
) -> int:
    """Print each setting at or below PATH: value, class, where the value came from, what it does."""
    try:
        loaded = load(config, sets or ())
        explained = explain(loaded, path)
    except ConfigError as error:
        return _refused(error, as_json)
    if as_json:
        _print_json(explain_json(loaded, path))
    elif sys.stdout.isatty():
        _table(explained)
        for line in explain_text(loaded, path)[len(explained) :]:
            print(line)
    else:
        print("\n".join(explain_text(loaded, path)))
    return 0


@app.command(name="adopt")
def adopt_command(
    *seeds: Path,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="File to write; else standard output.")
    ] = None,
    force: Annotated[bool, Parameter(help="Overwrite OUT.", negative=())] = False,
) -> int:
    """Make a valid configuration from the seed's YAML, printing each changed value with its number."""
    if not seeds:
        return _usage("adopt needs a file: the seed document, or its YAML")
    if out is not None and out.exists() and not force:
        return _usage(f"{out} exists; choose another name, or give --force")
    try:
        adopted = adopt(seeds, str(out) if out else "adopted")
    except ConfigError as error:
        return _refused(error, False)
    if out is None:
        print(adopted.text, end="")
    elif not _written(out, adopted.text):
        return 2
    for change in adopted.changes:
        print(f"changed {change}", file=sys.stderr)
    for notice in adopted.notices:
        print(f"notice: {notice}", file=sys.stderr)
    print(f"{len(adopted.changes)} values changed", file=sys.stderr)
    return 0


@app.command
def reference(
    *,
    check: Annotated[Path | None, Parameter(help="Compare with this file and exit 1 if it differs.")] = None,
) -> int:
    """Print the reference of all settings, as config/REFERENCE.md has it."""
    text = reference_text()
    if check is None:
        print(text, end="")
        return 0
    if check.is_file() and check.read_text(encoding="utf-8") == text:
        return 0
    print(f"{check} is out of date; write it anew with `ledger config reference > {check}`", file=sys.stderr)
    return 1


def _table(explained: Sequence[Explained]) -> None:
    from rich.console import Console  # only a terminal pays for it
    from rich.table import Table

    table = Table(box=None)
    for heading in ("setting", "value", "class", "from", "what it does"):
        table.add_column(heading, overflow="fold")  # a cut path could not be typed again
    for item in explained:
        value = msgspec.json.encode(item.value).decode() + (f" {item.unit}" if item.unit else "")
        seed = f" ({item.seed})" if item.seed else ""
        table.add_row(item.path, value[:60], item.effect, item.origin, item.text + seed)
    Console(markup=False, highlight=False).print(table)


def _refused(error: ConfigError, as_json: bool) -> int:
    if as_json:
        problems = [
            {"where": str(p.where), "path": p.path, "text": p.text, "seed": p.seed} for p in error.problems
        ]
        _print_json({"ok": False, "problems": problems, "notices": []})
    for problem in error.problems:
        print(problem, file=sys.stderr)
    return error.exit_code


def _usage(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


def _written(out: Path, text: str) -> bool:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"cannot write {out}: {error.strerror}; choose another name", file=sys.stderr)
        return False
    return True


def _print_json(data: object) -> None:
    print(msgspec.json.encode(data).decode())
