"""What the forked processes of `tools/faults` run: parts of the program with small files, so that a short day fills them.

A wal of 256 KiB and segments of 48 KiB are reused and rolled within some dozens of inputs; the configuration allows no
such sizes to people. `say` takes the line that scripts wait for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import trio

from ledger.app import Ledger, ready_line
from ledger.cli import main
from ledger.cli.feed import app as _feed_is_loaded  # so that each fork finds it imported
from ledger.config import Settings, load
from ledger.engine.lineage import begin_lineage
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.parent import Parent
from ledger.projections.follower import Follower
from ledger.testing.made_journal import MadeJournal

WAL_BYTES = 256 * 1024
SEGMENT_BYTES_MAX = 48 * 1024
RESERVE_BYTES = 256 * 1024
CHECKPOINT_EVENTS = 25
SNAPSHOT_EVENTS = 60
Say = Callable[[str], None]
_ = _feed_is_loaded


def settings_of(mode: str, partitions: int, reserve_bytes: int = RESERVE_BYTES) -> Settings:
    """As `serve` has them by default, with small files, free ports and no children."""
    settings = load(None, ("doors.base_port=0",)).settings
    replace = msgspec.structs.replace
    trading = replace(
        settings.journal.trading, commit=mode, wal_bytes=WAL_BYTES, segment_bytes_max=SEGMENT_BYTES_MAX
    )
    return replace(
        settings,
        journal=replace(settings.journal, trading=trading, reserve_bytes=reserve_bytes),
        engine=replace(settings.engine, partitions=partitions),
    )


def serve(
    say: Say,
    data: str,
    mode: str,
    partitions: int = 1,
    partition: int | None = None,
    reserve_bytes: int = RESERVE_BYTES,
) -> int:
    """A ledger with one partition, or one partition's process of several."""
    settings = settings_of(mode, partitions, reserve_bytes)
    ledger = Ledger(settings, Path(data), _tell, partition=partition)
    return trio.run(ledger.serve, lambda about: say(ready_line(about)))


def parent(say: Say, data: str, mode: str, partitions: int) -> int:
    """`serve` with several partitions: their engines are programs of their own."""
    from ledger.children import ChildSpec

    sets = ("doors.base_port=0", f"engine.partitions={partitions}", f"journal.trading.commit={mode}")
    words = [part for each in (*sets, "journal.trading.wal_bytes=16777216") for part in ("--set", each)]
    engines = [
        ChildSpec(f"engine/{number}", ("engine", "--partition", str(number), "--data", data, *words))
        for number in range(partitions)
    ]
    return trio.run(Parent(Path(data), _tell, engines).serve, lambda about: say(ready_line(about)))


def _busy_follower(data: str, partition: int) -> Follower:
    """One that writes often."""
    return Follower(
        Path(data),
        partition,
        snapshot_events=SNAPSHOT_EVENTS,
        snapshots_kept=2,
        say=_tell,
        checkpoint_events=CHECKPOINT_EVENTS,
    )


def follow(say: Say, data: str, partition: int) -> int:
    """A follower that writes often; to the settled head and no further."""
    follower = _busy_follower(data, partition)
    follower.take()
    follower.open()
    follower.close()
    say("done")
    return 0


def command(say: Say, *words: str) -> int:
    """A command of the command line."""
    code = main(words)
    say(str(code))
    return code


def new_lineage(say: Say, data: str) -> int:
    """What `serve --new-lineage` does before it serves."""
    say(begin_lineage(Path(data)))
    return 0


def trade_and_follow(_say: Say, data: str, rounds: int) -> int:
    """A journal and its follower, in turn; a line `SEQ CHAIN` on standard output for each frame that is durable."""
    with MadeJournal(Path(data)) as made:
        follower = _busy_follower(data, 0)
        follower.take()
        follower.open()
        for _ in range(rounds):
            for _ in range(4):
                made.trade(1)
                _acknowledge(made)
            made.quote(2)
            while follower.step():
                pass
        follower.close()
    return 0


def _acknowledge(made: MadeJournal) -> None:
    head = made.heads()["trading"]
    print(f"{head.seq} {head.chain_hash.hex()}", flush=True)


PROGRAMS: dict[str, Callable[..., int]] = {
    "serve": serve,
    "parent": parent,
    "follow": follow,
    "trade_and_follow": trade_and_follow,
    "command": command,
    "new_lineage": new_lineage,
}


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def run(name: str, say: Say, arguments: tuple[Any, ...]) -> int:
    """One of them by name; an error of the ledger becomes exit code 2, as on the command line."""
    try:
        return PROGRAMS[name](say, *arguments)
    except (Corrupt, Rejected, Unavailable) as error:
        _tell(str(error))
        return 2
