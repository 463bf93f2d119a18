"""SIGINT and SIGTERM while nothing can act on them yet: a recovery is one long step outside the loop.

The first one is remembered and answered with a sentence; a second one ends the process as if nobody had looked, which
a journal survives.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def remembered_stops(say: Callable[[str], None]) -> Generator[Callable[[], bool]]:
    """While the block runs, a stop signal is only remembered; gives a function that tells whether one came.

    Handlers that the block installs itself come before this one. Outside the main thread, where Python takes no
    signals, nothing is remembered.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def remember(number: int, _frame: Any) -> None:
        if came:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        came.append(number)
        say(
            f"{signal.Signals(number).name}: stopping as soon as the journals are in order; again to end at once"
        )

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
