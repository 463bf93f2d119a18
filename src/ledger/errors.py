"""The roots of every error: who is wrong decides what happens next.

There are four. `Rejected`: the sender or the operator broke a rule; the answer says which. `Unavailable`: a neighbour
is down; back off and try again. `Corrupt`: stored bytes are wrong; stop, never skip. The fourth is Python's own
`AssertionError`: this program is wrong, so there is nothing that anybody could type.
"""

from __future__ import annotations


class Rejected(Exception):
    """The sender or the operator broke a rule: answered in one line, never logged as a fault."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint
        """The cure: the next command to type or the setting to change; may be empty."""

    def __str__(self) -> str:
        return f"{self.what}; {self.hint}" if self.hint else self.what


class Unavailable(Exception):
    """Something that this program needs is down or full: back off and retry, or stop where the subclass says so."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint
        """The cure: the next command to type or the setting to change; may be empty."""

    def __str__(self) -> str:
        return f"{self.what}; {self.hint}" if self.hint else self.what


class Corrupt(Exception):
    """Stored bytes are not what was written: stop, and say where."""

    def __init__(self, file: str, place: str, what: str, hint: str = "") -> None:
        super().__init__(file, place, what, hint)
        self.file = file
        """The damaged file."""
        self.place = place
        """The place in the journal, such as `trading/0:123`, or the part of the file; may be empty."""
        self.what = what
        self.hint = hint
        """The next command to type."""

    def __str__(self) -> str:
        where = f"{self.file} at {self.place}" if self.place else self.file
        return f"{where}: {self.what}; {self.hint}" if self.hint else f"{where}: {self.what}"
