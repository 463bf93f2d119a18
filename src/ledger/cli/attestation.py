"""Attestations: a signed statement of what a journal held, and whether a journal still holds it.

A statement names the lineage and, for every partition, the head's place and its chain hash, which covers everything
before it. Lodged elsewhere, it convicts whoever rewrites the journal, even with a chain that is whole again.
"""

from __future__ import annotations

import base64
import binascii
import time
from pathlib import Path
from typing import Any, Final, final

import msgspec

from ledger.errors import Rejected
from ledger.journal import JOURNALS, JournalReader, Problem, open_readonly, place_text, write_durably
from ledger.signing import is_signed, key_id, public_of_text, public_text, read_private, read_public

FORMAT: Final = 1
FOLDER: Final = "attestations"
_CONTEXT: Final = b"ledger attestation 1\n"
_NEXT: Final = "keep this journal as it is; compare it with a copy or the archive of that date"


@final
class AttestedHead(msgspec.Struct, frozen=True):
    """One partition's head."""

    journal: str
    partition: int
    epoch: int
    seq: int
    chain: str
    recorded_at_ns: int


@final
class Attestation(msgspec.Struct, frozen=True):
    """What is signed: its canonical JSON, after a line that says what it is."""

    format: int
    lineage: str
    attested_at: str
    heads: tuple[AttestedHead, ...]
    public_key: str


@final
class Signed(msgspec.Struct, frozen=True):
    """The file."""

    attestation: Attestation
    signature: str


def attest(data: Path, key_file: Path) -> tuple[Signed, Path]:
    """Sign the heads as they are on disk now, beside a running ledger its settled ones, and keep the statement under
    `attestations/`. Raises Rejected, Corrupt, StorageError."""
    key = read_private(key_file)
    opened = open_readonly(data)
    heads: list[AttestedHead] = []
    for journal in JOURNALS:
        for partition in range(opened.partitions):
            with JournalReader(data, journal, partition) as reader:
                head = reader.head()
            heads.append(
                AttestedHead(
                    journal, partition, head.epoch, head.seq, head.chain_hash.hex(), head.recorded_at_ns
                )
            )
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    attestation = Attestation(FORMAT, opened.lineage, stamp, tuple(heads), public_text(key.public_key()))
    signed = Signed(attestation, base64.b64encode(key.sign(_content(attestation))).decode())
    folder = data / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{stamp.replace(':', '')}-{heads[0].seq}.json"
    write_durably(path, msgspec.json.format(msgspec.json.encode(signed), indent=2) + b"\n")
    return signed, path


def check_against(
    data: Path, file: Path, public_file: Path | None = None
) -> tuple[list[Problem], dict[str, Any]]:
    """What is wrong with a journal by a statement, and what the statement says. Raises Rejected where it is none."""
    attestation = _read(file, public_file)
    key = public_of_text(attestation.public_key)
    said: dict[str, Any] = {
        "file": str(file),
        "attested_at": attestation.attested_at,
        "lineage": attestation.lineage,
        "key": key_id(key),
        "trusted": public_file is not None,
    }
    opened = open_readonly(data)
    problems: list[Problem] = []
    if attestation.lineage != opened.lineage:
        parent = data / "parents" / attestation.lineage
        if not parent.is_dir():
            what = f"the statement is of lineage {attestation.lineage}, the journal is {opened.lineage}"
            return [Problem(str(data), "", what, _NEXT)], said
        data = parent
        opened = open_readonly(data)
    for head in attestation.heads:
        if head.partition >= opened.partitions:
            what = f"there is no {head.journal}/{head.partition} any more"
            problems.append(Problem(str(data), "", what, _NEXT))
            continue
        what = _difference(data, head)
        if what:
            file_ = str(data / head.journal / str(head.partition))
            place = place_text(head.journal, head.partition, head.seq)
            problems.append(Problem(file_, place, what, _NEXT))
    return problems, said


def _difference(data: Path, head: AttestedHead) -> str:
    """What the journal has otherwise than the statement; empty: nothing."""
    with JournalReader(data, head.journal, head.partition) as reader:
        origin = reader.directory.origin
        if head.seq == origin.seq:
            same = head.chain == origin.chain_hash.hex()
            return "" if same else "the journal begins otherwise than it did"
        if head.seq < origin.seq:
            return f"was dropped: the journal begins with a base at {origin.seq}; prove this from the archive"
        frame = reader.frame_at(head.seq)
    if frame is None:
        return "the journal is shorter than it was"
    if frame.last_seq != head.seq or frame.chain_hash.hex() != head.chain:
        return f"another history: the statement has chain {head.chain[:16]}.., the journal {frame.chain_hash.hex()[:16]}.."
    return ""


def _read(file: Path, public_file: Path | None) -> Attestation:
    try:
        signed = msgspec.json.decode(file.read_bytes(), type=Signed)
        signature = base64.b64decode(signed.signature, validate=True)
        key = public_of_text(signed.attestation.public_key)
    except (OSError, msgspec.DecodeError, ValueError, binascii.Error) as error:
        raise Rejected(f"{file} is no attestation: {error}", "`ledger attest` makes one") from error
    if signed.attestation.format != FORMAT:
        raise Rejected(f"{file} has format {signed.attestation.format}", "use a newer version of ledger")
    if public_file is not None and public_text(read_public(public_file)) != signed.attestation.public_key:
        raise Rejected(
            f"{file} was signed by {key_id(key)}, not by the key in {public_file}", "trust neither"
        )
    if not is_signed(key, signature, _content(signed.attestation)):
        raise Rejected(
            f"{file}: its signature does not hold: it was changed", "fetch it again from where it is lodged"
        )
    return signed.attestation


def _content(attestation: Attestation) -> bytes:
    return _CONTEXT + msgspec.json.encode(attestation, order="deterministic")
