"""What can go wrong with a journal: the disk, the stored bytes, or the one who opens it."""

from __future__ import annotations

import errno
import os
import resource

from ledger.errors import Corrupt, Rejected, Unavailable

__all__ = ["Corrupt", "JournalFull", "Refused", "StorageError", "Unavailable", "storage_error"]

_CURES = {
    errno.ENOSPC: "free space on that disk, then start again: nothing acknowledged is lost",
    errno.EDQUOT: "raise the quota of this user, then start again: nothing acknowledged is lost",
    errno.EFBIG: "raise the file size limit (ulimit -f) or lower segment_bytes_max, then start again",
    errno.EROFS: "mount that disk for writing, then start again",
    errno.EACCES: "give this user the right to write there, then start again",
    errno.EIO: "the disk reports a fault: read its logs, copy the journal elsewhere, then: ledger verify",
}

_NEARLY_FULL_BYTES = 16 * 1024 * 1024


class StorageError(Unavailable):
    """A write or a sync failed: the journal takes nothing more until the next start (fail-stop).

    What was in flight may or may not be on disk; only the next start can tell.
    """

    full = False
    """Whether the disk was full: giving up the reserve may help a start."""


class JournalFull(Unavailable):
    """More bytes wait for the disk than the limit allows: submit again after the next durable frame."""


class Refused(Rejected):
    """The journal cannot be opened this way: another owner, format, lineage or partition count, or no right to write."""


def storage_error(doing: str, path: str, error: BaseException) -> StorageError:
    """The fail-stop error for what the system or LMDB reported, with the cure of the usual causes."""
    number = getattr(error, "errno", None) or getattr(error, "code", 0)
    if number == errno.EIO:
        number = _cause_of_short_write(path)
    cure = _CURES.get(number, "see the system's log, then start again: nothing acknowledged is lost")
    found = StorageError(f"{doing} {path} failed: {error}", cure)
    found.full = number in (errno.ENOSPC, errno.EDQUOT)
    return found


def _cause_of_short_write(path: str) -> int:
    """LMDB calls a write that was cut short an I/O error: on a full disk or at a size limit it is none."""
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return errno.EFBIG
    try:
        disk = os.statvfs(path)
    except OSError:
        return errno.EIO
    return errno.ENOSPC if disk.f_bavail * disk.f_frsize < _NEARLY_FULL_BYTES else errno.EIO
