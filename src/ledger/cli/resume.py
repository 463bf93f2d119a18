"""`ledger resume`: an operator lets a ledger go on that stopped.

It is folded to see that it is whole, gets back the reserve that a full disk took, and is started once and stopped
again, so that its journal says who let it go on, and why. A ledger that runs read-only, after a fail-stop, is to be
stopped first: a resume is a new start, never a continuation. One that only waits for an operator is confirmed instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cyclopts import App

from ledger.cli.acting import claim, given_reason
from ledger.cli.exits import GOOD
from ledger.cli.options import ConfigFile, Connect, Data, Json, Reason, Sets, Where, where
from ledger.cli.output import print_json
from ledger.cli.replay import replay_all
from ledger.config import Loaded, load
from ledger.errors import Rejected, Unavailable
from ledger.journal import Reserve, create_or_open, open_readonly, owner_of

app = App(name="ledger resume", help="Let a ledger go on that stopped.", version_flags=[])


@app.default
def resume(
    *,
    reason: Reason = "",
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Make a ledger that stopped ready for its next start.

    Exit 2 where it runs, saying what to do instead, 3 where the disk still lacks room, 1 where the journal is damaged.
    """
    why = given_reason(reason)
    place = where(connect, data, config, sets)
    if place.data is None or owner_of(place.data) is not None:
        raise _nothing_to_resume(place)
    return _resume_stopped(place.data, load(config, sets or ()), why, as_json=as_json)


def _nothing_to_resume(place: Where) -> Rejected:
    from ledger.cli.talk import Talk

    with Talk(place) as talk:
        (head,) = talk.rows("head")
    if not head["ready"]:
        return Rejected(
            f"the ledger on {place} runs but has failed: {head['why']}; a resume is a new start",
            "stop it first (kill -TERM), then: ledger resume",
        )
    if head["why"]:
        return Rejected(
            f"the ledger on {place} runs, without new orders: {head['why']}", "do what the sentence says"
        )
    return Rejected(f"the ledger on {place} runs and takes orders", "there is nothing to resume")


def _resume_stopped(directory: Path, loaded: Loaded, why: str, *, as_json: bool) -> int:
    from ledger.resuming import resume_partitions

    partitions = open_readonly(directory).partitions
    replay_all(directory, {})
    reserved = _reserved(directory, partitions, loaded.settings.journal.reserve_bytes)
    places = resume_partitions(directory, loaded.settings, why, claim(why))
    row: dict[str, Any] = {"data": str(directory), "places": places, "reserve_bytes": reserved}
    if as_json:
        print_json(row)
    else:
        print(f"resumed at {' '.join(places)} because: {why}; reserve of {reserved:,} bytes in place")
        print(f"start it: ledger serve --data {directory}")
    return GOOD


def _reserved(directory: Path, partitions: int, reserve_bytes: int) -> int:
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
