"""What can go wrong for a client, each with what to do about it."""

from __future__ import annotations

from typing import Any, final

from ledger import errors


@final
class RejectedError(errors.Rejected):
    """The ledger refused the command, durably: the same command_id gets this answer for ever (codes 10 and above)."""

    def __init__(
        self, code: int, name: str, detail: str, place: str, command_id: str, repeated: bool = False
    ) -> None:
        super().__init__(f"{name}: {detail}")
        self.code = code
        self.name = name
        self.detail = detail
        self.place = place
        """Where the refusal stands in the journal, such as `trading/0:124`."""
        self.command_id = command_id
        self.repeated = repeated


@final
class RefusedError(errors.Rejected):
    """The ledger did not take it, and nothing remembers it (codes 1 to 9): it may be sent again, if the cause is gone.

    Where the ledger asked for a pause (`retry_after_ms` > 0), the client has waited and sent again until its timeout.
    """

    def __init__(self, code: int, name: str, detail: str, retry_after_ms: int = 0, key: Any = "") -> None:
        super().__init__(f"{name}: {detail}")
        self.code = code
        self.name = name
        self.detail = detail
        self.retry_after_ms = retry_after_ms
        self.key = key
        """command_id, (source, source_epoch, source_seq) or the query's id."""


@final
class InDoubtError(errors.Unavailable):
    """It was sent and no answer came in time: it may or may not have happened.

    Send the same again, with the same command_id (or source, source_epoch and source_seq): it is never applied twice,
    and the answer is the first one. Within 7 days; later, ask for the order by its client_order_id.
    """

    def __init__(self, what: str, key: Any) -> None:
        super().__init__(what, "send it again with the same id: it is never applied twice")
        self.key = key
        """command_id as text, or (source, source_epoch, source_seq)."""

    @property
    def command_id(self) -> str:
        """The command's id, "" for a fact."""
        return self.key if isinstance(self.key, str) else ""


class NotReachable(errors.Unavailable):
    """No ledger answered, and nothing that changes it was sent."""


@final
class NotListening(NotReachable):
    """The ledger has ended; it may be starting again."""
