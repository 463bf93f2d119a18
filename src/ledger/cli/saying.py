"""What a long-running command says on standard error: sentences for people, or JSON lines for machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TextIO

LEVELS: Final = ("debug", "info", "warning", "error")
_LOUD: Final = (
    ("READ ONLY", "error"),
    ("SPACE LOW", "error"),
    ("notice:", "warning"),
    ("ended in", "warning"),
)
"""Beginnings of sentences that are more than information."""


def speaker(form: str, level: str) -> Callable[[str], None]:
    """Says sentences of at least `level`; `form` is `console` or `json` (logging.format, logging.level).

    A JSON line has `timestamp`, `level` and `event`; a sentence's place, such as `trading/0:12`, stands in it.
    """
    least = LEVELS.index(level)
    render = _json_lines() if form == "json" else _plainly

    def say(sentence: str) -> None:
        own = level_of(sentence)
        if LEVELS.index(own) >= least:
            print_line(render(own, sentence), sys.stderr)

    return say


def level_of(sentence: str) -> str:
    """How serious a sentence is."""
    return next((level for beginning, level in _LOUD if beginning in sentence[:80]), "info")


def print_line(line: str, stream: TextIO | None) -> None:
    """A line for whoever reads the stream. That its reader is gone, or its disk full, is no reason to stop trading."""
    if stream is None:  # closed before the start
        return
    try:
        print(line, file=stream, flush=True)
    except OSError:
        # What is left in the buffer would be tried again at the end, and spoil the exit code.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plainly(_level: str, sentence: str) -> str:
    return sentence


def _json_lines() -> Callable[[str, str], str]:
    import structlog

    stamp: Any = structlog.processors.TimeStamper(fmt="iso", utc=True)
    render: Any = structlog.processors.JSONRenderer(ensure_ascii=False)

    def line(level: str, sentence: str) -> str:
        return str(render(None, level, stamp(None, level, {"level": level, "event": sentence})))

    return line
