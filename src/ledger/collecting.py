"""How often Python's collector of cycles may look: what a fold keeps has none, and looking at all of it costs time.

States, events and answers leave by reference counting. The collector is there for what libraries leave behind.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (50_000, 20, 100)
"""For `gc.set_threshold`. Against Python's (700, 10, 10) an input of `tools/bench` takes 4 to 15 % less CPU."""


def collect_rarely() -> None:
    """Look at new objects every 50,000, at everything when that much has been made a thousand times over.

    What exists now is never looked at again (`gc.freeze`): call this when the states of a recovery stand.
    """
    # Not all generations: that would leave out dicts without anything that can be in a cycle, such as a store's, and the
    # next state put into one brings it back, not frozen; at a million orders each look at it takes 50 to 200 ms.
    gc.collect(1)
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def no_collection() -> Generator[None]:
    """Build very many objects that stay, without the collector's looking at all of them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
