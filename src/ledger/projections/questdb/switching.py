"""Exchanging the live tables for others, or a partition for another: QuestDB has no atomic swap, so an intent is written
down first.

While the intent stands open the live projectors wait (their `apply` raises SinkDown). Each table is two renames. Every
step looks at what is there, so whoever finds an intent that was left open by a kill finishes it. All partitions share
the tables, so one exchange is of all of them.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, final

from ledger.errors import Rejected
from ledger.projections.errors import SinkDown
from ledger.projections.questdb.mending import put_back
from ledger.projections.questdb.server import Server
from ledger.projections.questdb.tables import COLUMNS, OFFSETS

REBUILD: Final = "_rebuild"
BEFORE: Final = "_before"
ABANDONED_NS: Final = 20 * 10**9
"""An intent that is open this long was left by a kill."""
QUIET_S: Final = 0.5
_QUIET_TRIES: Final = 60
_PAUSE: Final = "pause"
_MEND: Final = "mend"
_JOURNALS: Final = ("trading", "market")


@final
class Switching:
    """The exchanges of all partitions. Raises SinkDown wherever QuestDB does not do as told."""

    def __init__(self, server: Server, partitions: int) -> None:
        self._server = server
        self._followed = [(journal, number) for number in range(partitions) for journal in _JOURNALS]
        self._place = SWITCH_PLACE

    def run(self, incoming: str, outgoing: str) -> None:
        """Live tables get the suffix `outgoing`, those with `incoming` become live. Raises Rejected where there are none."""
        if (self._open() or "").split(" ")[0] in (_PAUSE, _MEND):
            self._take_turn()
        missing = [table for table in COLUMNS if not self._exists(table + incoming)]
        if missing and self._open() is None:
            raise Rejected(f"there is no table {missing[0]}{incoming}", "ledger projections rebuild questdb")
        write(self._server, self._place, f"{incoming} {outgoing}", 0)
        self._wait_quiet()
        self._finish(incoming, outgoing)
        write(self._server, self._place, "", 0)

    def finish_abandoned(self) -> None:
        """Finish what a kill cut short."""
        found = self._server.exec(
            f"select offset_json, timestamp::long from {OFFSETS} where place = '{self._place}'"
            " latest on timestamp partition by place"
        )
        if found and found[0][0] and time.time_ns() - _as_ns(found[0][1]) > ABANDONED_NS:
            words = found[0][0].split()
            if words[0] == _MEND:
                put_back(self._server, *words[1:])
            elif words[0] != _PAUSE:
                self._finish(*words)
            write(self._server, self._place, "", 0)

    @contextmanager
    def paused(self) -> Generator[None]:
        """All projectors wait, for as long as the block is quicker than ABANDONED_NS; `mend` gives it as long again."""
        self._take_turn()
        write(self._server, self._place, _PAUSE, 0)
        try:
            self._wait_quiet()
            yield
        finally:
            if self._open() == _PAUSE:
                write(self._server, self._place, "", 0)

    def _take_turn(self) -> None:
        self.finish_abandoned()
        if self._open() is not None:
            raise SinkDown("tables are being exchanged or mended", "try again in a moment")

    def mend(self, table: str, name: str) -> None:
        """Put the mended copy of a partition in its place; finished by whoever comes next if it is cut short."""
        if self._open() != _PAUSE:
            raise SinkDown("a projector went on while a partition was copied", "try again")
        write(self._server, self._place, f"{_MEND} {table} {name}", 0)
        put_back(self._server, table, name)
        write(self._server, self._place, _PAUSE, 0)

    def _open(self) -> str | None:
        return newest(self._server, "offset_json", self._place) or None

    def _wait_quiet(self) -> None:
        """Until a batch that was under way has ended: the live offsets stand still."""
        before: list[Any] | None = None
        for _ in range(_QUIET_TRIES):
            now = [newest(self._server, "offset_json", place_of(*each, "")) for each in self._followed]
            if now == before:
                return
            before = now
            time.sleep(QUIET_S)
        raise SinkDown("the live projector goes on writing", "stop it, then switch again")

    def _finish(self, incoming: str, outgoing: str) -> None:
        for each in self._followed:
            live = newest(self._server, "offset_json", place_of(*each, ""))
            coming = newest(self._server, "offset_json", place_of(*each, incoming))
            if coming:  # else an earlier try came this far
                write(self._server, place_of(*each, outgoing), live or "", 0)
                write(self._server, place_of(*each, ""), coming, 0)
                write(self._server, place_of(*each, incoming), "", 0)
        for table in COLUMNS:
            if self._exists(table + incoming):
                if self._exists(table):
                    self._server.exec(f"DROP TABLE IF EXISTS {table}{outgoing}")
                    self._server.exec(f"RENAME TABLE {table} TO {table}{outgoing}")
                self._server.exec(f"RENAME TABLE {table}{incoming} TO {table}")

    def _exists(self, table: str) -> bool:
        return bool(self._server.exec(f"select 1 from tables() where table_name = '{table}'"))


SWITCH_PLACE: Final = "switch"
"""Where the intent to exchange tables stands, of all partitions: a text while it is open."""


def place_of(journal: str, partition: int, suffix: str) -> str:
    """Where the offset of a journal stands in the offset table."""
    return f"{journal}/{partition}{suffix}"


def newest(server: Server, column: str, place: str) -> Any:
    """What was written last at a place; None where nothing was."""
    found = server.exec(
        f"select {column} from {OFFSETS} where place = '{place}' latest on timestamp partition by place"
    )
    return found[0][0] if found else None


def newest_of(server: Server, places: Sequence[str]) -> dict[str, tuple[str, int]]:
    """(text, claim) that were written last, by place, in one question; nothing for a place never written."""
    named = ", ".join(f"'{place}'" for place in places)
    found = server.exec(
        f"select place, offset_json, claim from {OFFSETS} where place in ({named})"
        " latest on timestamp partition by place"
    )
    return {place: (text or "", int(claim or 0)) for place, text, claim in found}


def write(server: Server, place: str, text: str, claim: int) -> None:
    """Write at a place; visible to everybody when it returns."""
    escaped = text.replace("'", "''")
    server.exec(f"insert into {OFFSETS} values ({time.time_ns()}, '{place}', '{escaped}', {claim})")
    server.wait_visible(OFFSETS)


def _as_ns(stored: int | str) -> int:
    """A timestamp of QuestDB, in whichever unit its column has."""
    number = int(stored)
    return number if number > 10**17 else number * 1000
