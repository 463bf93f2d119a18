"""What a projector says of itself, in a small file that `projections status`, the client and monitors read.

The file is a hint for people and for `wait_for`: the truth about an offset stands in the sink. An offset is written
here only after the sink has it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final, Literal, final

import msgspec

from ledger.projections.parking import write_whole

FOLDER: Final = "projections"
FRESH_S: Final = 5.0
"""A status older than this is of a projector that does not run."""
State = Literal["starting", "folding", "following", "waiting", "refused", "ended"]


@final
class JournalStatus(msgspec.Struct, frozen=True):
    """One journal of one projection."""

    journal: str
    epoch: int
    seq: int
    """The sink has everything up to here."""
    head: int
    """The settled end of the journal."""
    lag_events: int
    lag_s: float
    """Age of the oldest event that the sink lacks, roughly; 0.0 when it has all."""


@final
class Status(msgspec.Struct, frozen=True):
    """One projection of one partition."""

    name: str
    partition: int
    pid: int
    state: State
    lineage: str
    journals: tuple[JournalStatus, ...]
    events: int
    """Taken by the sink since this start."""
    rows: int
    events_per_s: float
    """Over the last second or so."""
    parked: int
    rewinds: int
    """How often the sink had less than it had acknowledged."""
    retries: int
    error: str
    """The newest reason to wait or to refuse; empty when all is well."""
    updated_at_ns: int

    @property
    def alive(self) -> bool:
        """Whether it wrote lately and its process exists."""
        fresh = time.time_ns() - self.updated_at_ns < FRESH_S * 1e9
        return fresh and self.state not in ("ended", "refused") and _exists(self.pid)


def folder_of(data: Path) -> Path:
    """Where projectors keep their small files."""
    return data / FOLDER


def status_path(data: Path, name: str, partition: int) -> Path:
    return folder_of(data) / f"{name}-{partition}.status.json"


def parked_path(data: Path, name: str, partition: int) -> Path:
    return folder_of(data) / f"{name}-{partition}.parked.json"


def audit_path(data: Path, name: str, partition: int) -> Path:
    return folder_of(data) / f"{name}-{partition}.audit.json"


def digests_path(data: Path, name: str, partition: int, journal: str) -> Path:
    return folder_of(data) / f"{name}-{partition}-{journal}.digests"


def lock_path(data: Path, name: str, partition: int) -> Path:
    return folder_of(data) / f"{name}-{partition}.lock"


def write_status(data: Path, status: Status) -> None:
    """Replace the file; not synced, as it is only a hint."""
    write_whole(status_path(data, status.name, status.partition), msgspec.json.encode(status), sync=False)


def read_status(data: Path, name: str, partition: int = 0) -> Status | None:
    """What the projector said last; None where it never ran here."""
    try:
        content = status_path(data, name, partition).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(content, type=Status)


def read_all(data: Path) -> list[Status]:
    """Every projection that ever ran on this data directory, by name."""
    found = sorted(folder_of(data).glob("*.status.json"))
    return [msgspec.json.decode(path.read_bytes(), type=Status) for path in found]


@final
class JournalAudit(msgspec.Struct, frozen=True):
    """How far the continuous audit of one journal of one projection is."""

    journal: str
    seq: int
    """The sink was compared with the fold up to here."""
    rows: int
    """Known to the fold."""
    passes: int
    """How often every row was looked at."""
    passed_at_ns: int
    """When that was last."""
    looked_at: int
    """Rows, since the start."""
    differences: tuple[str, ...]
    """Those that stand, each in a sentence."""
    found: int
    """Differences since the start, those that are repaired included."""
    repaired: int
    began_at: int = 0
    """Where this start took up the digests of an earlier one; 0: every row was made anew from the first event."""


@final
class AuditStatus(msgspec.Struct, frozen=True):
    """What the auditor of one projection of one partition says."""

    name: str
    partition: int
    journals: tuple[JournalAudit, ...]
    error: str
    """Why the last round came to nothing; empty when it did not."""
    updated_at_ns: int


def write_audit(data: Path, status: AuditStatus) -> None:
    """Replace the file; not synced, as it is only a hint."""
    write_whole(audit_path(data, status.name, status.partition), msgspec.json.encode(status), sync=False)


def read_audit(data: Path, name: str, partition: int = 0) -> AuditStatus | None:
    """What the auditor said last; None where none ever looked at this projection."""
    try:
        content = audit_path(data, name, partition).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(content, type=AuditStatus)


def differing(data: Path) -> dict[str, int]:
    """How many rows of each projection are not the journal's, as its auditor said last; only those that have some."""
    found: dict[str, int] = {}
    for path in sorted(folder_of(data).glob("*.audit.json")):
        audit = msgspec.json.decode(path.read_bytes(), type=AuditStatus)
        if count := sum(len(each.differences) for each in audit.journals):
            found[audit.name] = found.get(audit.name, 0) + count
    return found


def _audit_of(data: Path, name: str, partition: int, journal: str) -> dict[str, Any]:
    audit = read_audit(data, name, partition)
    found = next((each for each in audit.journals if each.journal == journal), None) if audit else None
    if found is None:
        return {"audited": None, "differing": None}
    return {"audited": found.seq, "differing": len(found.differences)}


def status_rows(data: Path) -> list[dict[str, Any]]:
    """A row for each journal of each projection, for the query door and tables. `audited` and `differing` are None where
    no auditor runs."""
    return [
        {
            "projection": status.name,
            "partition": status.partition,
            "state": status.state if status.alive or status.state in ("ended", "refused") else "gone",
            "journal": each.journal,
            "seq": each.seq,
            "head": each.head,
            "lag_events": each.lag_events,
            "lag_s": each.lag_s,
            "events_per_s": status.events_per_s,
            "parked": status.parked,
            "rewinds": status.rewinds,
            "retries": status.retries,
            "pid": status.pid,
            "error": status.error,
            **_audit_of(data, status.name, status.partition, each.journal),
        }
        for status in read_all(data)
        for each in status.journals
    ]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
