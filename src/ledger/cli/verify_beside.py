"""Verify in a process of its own: bytes that kill whoever maps them kill the worker, and its parent says so.

A worker is forked for each verify; progress and the result come back through a pipe.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ledger.cli.replay import replay_all, state_row
from ledger.errors import Corrupt
from ledger.journal import Report, verify

Progress = Callable[[int, int], None]
Found = tuple[Report, dict[str, Any]]


def verify_whole(path: str, on_progress: Progress) -> Found:
    """The report and, of a whole data directory, what its events make: they can all be decoded and applied."""
    report = verify(path, on_progress)
    directory = Path(path)
    if report.ok and (directory / "trading").is_dir():
        return report, state_row(directory, replay_all(directory, {}))
    return report, {}


def run_beside(work: Callable[[str, Progress], Found], path: str, on_progress: Progress | None) -> Found:
    """What `work` returns or raises, in a process of its own. Raises Corrupt where that process was killed."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    worker = context.Process(target=_worker, args=(there, work, path), daemon=True)
    worker.start()
    there.close()
    try:
        while True:
            try:
                kind, value = here.recv()
            except EOFError:
                worker.join()
                what = (
                    f"the worker that read it ended with {worker.exitcode}: its bytes cannot be mapped safely"
                )
                raise Corrupt(path, "", what, "verify its segments one by one: ledger verify FILE") from None
            if kind == "progress":
                if on_progress is not None:
                    on_progress(*value)
            elif kind == "raised":
                raise value
            else:
                return value
    finally:
        here.close()
        worker.join(5)


def _worker(pipe: Connection, work: Callable[[str, Progress], Found], path: str) -> None:
    last = -1

    def tell(done: int, total: int) -> None:
        nonlocal last
        share = done * 200 // total if total else 0
        if share != last:
            last = share
            pipe.send(("progress", (done, total)))

    try:
        pipe.send(("done", work(path, tell)))
    except Exception as error:
        pipe.send(("raised", error))
