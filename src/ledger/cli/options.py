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
    key: str = ""
    """File with our own pair; "" for none."""
    server_key: str = ""
    """The ledger's public key, or a file that holds it; "" where a data directory tells, or for none."""

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
        plain = host.strip("[]") in ("127.0.0.1", "::1", "localhost") and config is None and not sets
        return Where(f"{host}:{port}", None, *(("", "") if plain else _keys(config, sets)))
    directory = data_directory(data, config, sets)
    return Where("", directory, *(_keys(config, sets) if _has_keys(directory) else ("", "")))


def _keys(config: Path | None, sets: list[str] | None) -> tuple[str, str]:
    """Our key's file and the ledger's public key, as configured; `--key` and `--server-key` are settings too."""
    from ledger.config import load

    client = load(config, sets or ()).settings.client
    return client.key_file, client.server_key


def _has_keys(data: Path) -> bool:
    """Whether the ledger of the directory lets only known keys in. Reading a configuration takes longer."""
    from ledger.endpoints import NoEndpoints, last_endpoints

    try:
        return bool(last_endpoints(data).server_key)
    except NoEndpoints:
        return False


def data_directory(data: Path | None, config: Path | None, sets: list[str] | None) -> Path:
    """The directory of the journals: as given, else as configured; raises ConfigError."""
    if data is not None and config is None and not sets:
        return data.absolute()
    from ledger.config import load

    loaded = load(config, sets or ())
    return loaded.data if data is None else data.absolute()
