"""The engine's wall clock, compared at every reading with one that nobody can set: a step of it is noticed.

A step is what the wall clock moved more, or less, than the steady one between two readings. Slewing by a time service
is no step: it stays far below the limit between two readings, and the engine reads the clock at least once a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, final

SURE_NS: Final = 10**8
"""A suspected step counts once both clocks were read within this: a process that was stopped in between sees none."""


@final
class WatchedClock:
    """Gives the wall clock's time, and tells of its steps. Belongs to one thread."""

    def __init__(
        self,
        clock: Callable[[], int],
        steady: Callable[[], int] | None,
        max_step_ns: int,
        on_step: Callable[[int, int], None],
    ) -> None:
        """Steps are looked for from `watch` on, and only with `steady`.

        `on_step(step_ns, now_ns)` is called within the reading that found one; a step forward is positive.
        """
        self._clock = clock
        self._steady = steady
        self._max_step_ns = max_step_ns
        self._on_step = on_step
        self._ahead: int | None = None

    def watch(self) -> None:
        """From now on steps are told."""
        if self._steady is not None:
            self._ahead = self._read_together(self._steady)[1]

    def __call__(self) -> int:
        """Nanoseconds since the epoch."""
        now = self._clock()
        if self._steady is None or self._ahead is None:
            return now
        ahead = now - self._steady()
        if abs(ahead - self._ahead) > self._max_step_ns:
            now, ahead = self._read_together(self._steady)
            step = ahead - self._ahead
            if abs(step) > self._max_step_ns:
                self._ahead = ahead
                self._on_step(step, now)
                return now
        self._ahead = ahead
        return now

    def _read_together(self, steady: Callable[[], int]) -> tuple[int, int]:
        while True:
            before, now, after = steady(), self._clock(), steady()
            if after - before <= SURE_NS:
                return now, now - after

    def behind(self, newest_ns: int) -> int:
        """How far the clock is set back against a time already recorded, as a step; 0 where that is within the limit."""
        step = self() - newest_ns
        return step if step < -self._max_step_ns else 0


def steady_clock() -> int:
    """Nanoseconds since the machine was started, with the time that it slept; nobody can set it."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
