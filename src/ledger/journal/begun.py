"""The end of a lineage's beginning: what was prepared beside the parent's journals takes their place, whatever dies meanwhile.

`begin_lineage` prepares everything in `DIR/.new-lineage` and then writes `begun.json` there, durably. Without that
file nothing has happened: the directory is the copy that it was. With it the new lineage stands: the moves below are
made, and whoever owns the directory next makes those that are missing, before anything else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.errors import Corrupt
from ledger.journal.manifest import MANIFEST, make_directories, sync_directory, write_durably
from ledger.journal.ownership import LOCK

JOURNALS: Final = ("trading", "market")
COPY_MARK: Final = "copy.json"
"""Stands in a copy: see copying."""
PARENTS: Final = "parents"
"""Where the journals of earlier lineages lie, each a data directory of its own."""
PREPARED: Final = ".new-lineage"
BEGUN: Final = "begun.json"


@final
class Begun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`DIR/.new-lineage/begun.json`: from here on the new lineage stands."""

    lineage: str
    parent: str
    """The lineage whose journals go to `parents/`."""


def read_begun(path: Path) -> Begun | None:
    """What was begun in a data directory and is not finished; None: nothing. Raises Corrupt, OSError."""
    file = path / PREPARED / BEGUN
    try:
        return msgspec.json.decode(file.read_bytes(), type=Begun)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise Corrupt(
            str(file), "", f"not the mark of a begun lineage: {error}", "make the copy anew"
        ) from error


def write_begun(path: Path, begun: Begun) -> None:
    """The new lineage stands when this returns. Raises OSError."""
    write_durably(path / PREPARED / BEGUN, msgspec.json.encode(begun))


def finish_begun(path: Path) -> str:
    """The new lineage, whose files all lie in their places when this returns; "" where none was begun. By the owner only.

    Each move is durable before the next, and is made once: what has not moved yet lies beside. Raises Corrupt, OSError.
    """
    begun = read_begun(path)
    if begun is None:
        return ""
    prepared, parent = path / PREPARED, path / PARENTS / begun.parent
    make_directories(parent)
    for name in (*JOURNALS, MANIFEST):
        if not (prepared / name).exists():
            continue
        if (path / name).exists():  # the parent's: the new one is still beside it
            os.rename(path / name, parent / name)
            sync_directory(parent)
            sync_directory(path)
        os.rename(prepared / name, path / name)
        sync_directory(path)
        sync_directory(prepared)
    (parent / LOCK).touch()
    (path / COPY_MARK).unlink(missing_ok=True)
    sync_directory(path)
    (prepared / BEGUN).unlink()
    sync_directory(prepared)
    prepared.rmdir()
    sync_directory(path)
    return begun.lineage
