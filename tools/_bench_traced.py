"""A `ledger serve` that notes when each step of a command begins: `python _bench_traced.py FILE [serve's options]`.

Once stopped it writes a JSON list to FILE, for each message at a door the nanoseconds of `time.perf_counter_ns` at
which each step began. For one message in flight; with more the steps of several would be mixed.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from actors import Dispatcher
from ledger.cli import main
from ledger.engine import Engine
from ledger.ingress.answers import Answers
from ledger.ingress.doors import Door
from ledger.journal.wal_file import WalFile
from ledger.journal.writer import WriterThread
from ledger.zmq_trio import TrioSocket

STEPS: Final = ("woken", "taken", "queued", "turn", "turned", "write", "sync", "synced", "send", "sent")
NOTED: Final[tuple[tuple[type, str, str, str], ...]] = (
    (TrioSocket, "receive_nowait", "woken", ""),
    (Door, "_take", "taken", "queued"),
    (Dispatcher, "_run_batch", "turn", ""),
    (Engine, "_after_batch", "turned", ""),
    (WriterThread, "_made_durable", "write", ""),
    (WalFile, "append", "sync", "synced"),
    (Answers, "send", "send", "sent"),
)
"""(class, method, step at its beginning, step at its end)."""


def _noting(notes: list[tuple[str, int]]) -> None:
    for owner, name, at_begin, at_end in NOTED:
        setattr(owner, name, _noted(getattr(owner, name), notes, at_begin, at_end))


def _noted(
    method: Callable[..., Any], notes: list[tuple[str, int]], at_begin: str, at_end: str
) -> Callable[..., Any]:
    @functools.wraps(method)
    def noted(*args: Any, **named: Any) -> Any:
        notes.append((at_begin, time.perf_counter_ns()))
        result = method(*args, **named)
        if at_end:
            notes.append((at_end, time.perf_counter_ns()))
        return result

    return noted


def _messages(notes: list[tuple[str, int]]) -> list[dict[str, int]]:
    """The first note of each step after a message was taken; its `woken` is the one before."""
    messages: list[dict[str, int]] = []
    woken = 0
    for step, at in notes:
        if step == "woken":
            woken = at
        elif step == "taken":
            messages.append({"woken": woken, "taken": at})
        elif messages:
            messages[-1].setdefault(step, at)
    return messages


if __name__ == "__main__":
    noted: list[tuple[str, int]] = []
    _noting(noted)
    try:
        code = main(["serve", *sys.argv[2:]])
    finally:
        Path(sys.argv[1]).write_text(json.dumps(_messages(noted)))
    sys.exit(code)
