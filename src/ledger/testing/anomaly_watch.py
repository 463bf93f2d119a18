"""Counts the anomalies that a ledger records because of one run, by kind, and compares them with what was due.

A ledger shows only the newest of those that open no case, so the watch looks now and then while the run goes on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, final

from ledger.wire import parse_place

LOOK_AFTER: Final = 300
"""So many due anomalies may stay unlooked at: fewer than a ledger shows, also with other runs beside this one."""
_GAP: Final = "SOURCE_GAP"


class Asked(Protocol):
    """What the watch needs of a door."""

    @property
    def rows(self) -> Callable[..., Awaitable[list[dict[str, Any]]]]: ...


@final
class AnomalyWatch:
    """Of one run, whose ids all begin with its name."""

    def __init__(self, door: Asked, run: str) -> None:
        self._door = door
        self._mine = re.compile(rf"(?<!\w)X?{re.escape(run)}-U?\d|sim/{re.escape(run)}[ /]")
        self._found: Counter[str] = Counter()
        self._seen: dict[int, int] = {}
        """Highest seq looked at, by partition."""
        self._looked_at = 0
        self._began: list[Any] = []

    async def begin(self) -> None:
        """Take note of where the ledger stands before the run."""
        self._began = await self._epochs()
        await self._read()
        self._found.clear()

    async def look(self, due: Counter[str]) -> None:
        """Look if enough is due; call it when every fact so far has its answer."""
        if due.total() - self._looked_at >= LOOK_AFTER:
            self._looked_at = due.total()
            await self._read()

    async def differences(self, due: Counter[str]) -> list[str]:
        """One sentence for each kind that was recorded more or less often than it was due.

        A ledger that was started again meanwhile has forgotten which numbers changed nothing: it may see fewer holes,
        and record once more what it is told again.
        """
        await self._read()
        restarted = self._began != await self._epochs()
        found: list[str] = []
        for kind in sorted({*due, *self._found}):
            theirs, ours = self._found[kind], due[kind]
            excused = restarted and (kind == _GAP or theirs > ours)
            if theirs != ours and not excused:
                found.append(f"anomaly {kind}: recorded {theirs} times, due {ours} times")
        return found

    async def _epochs(self) -> list[Any]:
        return [
            journal["epoch"]
            for row in await self._door.rows("head")
            for journal in row["journals"]["trading"]
        ]

    async def _read(self) -> None:
        highest = dict(self._seen)
        for row in await self._door.rows("anomalies"):
            journal, partition, seq = parse_place(row["place"])
            if journal != "trading" or seq <= self._seen.get(partition, 0):
                continue
            highest[partition] = max(seq, highest.get(partition, 0))
            if self._mine.search(row["detail"]):
                self._found[row["kind"]] += 1
        self._seen = highest
