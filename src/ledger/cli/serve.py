"""`ledger serve`: run a ledger until SIGINT or SIGTERM."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import trio
from cyclopts import App, Parameter

from ledger.app import Ledger, ready_line
from ledger.cli.beside import children_of, engines_of
from ledger.cli.options import ConfigFile, Data, Sets
from ledger.cli.saying import print_line, speaker
from ledger.config import load
from ledger.engine.lineage import begin_lineage
from ledger.errors import Rejected
from ledger.journal import StorageError
from ledger.parent import Parent

app = App(name="serve", help="Run a ledger: journal, doors, publications.")


@app.default
def serve(
    *,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    new_lineage: Annotated[
        bool, Parameter(name="--new-lineage", help="Continue a copy as a journal of its own.", negative=())
    ] = False,
) -> int:
    """Run a ledger until SIGINT or SIGTERM. Prints one line, `ready {json}`, when it takes commands.

    A second serve on the same data, another format, a busy port or a read-only disk is refused in one line, exit 2.
    """
    loaded = load(config, sets or ())
    say = speaker(loaded.settings.logging.format, loaded.settings.logging.level)
    for notice in loaded.notices:
        say(f"notice: {notice}")
    directory = data.absolute() if data is not None else loaded.data
    if new_lineage:
        say(f"new lineage {begin_lineage(directory)}")
    children = children_of(loaded.settings, directory, config, sets or ())
    engines = engines_of(loaded.settings, directory, config, sets or ())
    try:
        if engines:
            return trio.run(Parent(directory, say, engines, children).serve, print_ready)
        return trio.run(Ledger(loaded.settings, directory, say, children).serve, print_ready)
    except (
        StorageError
    ) as error:  # at a start a disk that cannot be written is to be mended, like a wrong setting
        raise Rejected(error.what, error.hint) from error


def print_ready(about: dict[str, Any]) -> None:
    """The line that scripts wait for."""
    print_line(ready_line(about), sys.stdout)
