"""`ledger serve`: run a ledger until SIGINT or SIGTERM."""

from __future__ import annotations

from typing import Any

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
        return trio.run(Ledger(settings.settings, directory, say).serve, _print_ready)
    except EXPECTED as error:
        return _refused(error)
    except BaseExceptionGroup as group:  # trio wraps what ends a nursery
        expected = group.subgroup(EXPECTED)
        if expected is None:
            raise
        return _refused(_first(expected))


def _print_ready(about: dict[str, Any]) -> None:
    print(ready_line(about), flush=True)


def _refused(error: BaseException) -> int:
    code = exit_code_of(error)
    # At a start a disk that cannot be written is the operator's to mend, like a wrong setting.
    return REFUSED if isinstance(error, StorageError) else code


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        within: tuple[BaseException, ...] = error.exceptions
        error = within[0]
    return error
