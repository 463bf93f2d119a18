"""One start of a ledger under a day's load, until it is stopped or killed; how ends are counted and failures are told."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from _faults_day import Day, Died, Door, Failure
from _faults_forks import Fork
from ledger.projections.follower import Follower

BATCHES = 16
"""Of one start, of up to five inputs each."""
TOLD_EVERY = 50
Counts = Counter[str]
Live = dict[str, tuple[int, str]]


def start(day: Day, fork: Fork, batches: int, *, again: bool = False) -> Live | None:
    """One start until it is stopped, or killed: then None, else what it said of its state. Raises Failure.

    `again`: everything that was ever sent is sent once more.
    """
    door = Door(fork)
    try:
        door.wait_ready()
        day.trade(door, batches)
        if again:
            day.send_all_again(door)
        live = day.ask_digests(door)
        fork.terminate()
        return live if fork.end() == 0 else None
    except Died:
        fork.end()
        return None
    finally:
        door.close()


def follow(data: Path, partition: int) -> None:
    """A whole run of a follower in this process: index and snapshots at the settled head."""
    follower = Follower(data, partition, snapshot_events=10**9, snapshots_kept=2, say=lambda _: None)
    follower.take()
    follower.open()
    follower.close()


def tally(counts: Counts, fork: Fork, said: Path) -> None:
    """Count a point by how its process ended. Raises Failure for another end than by the kill or well."""
    code = fork.end()
    counts["points"] += 1
    counts["killed"] += code == -9
    counts["not reached"] += code == 0
    if counts["points"] % TOLD_EVERY == 0:
        tell("so far", counts)
    if code not in (0, -9):
        raise Failure(f"it ended with {code}: {tail(said)}")


def tell(what: str, counts: Counts) -> None:
    """The counts as they are now."""
    print(f"{what}: {'  '.join(f'{name} {number:,}' for name, number in counts.items())}", flush=True)


def failed(counts: Counts, where: str, failure: Exception, folder: Path) -> None:
    """Count and tell it; what lies on disk is kept for whoever looks into it."""
    counts["failed"] += 1
    kept = Path(tempfile.mkdtemp("", f"faults-{folder.name}-"))
    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("reserve"), dirs_exist_ok=True)
    print(f"{where}: {failure} (kept in {kept})", flush=True)


def tail(said: Path) -> str:
    """The last that a process said."""
    return " / ".join(said.read_text(errors="replace").splitlines()[-3:]) if said.exists() else ""
