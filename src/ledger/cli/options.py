"""Options that many commands share, and where the ledger is that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, final

from cyclopts import Parameter
from msgspec import Struct

from ledger.errors import Rejected

Connect = Annotated[str, Parameter(name="--connect", help="HOST:PORT of a ledger's command door.")]
Data = Annotated[
    Path | None, Parameter(name="--data", help="Its data directory; that of the configuration by default.")
]
ConfigFile = Annotated[Path | None, Parameter(name="--config", help="A file laid over the defaults.")]
Sets = Annotated[
    list[str] | None, Parameter(name="--set", help="One setting, a.b=v; may be repeated.", negative=())
]
Json = Annotated[bool, Parameter(name="--json", help="Print data for programs.", negative=())]
Reason = Annotated[str, Parameter(name="--reason", help="Why; it is asked for where risk changes.")]


@final
class Where(Struct, frozen=True):
    """Which ledger: its command door, or its data directory."""

    connect: str = ""
    data: Path | None = None

    def __str__(self) -> str:
        return self.connect or str(self.data)


def where(connect: str, data: Path | None, config: Path | None, sets: list[str] | None) -> Where:
    """The ledger that the options name; raises Rejected, or ConfigError."""
    if connect and data is not None:
        raise Rejected("--connect and --data are both given", "name the ledger once")
    if connect:
        host, colon, port = connect.removeprefix("tcp://").rpartition(":")
        if not colon or not host or not port.isdigit():
            raise Rejected(f"--connect {connect} is not HOST:PORT", "one looks like 127.0.0.1:5557")
        return Where(connect=f"{host}:{port}")
    return Where(data=data_directory(data, config, sets))


def data_directory(data: Path | None, config: Path | None, sets: list[str] | None) -> Path:
    """The directory of the journals: as given, else as configured; raises ConfigError."""
    if data is not None and config is None and not sets:
        return data.absolute()
    from ledger.config import load

    loaded = load(config, sets or ())
    return loaded.data if data is None else data.absolute()
