"""`ledger engine`: one partition as a process of its own; `serve` runs one for each, a supervisor may as well."""

from __future__ import annotations

from typing import Annotated

import trio
from cyclopts import App, Parameter

from ledger.app import Ledger
from ledger.children import is_child
from ledger.cli.options import ConfigFile, Data, Sets
from ledger.cli.saying import speaker
from ledger.cli.serve import print_ready
from ledger.config import load
from ledger.errors import Rejected
from ledger.journal import StorageError

app = App(name="engine", help="Run one partition of a ledger.")


@app.default
def engine(
    *,
    partition: Annotated[int, Parameter(help="Which; partition 0 decides what holds for all.")] = 0,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
) -> int:
    """Run one partition until SIGTERM, or until the `serve` that started it has gone. Prints `ready {json}`.

    Under a supervisor of your own start one for each partition, with the same configuration; `serve` does it for you.
    A partition that another process runs is refused, exit 2.
    """
    loaded = load(config, sets or ())
    say = speaker(loaded.settings.logging.format, loaded.settings.logging.level)
    if not is_child():
        for notice in loaded.notices:
            say(f"notice: {notice}")
    directory = data.absolute() if data is not None else loaded.data
    partitions = loaded.settings.engine.partitions
    if not 0 <= partition < partitions:
        raise Rejected(f"there is no partition {partition}", f"engine.partitions is {partitions}")
    try:
        return trio.run(Ledger(loaded.settings, directory, say, partition=partition).serve, print_ready)
    except StorageError as error:
        raise Rejected(error.what, error.hint) from error
