"""An address names one actor: its kind, then what identifies it among its kind.

In code an address is a tuple of text, ("order", "AAPL", "c1"); in logs and commands it is "order/AAPL/c1". A part
that holds "/" or "%" is written with "%2F" and "%25", so each address has exactly one text and each text one address.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Address: TypeAlias = tuple[str, ...]

PARTS_MAX = 8
PART_CHARS_MAX = 256

_KIND = re.compile(r"[a-z][a-z0-9_-]*")
_STRAY_PERCENT = re.compile(r"%(?!2F|25)")


class AddressError(ValueError):
    """The text or tuple is no address; the message says which part is wrong and why."""


def parse_address(text: str) -> Address:
    """The address that this text names; raises AddressError."""
    if _STRAY_PERCENT.search(text):
        raise AddressError(f"address {text!r}: after % only 25 (for %) or 2F (for /) may stand")
    return check_address(
        tuple(part.replace("%2F", "/").replace("%25", "%") for part in text.split("/")),
    )


def format_address(address: Address) -> str:
    """The one text of this address; raises AddressError."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in check_address(address))


def check_address(address: Address) -> Address:
    """The same address, when it is one; raises AddressError."""
    if not address or len(address) > PARTS_MAX:
        raise AddressError(f"address {address!r}: 1 to {PARTS_MAX} parts are allowed, not {len(address)}")
    if not isinstance(address[0], str) or not _KIND.fullmatch(address[0]):
        raise AddressError(
            f"address {address!r}: the kind (first part) is a lower-case letter, then letters, digits, - or _"
        )
    for place, part in enumerate(address):
        if not isinstance(part, str):
            raise AddressError(f"address {address!r}: part {place} is {type(part).__name__}, not text")
        if not 1 <= len(part) <= PART_CHARS_MAX:
            raise AddressError(
                f"address {address!r}: part {place} has {len(part)} characters, not 1 to {PART_CHARS_MAX}"
            )
        if not part.isprintable():
            raise AddressError(f"address {address!r}: part {place} holds an unprintable character")
    return address
