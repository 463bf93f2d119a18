"""The clock of a partition, watched: a step of more than clock.max_step keeps new orders out until an operator resumes.

Times that are journaled never go back, whatever the clock does. But limits, timers and the age of a price are measured
with it, so after a step somebody has to say that it is right again. A step is seen against a clock that cannot be set;
slewing, which is slow, is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

_NS_PER_S: Final = 10**9


@final
class WatchedClock:
    """Gives the wall clock's nanoseconds, and once `watch` was called looks for steps."""

    def __init__(self, wall: Callable[[], int], steady: Callable[[], int] | None, step_max_ns: int) -> None:
        """Without `steady`, a clock that cannot be set, nothing is watched."""
        self._wall = wall
        self._steady = steady
        self._step_max_ns = step_max_ns
        self._on_step: Callable[[str], None] | None = None
        self._apart = 0
        """The wall clock less the steady one, at the last reading."""

    def __call__(self) -> int:
        now = self._wall()
        if self._on_step is not None and self._steady is not None:
            apart = now - self._steady()
            if abs(apart - self._apart) > self._step_max_ns:
                self._on_step(_sentence("stepped by", apart - self._apart))
            self._apart = apart
        return now

    def watch(self, on_step: Callable[[str], None], recorded_at_ns: int) -> None:
        """From now on `on_step` gets a sentence at each step; at once if the journal's last time is that far ahead."""
        if self._steady is None:
            return
        now = self._wall()
        self._apart = now - self._steady()
        self._on_step = on_step
        if recorded_at_ns - now > self._step_max_ns:
            on_step(_sentence("differs from the journal's last time by", now - recorded_at_ns))


def _sentence(how: str, by_ns: int) -> str:
    return (
        f"the clock {how} {by_ns / _NS_PER_S:+.3f} s, more than clock.max_step_ms: no new orders until an operator"
        ' has seen that it is right: ledger resume --reason "..."'
    )
