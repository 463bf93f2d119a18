"""Which characters a name may have: names go into topics, keys and addresses, where `| { } :` and blanks mean something.

Each check returns "" for a good name, else a sentence that names the field, its value and the rule.
"""

from __future__ import annotations

import re
from typing import Final

EXTERNAL: Final = "_EXTERNAL"
"""The strategy of orders that somebody else placed in our account."""
UNALLOCATED: Final = "_UNALLOCATED"
"""The strategy of fills that no order explains, so that the account still agrees with the broker."""
RESERVED: Final = frozenset((EXTERNAL, UNALLOCATED))

_ID = re.compile(r"[!-9;-z~]{1,50}").fullmatch
_NAME = re.compile(r"[^|{}:\s\x00-\x1f\x7f]+").fullmatch


def fault_of_client_order_id(field: str, value: str) -> str:
    """Printable ASCII, 1 to 50 characters, none of `{ } : |` or white space."""
    if _ID(value) is not None:
        return ""
    return f"{field} {value!r} must be 1 to 50 printable ASCII characters without {{ }} : | or blanks"


def fault_of_name(field: str, value: str, longest: int, more: str = "") -> str:
    """A symbol, exchange, strategy or account: no `| { } :`, white space or character of `more`."""
    if len(value) <= longest and _NAME(value) is not None and not (more and any(it in value for it in more)):
        return ""
    without = " ".join("|{}:" + more)
    return f"{field} {value!r} must be 1 to {longest} characters without {without} or blanks"
