"""How a process beside a ledger, or a command that takes long, speaks to people: sentences on standard error."""

from __future__ import annotations

import sys


def say(sentence: str) -> None:
    """Write a sentence at once; standard output is for what was asked."""
    print(sentence, file=sys.stderr, flush=True)
