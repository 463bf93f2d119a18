"""`ledger attest`: a short signed statement of what the journal holds, to be lodged where nobody here can change it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ledger.cli.attestation import attest
from ledger.cli.options import ConfigFile, Data, Json, Sets, data_directory
from ledger.cli.output import print_json
from ledger.signing import key_id, public_of_text
from ledger.wire import show_place

app = App(name="ledger attest", help="Sign what the journal holds.", version_flags=[])


@app.default
def attest_command(
    *,
    key: Annotated[Path, Parameter(name="--key", help="A private key: ledger keys new DIR --signing.")],
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Sign lineage, heads, chain hashes and the date with Ed25519; print the statement and keep it under attestations/.

    Beside a running ledger it covers what is settled. `ledger verify --against FILE` compares a journal with it later.
    """
    signed, path = attest(data_directory(data, config, sets), key)
    if as_json:
        print_json({"file": str(path), "attestation": signed.attestation, "signature": signed.signature})
        return 0
    print(f"lineage  {signed.attestation.lineage}  {signed.attestation.attested_at}")
    for head in signed.attestation.heads:
        print(f"{show_place(head.journal, head.partition, head.seq):<20} {head.chain}")
    print(f"key      {key_id(public_of_text(signed.attestation.public_key))}")
    print(f"signed   {signed.signature}")
    print(f"{path}: lodge a copy where nobody who can write this journal can change it", file=sys.stderr)
    return 0
