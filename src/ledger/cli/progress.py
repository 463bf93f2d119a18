"""Progress of long work on stderr: rate and time to go, only where a person looks and it takes over a second."""

from __future__ import annotations

import sys
import time
from typing import Final, final

QUIET_S: Final = 1.0
EVERY_S: Final = 0.25


@final
class Progress:
    """One line that is written over; ended with `end`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shows = sys.stderr.isatty()
        self._began = time.monotonic()
        self._last = self._began + QUIET_S
        self._written = False

    def at(self, done: int, share: float) -> None:
        """`done` messages, and which part of everything that is (0 to 1)."""
        now = time.monotonic()
        if not self._shows or now - self._last < EVERY_S:
            return
        self._last, self._written = now, True
        spent = now - self._began
        left = f"{spent * (1 - share) / share:,.0f} s to go" if share > 0 else ""
        line = f"{self._what}: {done:,} at {done / spent:,.0f}/s, {share:.0%}, {left}"
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._written:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
