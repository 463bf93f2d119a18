"""The section `logging`: how the processes say what they do."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import Refused, acts


@final
class Logging(msgspec.Struct, frozen=True):
    """What the processes write to standard error; never a line per event."""

    format: Annotated[Literal["console", "json"], acts("Lines for people or for machines.")] = "console"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        acts("The least serious line that is written.", refused={"warn": Refused("", "write warning")}),
    ] = "info"
