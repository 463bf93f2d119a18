"""CURVE keys: those of the doors with who may come in, and the one that commands of this machine show."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts

Right = Literal["trade", "report", "market", "read", "operate"]


@final
class AllowedKey(msgspec.Struct, frozen=True):
    """One key that the doors let in."""

    name: str
    public_key: str
    rights: tuple[Right, ...]


@final
class Curve(msgspec.Struct, frozen=True):
    """CURVE keys of the doors; without them the doors listen on loopback only."""

    enabled: Annotated[bool, acts("Doors take only clients whose public key is allowed.", seed="S-43")] = (
        False
    )
    secret_key_file: Annotated[
        str, acts("File with the doors' own pair, made by `ledger keys new`.", "path", seed="S-43")
    ] = ""
    allowed: Annotated[
        tuple[AllowedKey, ...],
        acts(
            "Who may come in: a name, which becomes the actor of all that the key sends, the public key, and its "
            "rights: trade, report, market, read, operate.",
            seed="S-43",
        ),
    ] = ()


@final
class Client(msgspec.Struct, frozen=True):
    """What commands show to a ledger whose doors have keys."""

    key_file: Annotated[str, acts("File with our own pair; `--key FILE` sets it.", "path")] = ""
    server_key: Annotated[
        str,
        acts(
            "The ledger's public key, or a file that holds it; `--server-key` sets it. With `--data` its directory tells."
        ),
    ] = ""
