"""A fold at a cut as the base of what follows, and a fold from one.

The states of a base have a schema version. Whatever changes a state's bytes is a new version and an upcaster here, from
the body of the old one; a field that is added at the end of a state with a default needs none but itself. What comes out must have the digest that the base
names, unless it was upcast.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from ledger.errors import Corrupt, Rejected
from ledger.fold.market import MarketFold
from ledger.fold.snapshots import dump_fold, load_fold
from ledger.fold.trading import TradingFold
from ledger.journal import (
    BASE_FORMAT,
    BaseHeader,
    BaseRecord,
    Head,
    JournalDirectory,
    base_path,
    place_text,
    read_base,
    write_base,
)

BASE_SCHEMA: Final = 2
BODY_UPCASTERS: Final[dict[int, Callable[[bytes], bytes]]] = {1: lambda body: body}
"""By schema version, what makes the body of the next one. Schema 2 only adds fields at the end of states, but a state with
one more has another digest."""


def cut_base(
    directory: JournalDirectory, fold: TradingFold | MarketFold, at: Head, to: Path | None = None
) -> BaseRecord:
    """Write the fold, which must be whole and stand at `at`, as a base of this partition, or into the partition
    directory `to` of its heir; durable when it returns. Raises OSError."""
    header = BaseHeader(
        BASE_FORMAT,
        BASE_SCHEMA,
        directory.journal,
        directory.partition,
        directory.lineage,
        at.epoch,
        at.seq,
        at.chain_hash,
        at.recorded_at_ns,
        f"{fold.digest():032x}",
    )
    return write_base(to or directory.path, header, dump_fold(fold, whole=True))


def load_base(
    directory: JournalDirectory, fold: TradingFold | MarketFold, *, check_digest: bool = False
) -> bool:
    """Fill an empty fold from the base of its journal; False: the journal has none, it is whole. Raises Corrupt.

    `check_digest` also makes the digest of what came out, in the time of a look at every entity.
    """
    found = read_base(directory)
    if found is None:
        return False
    header, body = found
    path = base_path(directory)
    place = place_text(directory.journal, directory.partition, header.seq)
    if header.schema > BASE_SCHEMA:
        what = f"its states have schema {header.schema}, this ledger reads up to {BASE_SCHEMA}"
        raise Corrupt(str(path), place, what, "use the version of ledger that wrote it, or a newer one")
    upcast = header.schema < BASE_SCHEMA
    try:
        for schema in range(header.schema, BASE_SCHEMA):
            body = BODY_UPCASTERS[schema](body)
        load_fold(fold, body)
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        hint = "keep the file; run the version of ledger that wrote it, and report this line"
        raise Corrupt(str(path), place, f"the state of the base cannot be read: {error}", hint) from error
    if check_digest and not upcast and f"{fold.digest():032x}" != header.digest:
        hint = "keep the file; run the version of ledger that wrote it, and report this line"
        raise Corrupt(str(path), place, "the state of the base has another digest than it names", hint)
    return True


def before_base(directory: JournalDirectory, seq: int) -> Rejected:
    """The refusal to show a state that lies before the base."""
    name, number = directory.journal, directory.partition
    return Rejected(
        f"{place_text(name, number, seq)} lies before the base at {place_text(name, number, directory.origin.seq)}",
        "ask a copy or the archive that still has those segments",
    )
