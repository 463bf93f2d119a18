"""`ledger recover`: from a journal alone back to everything: an engine that starts, the index, every database."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from cyclopts import App

from ledger.cli.exits import DIFFERENCE, GOOD
from ledger.cli.filling import fill_and_audit, partitions_of
from ledger.cli.options import ConfigFile, Data, Sets
from ledger.config import Settings, load
from ledger.errors import Rejected
from ledger.journal import open_readonly
from ledger.projections import registry
from ledger.projections.following import follower_of, take_over

app = App(name="recover", help="From a copy of the journal alone back to everything.")
_ALONE: Final = ("projections.audit_interval_s=0", "doors.base_port=0")
"""Nothing beside engine and follower, and no door where anybody looks for one."""


@app.default
def recover(*, config: ConfigFile = None, data: Data = None, sets: Sets = None) -> int:
    """Start the engine once, build index and snapshots, fill every projection that is switched on, audit each.

    Needs the journal's directories `trading` and `market` and `manifest.json`, and databases that hold nothing of
    another ledger. Interrupted, it can be run again. Exit 1 where a row differs from the journal.
    """
    loaded = load(config, sets or ())
    directory = data.absolute() if data is not None else loaded.data
    open_readonly(directory)  # refuses where there is no journal: a start would begin a new one
    begun = time.monotonic()
    _start_engine(
        directory, config, [*(sets or ()), *_ALONE, *_switched_off(registry.enabled(loaded.settings))]
    )
    _said("engine: started and stopped", begun)
    names = registry.enabled(loaded.settings)
    partitions = partitions_of(loaded.settings, None)
    for partition in partitions:
        since = time.monotonic()
        _build_index(loaded.settings, directory, partition)
        _said(f"index {partition}: built, with snapshots", since)
    code = fill_and_audit(loaded.settings, directory, names, partitions)
    parity = "parity 0" if code == GOOD else "PARITY NOT 0, see above"
    _said(f"recovered: engine, index, {', '.join(names) or 'no projection is switched on'}; {parity}", begun)
    return GOOD if code == GOOD else DIFFERENCE


def _start_engine(directory: Path, config: Path | None, sets: list[str]) -> None:
    """Recover, settle what was only in the write-ahead file, stop cleanly. Raises Rejected with what it said."""
    command = [sys.executable, "-m", "ledger.cli", "serve", "--data", str(directory)]
    if config is not None:
        command += ["--config", str(config)]
    command += [part for each in sets for part in ("--set", each)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().startswith("ready ")
        process.send_signal(signal.SIGTERM)
        code = process.wait()
    if not ready or code != 0:
        raise Rejected(f"the engine did not start and stop (exit {code})", "it said why above")


def _switched_off(names: list[str]) -> list[str]:
    own = [] if all(name in registry.SINKS for name in names) else ["projections.own=[]"]
    return [*own, *(f"projections.{name}.enabled=false" for name in names if name in registry.SINKS)]


def _build_index(settings: Settings, directory: Path, partition: int) -> None:
    follower = follower_of(settings, directory, partition)
    take_over(follower)
    follower.open()
    follower.close()


def _said(sentence: str, since: float) -> None:
    print(f"{sentence} ({time.monotonic() - since:.1f} s)", flush=True)
