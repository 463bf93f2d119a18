"""The options that many commands share, and how a command ends: exit codes, one-line errors, the data directory.

Exit codes: 0 good; 1 a difference, damage or failed check; 2 usage, configuration or a refusal; 3 not reachable or not
ready. Data goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from ledger.config import ConfigError, Loaded, load
from ledger.errors import Corrupt, Rejected, Unavailable

GOOD: Final = 0
DIFFERENT: Final = 1
REFUSED: Final = 2
NOT_READY: Final = 3

ConfigFile = Annotated[Path | None, Parameter(name="--config", help="A file laid over the defaults.")]
Sets = Annotated[
    list[str] | None, Parameter(name="--set", help="One setting, a.b=v; may be repeated.", negative=())
]
DataDir = Annotated[
    Path | None,
    Parameter(name="--data", help="The journal's directory; that of the configuration otherwise."),
]
Connect = Annotated[
    str | None, Parameter(name="--connect", help="HOST:PORT of the command door of a running ledger.")
]
Json = Annotated[bool, Parameter(name="--json", help="Print data for programs.", negative=())]


def say(sentence: str) -> None:
    """A sentence for people, on standard error."""
    print(sentence, file=sys.stderr, flush=True)


def print_json(data: Any) -> None:
    """Data for programs, one line on standard output."""
    print(msgspec.json.encode(data).decode(), flush=True)


def loaded(config: Path | None, sets: list[str] | None, data: Path | None = None) -> tuple[Loaded, Path]:
    """The configuration, and the data directory: `data` if given, else the configured one. Raises ConfigError."""
    settings = load(config, sets or ())
    return settings, data.absolute() if data is not None else Path(settings.data)


def exit_code_of(error: BaseException) -> int:
    """Tell the error in one line and say how the command ends."""
    if isinstance(error, ConfigError):
        say(str(error))
        return REFUSED
    say(f"ledger: {error}")
    if isinstance(error, Corrupt):
        return DIFFERENT
    return NOT_READY if isinstance(error, Unavailable) else REFUSED


EXPECTED: Final = (ConfigError, Rejected, Unavailable, Corrupt)
"""What a command turns into one line and an exit code; anything else is a fault of ours and shows its trace."""
