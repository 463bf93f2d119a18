"""`ledger serve`: run a ledger until SIGINT or SIGTERM."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import trio
from cyclopts import App

from ledger.app import Ledger, ready_line
from ledger.cli.beside import children_of, engines_of
from ledger.cli.options import ConfigFile, Data, Sets
from ledger.config import load
from ledger.errors import Rejected
from ledger.journal import StorageError
from ledger.parent import Parent

app = App(name="serve", help="Run a ledger: journal, doors, publications.")


@app.default
def serve(*, config: ConfigFile = None, data: Data = None, sets: Sets = None) -> int:
    """Run a ledger until SIGINT or SIGTERM. Prints one line, `ready {json}`, when it takes commands.

    A second serve on the same data, another format, a busy port or a read-only disk is refused in one line, exit 2.
    """
    loaded = load(config, sets or ())
    for notice in loaded.notices:
        say(f"notice: {notice}")
    directory = data.absolute() if data is not None else loaded.data
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


def say(sentence: str) -> None:
    """A sentence for people, on standard error."""
    _print(sentence, sys.stderr)


def print_ready(about: dict[str, Any]) -> None:
    """The line that scripts wait for."""
    _print(ready_line(about), sys.stdout)


def _print(line: str, stream: TextIO | None) -> None:
    """A line for whoever reads the stream. That its reader is gone, or its disk full, is no reason to stop trading."""
    if stream is None:  # closed before the start
        return
    try:
        print(line, file=stream, flush=True)
    except OSError:
        # What is left in the buffer would be tried again at the end, and spoil the exit code.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
