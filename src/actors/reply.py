"""The place where the answer to one ask arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import trio

from actors.faults import Fault

_PENDING = object()


@final
class Reply:
    """A slot for one answer, filled once and waited for by at most one task.

    A waiter that is cancelled abandons it, and the answer is then dropped in silence: cancelling an ask takes back
    the wish to know, never the message. A tell has a Reply too, which nobody waits for, so a service need not care.
    """

    __slots__ = ("_outcome", "_settled", "_task")

    def __init__(self, settled: Callable[[Reply], None] | None = None) -> None:
        """`settled` is told once, when this is answered or abandoned; only asks need it."""
        self._outcome: object = _PENDING
        self._task: trio.lowlevel.Task | None = None
        self._settled = settled

    @property
    def done(self) -> bool:
        """Whether it has been answered or has failed."""
        return self._outcome is not _PENDING

    @property
    def wanted(self) -> bool:
        """Whether an ask with a `settled` still waits for it."""
        return self._settled is not None

    def answer(self, answer: object) -> None:
        """Give the answer; a Fault is raised in the asker. RuntimeError when it was given before."""
        if self._outcome is not _PENDING:
            raise RuntimeError("this message has been answered before")
        self._outcome = answer
        self._settle()
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def fail(self, error: Exception) -> None:
        """End the ask with this error, which the asker raises."""
        self.answer(Fault(error))

    def answer_first(self, answers: Sequence[object]) -> None:
        """Take the answer of an envelope of one message."""
        self.answer(answers[0])

    async def wait_answer(self) -> Any:
        """The answer, or its fault raised. One task at a time."""
        if self._outcome is _PENDING:
            if self._task is not None:
                raise RuntimeError("another task waits for this answer")
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abandon)
        else:
            await trio.lowlevel.checkpoint()
        outcome = self._outcome
        if type(outcome) is Fault:
            raise outcome.error
        return outcome

    def _abandon(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._task = None
        self._settle()
        return trio.lowlevel.Abort.SUCCEEDED

    def _settle(self) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(self)
