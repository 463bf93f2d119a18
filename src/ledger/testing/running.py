"""A projector's runner in a thread of its own, watched through its status file as anybody would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, final

from ledger.projections import Runner
from ledger.projections.status import Status, read_status
from ledger.testing.made_journal import MadeJournal

WAIT_S: Final = 120.0


@final
class Followed:
    """Runs while the block does; an error of the runner is raised at its end."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._thread = threading.Thread(target=self._run)
        self._failed: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._runner.stop()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the runner does not end"
        if self._failed is not None and kind is None:
            raise self._failed

    def wait(self, true: Callable[[Status], bool]) -> Status:
        """Until the status says so. AssertionError after WAIT_S, or when the runner has ended with an error."""
        end = time.monotonic() + WAIT_S
        while True:
            status = self.status()
            if status is not None and true(status):
                return status
            if self._failed is not None:
                raise AssertionError("the runner ended") from self._failed
            assert time.monotonic() < end, f"it did not come: {status}"
            time.sleep(0.01)

    def wait_seq(self, made: MadeJournal) -> Status:
        """Until the sink has all that was written."""
        return self.wait(lambda status: all(each.seq == made.head(each.journal) for each in status.journals))

    def status(self) -> Status | None:
        """What it says now."""
        pulse = self._runner.pulse
        return read_status(pulse.data, pulse.name, pulse.partition)

    def _run(self) -> None:
        try:
            self._runner.run()
        except BaseException as error:
            self._failed = error
