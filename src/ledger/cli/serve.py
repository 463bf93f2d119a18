"""`ledger serve`: run a ledger until SIGINT or SIGTERM."""

from __future__ import annotations

from pathlib import Path

import trio
from cyclopts import App

from ledger.app import Ledger, ready_line
from ledger.cli.options import EXPECTED, REFUSED, ConfigFile, DataDir, Sets, exit_code_of, loaded, say
from ledger.journal import StorageError

app = App(name="serve", help="Run a ledger: journal, doors, publications.")


@app.default
def serve(*, config: ConfigFile = None, data: DataDir = None, sets: Sets = None) -> int:
    """Run a ledger until SIGINT or SIGTERM. Prints one line, `ready {json}`, when it takes commands.

    A second serve on the same data, another format, a busy port or a read-only disk is refused in one line, exit 2.
    """
    try:
        settings, directory = loaded(config, sets, data)
        for notice in settings.notices:
            say(f"notice: {notice}")
        ledger = Ledger(settings.settings, directory, say)
        return trio.run(ledger.serve, lambda about: print(ready_line(about), flush=True))
    except* EXPECTED as group:
        error = _first(group)
        code = exit_code_of(error)
        # At a start a disk that cannot be written is the operator's to mend, like a wrong setting.
        return REFUSED if isinstance(error, StorageError) else code


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


__all__ = ["Path", "app"]
