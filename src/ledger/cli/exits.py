"""Exit codes, and the one line on stderr that names the cure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

GOOD: Final = 0
DIFFERENCE: Final = 1
"""A difference, damage, or a failed check."""
REFUSED: Final = 2
"""Usage, configuration, or a refusal by the ledger."""
UNREACHABLE: Final = 3
"""Not reachable or not ready."""


def refused(what: str, cure: str = "", code: int = REFUSED) -> int:
    """Say why not, in one line, and give the exit code back."""
    print(f"ledger: {what}; {cure}" if cure else f"ledger: {what}", file=sys.stderr)
    return code


def exit_of(error: BaseException) -> int | None:
    """The exit code of an error that a person can cure, after saying so; None: it is our own fault."""
    from ledger.config import ConfigError
    from ledger.errors import Corrupt, Rejected, Unavailable
    from ledger.extras import missing_extra

    for each in _leaves(error):
        if isinstance(each, ConfigError):
            for problem in each.problems:
                print(problem, file=sys.stderr)
            return REFUSED
        for kind, code in ((Rejected, REFUSED), (Unavailable, UNREACHABLE), (Corrupt, DIFFERENCE)):
            if isinstance(each, kind):
                return refused(str(each), code=code)
        if isinstance(each, ImportError) and (missing := missing_extra(each)) is not None:
            return refused(str(missing))
        if isinstance(each, OSError) and each.filename is not None:
            return refused(f"{each.filename}: {each.strerror}", "check the path")
    return None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:  # type: ignore[reportUnknownVariableType]
            yield from _leaves(part)  # type: ignore[reportUnknownArgumentType]
    else:
        yield error
