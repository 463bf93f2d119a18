"""`ledger keys`: make keys. CURVE pairs for doors and clients, an Ed25519 pair for attestations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ledger.cli.exits import GOOD
from ledger.cli.options import Json
from ledger.cli.output import print_json
from ledger.keys import is_key_name, new_pair, read_public, write_pair

app = App(name="ledger keys", help="Make keys of doors and clients, and of attestations.", version_flags=[])

Name = Annotated[str, Parameter(help="The files' name, and a client's actor; `server` by default.")]
Signing = Annotated[bool, Parameter(help="An Ed25519 pair that signs attestations.", negative=())]


@app.command
def new(
    directory: Path = Path(),
    /,
    *,
    name: Name = "",
    signing: Signing = False,
    as_json: Json = False,
) -> int:
    """Make a pair in DIRECTORY: NAME.key, which only its owner can read (0600), and NAME.pub. Never writes over one."""
    if signing:
        return _new_signing(directory, name or "signing", as_json)
    name = name or "server"
    pair = new_pair()
    secret, public = write_pair(directory, name, pair)
    if as_json:
        print_json(
            {"name": name, "public_key": pair.public, "key_file": str(secret), "public_file": str(public)}
        )
        return GOOD
    print(f"{secret}  the secret half: stays here, mode 0600")
    print(f"{public}  the public half: {pair.public}")
    if name == "server":
        print(
            f"for the ledger:   doors: {{curve: {{enabled: true, secret_key_file: {secret.absolute()}, allowed: [...]}}}}"
        )
    else:
        print(
            f'for the ledger:   doors.curve.allowed: - {{name: {name}, public_key: "{pair.public}", rights: [read]}}'
        )
        print(f"for the client:   --key {secret.absolute()}")
    return GOOD


@app.command
def show(file: str, /) -> int:
    """Print the public key that FILE holds."""
    print(read_public(file))
    return GOOD


def _new_signing(directory: Path, name: str, as_json: bool) -> int:
    from ledger import signing
    from ledger.errors import Rejected

    if not is_key_name(name):
        raise Rejected(f"{name!r} is no name for a key", "letters, digits, dots, dashes; 64 at most")
    secret, public = signing.write_pair(directory, name, signing.new_key())
    if as_json:
        print_json({"name": name, "key_file": str(secret), "public_file": str(public)})
        return GOOD
    print(f"{secret}  signs (Ed25519): stays here, mode 0600")
    print(f"{public}  proves: give it to whoever shall check an attestation")
    return GOOD
