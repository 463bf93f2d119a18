"""Which code made a state: snapshots and indexes of other code are not read, because the same events may fold otherwise."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent


@cache
def fingerprint() -> str:
    """Of the sources that decide what a state is: the domain, the fold, the codec. Costs some ms, once."""
    total = blake2b(digest_size=16)
    for path in (
        *sorted((_ROOT / "domain").glob("*.py")),
        *sorted((_ROOT / "fold").glob("*.py")),
        _ROOT / "codec.py",
    ):
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()
