"""What everybody does who folds a journal: apply a frame, and look whether its end is there."""

from __future__ import annotations

import msgspec

from ledger.codec import decode_events
from ledger.errors import Corrupt, Unavailable
from ledger.fold.market import MarketFold
from ledger.fold.trading import TradingFold
from ledger.journal import Frame, Head, JournalReader, place_text


def apply_frame(fold: TradingFold | MarketFold, frame: Frame, to_seq: int, file: str) -> int:
    """Fold one frame's events up to `to_seq`; how many.

    Raises Corrupt where they cannot be decoded or applied, and Corrupt of the index, Unavailable where a closed entity
    cannot be read.
    """
    seq = frame.first_seq
    try:
        events = decode_events(frame.payload)
        steps, now = fold.steps, frame.recorded_at_ns
        for event in events if to_seq >= frame.last_seq else events[: to_seq - seq + 1]:
            steps[type(event)](seq, now, event)
            seq += 1
    except (Corrupt, Unavailable):  # of the index, where a closed entity was looked for: it says so itself
        fold.entities.discard()
        raise
    except Exception as error:
        fold.entities.discard()
        name = "trading" if isinstance(fold, TradingFold) else "market"
        what = f"the event cannot be {'decoded' if isinstance(error, msgspec.MsgspecError) else 'applied'}: {error!r}"
        hint = "keep the journal as it is; run the version of ledger that wrote it, and report this line"
        raise Corrupt(file, place_text(name, fold.partition, seq), what, hint) from error
    fold.entities.install()
    return seq - frame.first_seq


def check_stopped(reader: JournalReader, end: Head) -> None:
    """Raises Corrupt for a journal that is shorter than at its last clean stop: its end is missing."""
    directory = reader.directory
    if directory.stopped is None or end.seq >= directory.stopped.seq:
        return
    name, number = directory.journal, directory.partition
    raise Corrupt(
        str(directory.path),
        place_text(name, number, directory.stopped.seq),
        f"the last clean stop was there, the journal ends at {end.seq}",
        "put the segment back from a copy, then: ledger verify",
    )
