"""The golden journal once more, as if its strategies had been defined by an older version: events that are upcast."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ledger.codec import decode_events, encode_events
from ledger.domain.events import StrategyDefined
from ledger.domain.old_events import StrategyNamed
from ledger.journal import FrameDraft, JournalReader, LmdbCommit, chain_frame, create_or_open

SEGMENT_BYTES_MAX = 1 << 24


def make_old(golden: Path, directory: Path) -> None:
    """Write `golden` into `directory`, in the place of what was there, with old events in a chain of their own."""
    with tempfile.TemporaryDirectory() as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / "made"
        shutil.copytree(golden, source)
        shutil.copytree(golden, made)
        partition = made / "trading" / "0"
        shutil.rmtree(partition / "segments")
        (partition / "segments").mkdir()
        manifest = json.loads((partition / "manifest.json").read_text())
        (partition / "manifest.json").write_text(json.dumps({**manifest, "stopped": None}))
        _rewrite(source, made)
        (made / "expected.json").unlink()
        for leftover in (*made.rglob("*-lock"), *made.rglob("lock")):
            leftover.unlink()
        from _golden import expected

        shutil.copytree(made, Path(temporary) / "read")
        told = json.dumps(expected(Path(temporary) / "read"), indent=1, sort_keys=True)
        (made / "expected.json").write_text(told + "\n")
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(made, directory)


def _rewrite(source: Path, made: Path) -> None:
    data = create_or_open(made, partitions=1)
    commit = LmdbCommit(
        data.journal("trading", 0), segment_bytes_max=SEGMENT_BYTES_MAX, map_size_bytes=1 << 30
    )
    head = commit.open()
    with JournalReader(source, "trading", 0) as reader:
        for frame in reader.frames():
            events: list[Any] = [_older(event) for event in decode_events(frame.payload)]
            draft = FrameDraft(
                frame.epoch,
                frame.first_seq,
                frame.count,
                frame.recorded_at_ns,
                encode_events(events),
                frame.market_epoch,
                frame.market_seq,
            )
            chained = chain_frame(head.chain_hash, draft)
            commit.commit([chained])
            head = chained.head
    commit.close()
    data.close({("trading", 0): head})


def _older(event: Any) -> Any:
    if type(event) is not StrategyDefined:
        return event
    return StrategyNamed(
        event.account,
        event.strategy_id,
        event.actor,
        event.on_behalf_of,
        event.received_at_ns,
        event.command_id,
    )
