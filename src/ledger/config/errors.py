"""What configuration says when it is wrong (problems), when it is odd (notices), and the error that stops a start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import msgspec


@final
class Origin(msgspec.Struct, frozen=True):
    """Where a value was written: a file and its line, or the command line (line 0)."""

    layer: int
    """0 default, 1 config/ledger.yaml, 2 --config, 3 --set: a higher layer wins."""
    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


DEFAULT = Origin(0, "default")


@final
class Problem(msgspec.Struct, frozen=True):
    """One thing that stops a start: where, which setting, what was expected, what was found, the cure."""

    where: Origin
    path: str
    text: str
    seed: str = ""
    """The number of DOMAIN's section 4 that decides it, "S-43"; empty where it is plain wrong."""

    def __str__(self) -> str:
        number = f" ({self.seed})" if self.seed else ""
        return f"{_told(self.where, self.path)}{self.text}{number}"


@final
class Notice(msgspec.Struct, frozen=True):
    """One thing that does not stop a start, but that the operator should know."""

    where: Origin
    path: str
    text: str
    seed: str = ""

    def __str__(self) -> str:
        number = f" ({self.seed})" if self.seed else ""
        return f"{_told(self.where, self.path)}{self.text}{number}"


def _told(where: Origin, path: str) -> str:
    """Where, and which setting: once, since `--set a.b` names it already."""
    return f"{where}: " if not path or str(where) == f"--set {path}" else f"{where}: {path}: "


class ConfigError(Exception):
    """The configuration cannot be used; carries every problem found, not only the first. Exit code 2."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
