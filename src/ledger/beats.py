"""Waits of tasks that look now and then, which end together: an idle ledger wakes once for all of them.

A wake-up costs an idle process some 0.2 ms whatever it does, so three tasks that each look four times a second cost
more than a hundred looks in a row.
"""

from __future__ import annotations

from typing import Final

import trio

BEAT_S: Final = 0.25
"""Between two looks while there is work."""
IDLE_BEAT_S: Final = 1.0
"""The same while nothing happens; a multiple of the other, so that both end together."""


async def beat(*, is_idle: bool = False) -> None:
    """Sleep until the next beat: up to BEAT_S, or up to IDLE_BEAT_S. Always a checkpoint."""
    every_s = IDLE_BEAT_S if is_idle else BEAT_S
    await trio.sleep(every_s - trio.current_time() % every_s)
