"""Offsets of named consumers of the stream: how far each has come, by its own word, durable when it is answered.

They are kept beside the journal, one small file a consumer, and not in it: an offset says nothing about trading, and
a consumer that acknowledges every batch would fill the audit log with it.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec import Struct

from ledger.errors import Rejected

FOLDER: Final = "consumers"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./@-]{0,99}")
_SLASH: Final = "%2F"


@final
class Consumer(Struct, frozen=True):
    """One consumer's word."""

    name: str
    lineage: str
    place: str
    """Everything up to here is dealt with; "" for nothing yet."""
    acknowledged_at_ns: int


@final
class Consumers:
    """Those of one data directory and partition. Blocks; call it in a thread."""

    def __init__(self, data: Path, lineage: str, partition: int) -> None:
        self._folder = data / FOLDER / str(partition)
        self._lineage = lineage

    def get(self, name: str) -> Consumer | None:
        """What the consumer said last. Raises Rejected for a bad name or an offset of another ledger."""
        try:
            content = self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        found = msgspec.json.decode(content, type=Consumer)
        if found.lineage != self._lineage:
            raise Rejected(
                f"consumer {name} has read another ledger (lineage {found.lineage})", "use another name"
            )
        return found

    def acknowledge(self, name: str, place: str) -> Consumer:
        """Durable when it returns. An earlier place than the stored one is taken too: the consumer reads again."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        consumer = Consumer(name, self._lineage, place, time.time_ns())
        staged = path.with_name(f".{path.name}.new")
        with staged.open("wb") as file:
            file.write(msgspec.json.encode(consumer))
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return consumer

    def all(self) -> list[Consumer]:
        """Every consumer, by name."""
        paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        return [msgspec.json.decode(path.read_bytes(), type=Consumer) for path in paths]

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name) or ".." in name:
            raise Rejected(
                f"consumer {name!r} is no name",
                "up to 100 letters, digits and . _ - @ /, such as outward/NASDAQ",
            )
        return self._folder / f"{name.replace('/', _SLASH)}.json"
