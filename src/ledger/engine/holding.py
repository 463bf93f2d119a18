"""How partition 0 holds its answers to definitions back until every living partition has them.

A partition that does not run is not waited for: it takes all that is settled before it takes an order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, final

import trio

from ledger.domain.commands import COMMANDS
from ledger.engine.following import followed_seq
from ledger.engine.refusals import kind_of
from ledger.journal import owner_of
from ledger.routes import decided_by_zero
from ledger.wire import Answer, Committed

LOOK_EVERY_S: Final = 0.005
Reply = Callable[[list[Answer]], None]
_HELD: Final = frozenset(kind for kind in COMMANDS if decided_by_zero(kind))


@final
class Holding:
    """The answers that wait. Belongs to the trio thread."""

    def __init__(self, data: Path, partitions: int, settled_seq: Callable[[], int]) -> None:
        self._data = data
        self._others = range(1, partitions)
        self._settled_seq = settled_seq
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._arrived = trio.Event()

    def reply_of(self, inputs: Sequence[Any], reply: Reply) -> Reply:
        """How to answer these inputs, once their turns are durable."""
        if not any(kind_of(item) in _HELD for item in inputs):
            return reply

        def hold(answers: list[Answer]) -> None:
            seq = max((answer.seq for answer in answers if type(answer) is Committed), default=0)
            self._waiting.append((seq, lambda: reply(answers)))
            self._arrived.set()

        return hold

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let answers go as the partitions follow; runs until it is cancelled."""
        task_status.started()
        while True:
            await self._arrived.wait()
            while self._waiting:
                reached = self._reached()
                while self._waiting and self._waiting[0][0] <= reached:
                    self._waiting.popleft()[1]()
                if self._waiting:
                    await trio.sleep(LOOK_EVERY_S)
            self._arrived = trio.Event()

    def _reached(self) -> int:
        """Up to where everything is settled here, so that a start finds it, and durable in every living partition."""
        reached = self._settled_seq()
        for partition in self._others:
            followed = followed_seq(self._data, partition)
            if followed < reached and self._lives(partition):
                reached = followed
        return reached

    def _lives(self, partition: int) -> bool:
        owner = owner_of(self._data / "trading" / str(partition))
        return owner is not None and bool(owner.endpoint)
