"""One projector a sink and data directory: a lock that the kernel releases when its process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import final

from ledger.projections.errors import Fenced


@final
class WriterLock:
    """Held from its making to `release`. Raises Fenced where another process holds it, with its pid."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise Fenced(
                f"{path.stem} is fed by another process already (pid {pid})",
                "stop that one first; `ledger projections status` shows it",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives it up; the file stays."""
        os.close(self._descriptor)
