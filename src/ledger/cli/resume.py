"""`ledger resume`: make a ledger that stopped for want of a disk ready for its next start."""

from __future__ import annotations

from typing import Any

from cyclopts import App

from ledger.cli.exits import GOOD
from ledger.cli.options import ConfigFile, Data, Json, Sets
from ledger.cli.output import print_json
from ledger.cli.replay import replay_all
from ledger.config import load
from ledger.errors import Rejected, Unavailable
from ledger.journal import Reserve, create_or_open, open_readonly, owner_of

app = App(name="ledger resume", help="Make a stopped ledger ready for its next start.", version_flags=[])


@app.default
def resume(*, data: Data = None, config: ConfigFile = None, sets: Sets = None, as_json: Json = False) -> int:
    """Fold what is on disk to see that it is whole, and take back the reserve that a full disk gave up.

    A resume is a new start, never a continuation: a ledger that still runs, read-only, is to be stopped first. Exit 3
    where the disk still lacks room, 1 where the journal is damaged.
    """
    loaded = load(config, sets or ())
    directory = data.absolute() if data is not None else loaded.data
    owner = owner_of(directory)
    if owner is not None:
        raise Rejected(
            f"a ledger runs on {directory} (process {owner.pid}); a resume is a new start",
            f"stop it first: kill -TERM {owner.pid}",
        )
    partitions = open_readonly(directory).partitions
    replayed = replay_all(directory, {})
    places = [
        f"{name}/{number}:{done.head.seq}"
        for number, each in enumerate(replayed)
        for name, done in each.items()
    ]
    free = _reserved(directory, partitions, loaded.settings.journal.reserve_bytes)
    row: dict[str, Any] = {"data": str(directory), "places": places, "reserve_bytes": free}
    if as_json:
        print_json(row)
    else:
        print(f"whole up to {' '.join(places)}, reserve of {free:,} bytes in place")
        print(f"start it: ledger serve --data {directory}")
    return GOOD


def _reserved(directory: Any, partitions: int, reserve_bytes: int) -> int:
    """Allocate the reserve; raises Unavailable where there is no room for it."""
    lacking: list[int] = []
    owned = create_or_open(directory, partitions=partitions, command="resume")
    try:
        own = [owned.path / "trading" / str(number) for number in range(partitions)]
        for path in [owned.path] if partitions == 1 else own:
            Reserve(path, reserve_bytes, on_space_low=lacking.append).open()
    finally:
        owned.close(None)
    if lacking:
        raise Unavailable(
            f"{lacking[0]:,} bytes are free on the disk of {directory}, too few for journal.reserve_bytes",
            "free some, or lower journal.reserve_bytes, and resume again",
        )
    return reserve_bytes
