"""Where the doors of a ledger are: from its data directory, or from its command door.

A ledger on free ports has others after a restart, so with a data directory the file is read again at every new
connection. A file of another lineage is another ledger, and the ports of one that has ended may be another's: nothing
is sent there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, final

from ledger import endpoints
from ledger.client.errors import NotListening, NotReachable
from ledger.errors import Rejected
from ledger.keys import DialKeys, dial_keys

_ADDRESS: Final = re.compile(r"(?:tcp://)?(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):([0-9]{1,5})")


@final
class Whereabouts:
    """Finds the doors of one ledger; `where` is HOST:PORT of the command door, or the data directory."""

    def __init__(self, where: str | Path, key: str | Path = "", server_key: str | Path = "") -> None:
        found = _ADDRESS.fullmatch(where) if isinstance(where, str) else None
        self.shown = str(where)
        self._directory = None if found else Path(where)
        self._host = found[1] if found else ""
        self._known = {"commands": f"tcp://{found[1]}:{found[2]}"} if found else {}
        """Door name to endpoint; those of partition p > 0 are named `commands/p`."""
        self.partitions = 1
        """Of the ledger, once it was reached."""
        self._lineage: str = ""
        self._key, self._server_key, self._told_key = str(key), str(server_key), ""

    @property
    def learns(self) -> bool:
        """Whether the other doors must be asked for at the command door."""
        return self._directory is None

    def learn(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take the rows that answer a query for `endpoints`: {door name: endpoint}, or {name, endpoint} a row."""
        for row in rows:
            partition = row.get("partition", 0)
            self.partitions = max(self.partitions, partition + 1)
            named = {row["name"]: row["endpoint"]} if "endpoint" in row else row
            for name, endpoint in named.items():
                door = door_name(name, partition)
                if isinstance(endpoint, str) and endpoint.startswith("tcp://") and door != "commands":
                    self._known[door] = f"tcp://{self._host}:{endpoint.rpartition(':')[2]}"

    def endpoint(self, door: str) -> str:
        """Where a door is now; raises NotReachable, NotListening where it has ended."""
        if self._directory is not None:
            self._read(self._directory, int(door.partition("/")[2] or 0))
        if door not in self._known:
            raise NotReachable(f"the ledger at {self.shown} has no {door} door", "ask `ledger status`")
        return self._known[door]

    def keys(self) -> DialKeys | None:
        """The keys for a connection, after `endpoint`; None where the doors have none. Raises NotReachable."""
        if self._directory is not None and not self._told_key and not self._server_key:
            return None
        try:
            return dial_keys(self._key, self._server_key, self._told_key)
        except Rejected as error:
            raise NotReachable(error.what, error.hint) from None

    def _read(self, directory: Path, partition: int) -> None:
        try:
            told = endpoints.read_endpoints(directory, partition)
        except endpoints.NotListening as error:
            raise NotListening(error.what, error.hint) from None
        except endpoints.NoEndpoints as error:
            raise NotReachable(error.what, error.hint) from None
        if self._lineage and told.lineage != self._lineage:
            raise NotReachable(
                f"{directory} now holds another ledger (lineage {told.lineage}, not {self._lineage})",
                "connect again to send to that one",
            )
        self._lineage = told.lineage
        self.partitions = told.partitions
        self._told_key = told.server_key
        self._known.update({door_name(name, partition): it for name, it in told.endpoints.items()})


def door_name(door: str, partition: int) -> str:
    """How a client names a door of one partition."""
    return f"{door}/{partition}" if partition else door
