"""What the keys of the doors must be before they open: a readable pair, and names and keys that are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.config.rules import Configured, Finding
from ledger.config.sections.keys import AllowedKey
from ledger.errors import Rejected

TAKEN: Final = frozenset(("local", "engine"))
"""Actors that the ledger itself writes."""
_FILE: Final = "doors.curve.secret_key_file"
_ALLOWED: Final = "doors.curve.allowed"


def keys_of_the_doors(configured: Configured) -> Iterator[Finding]:
    """With doors.curve.enabled everything that the doors need is there, and nothing contradicts itself."""
    curve = configured.settings.doors.curve
    if not curve.enabled:
        return
    from ledger.keys import read_pair  # loads ZeroMQ, which a plain configuration does without

    beside = ("doors.curve.enabled",)
    if not curve.secret_key_file:
        text = "expected the file of the doors' key; `ledger keys new DIR` makes one"
        yield Finding(_FILE, text, "S-43", True, beside=beside)
    else:
        try:
            read_pair(Path(curve.secret_key_file).expanduser())
        except Rejected as error:
            yield Finding(_FILE, str(error), "S-43", True, beside=beside)
    if not curve.allowed:
        text = "expected the keys that may come in, found none; `ledger keys new DIR --name NAME` makes one"
        yield Finding(_ALLOWED, text, "S-43", True, beside=beside)
    for index, key in enumerate(curve.allowed):
        if why := _wrong_with(key, curve.allowed[:index]):
            yield Finding(_ALLOWED, f"{key.name}: {why}", "S-43", True)


def _wrong_with(key: AllowedKey, before: tuple[AllowedKey, ...]) -> str:
    from ledger.keys import is_key_name, is_public_key

    if not is_key_name(key.name):
        return "a key's name is letters, digits, dots and dashes, 64 at most"
    if key.name in TAKEN:
        return "the ledger itself goes by this name; take another"
    if not is_public_key(key.public_key):
        return "public_key is not the 40 characters that `ledger keys new` prints"
    if any(key.name == other.name for other in before):
        return "the name is given twice"
    same = next((other.name for other in before if other.public_key == key.public_key), "")
    if same:
        return f"has the key of {same}; each its own"
    return "" if key.rights else "has no right; give one of trade, report, market, read, operate"
