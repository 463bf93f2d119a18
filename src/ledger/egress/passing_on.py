"""What a partition tells partition 0: the kill switches and mass cancels it took, and which sessions it heard of.

Partition 0's journal carries kills and cancels to all others. Each is sent with the id under which it was taken, so
that it counts once whichever way it came, and what partition 0 has said of it is journaled, so that a restart goes on
where this ended. Sessions are partition 0's: an order that names one is a sign of life wherever its symbol lives, and
is told there as a heartbeat. A lost heartbeat is not told again; the session's next order brings another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final, final

import trio
import uuid_utils
import zmq

from ledger.domain.control_commands import EngageKillSwitch, MassCancel, ReleaseKillSwitch
from ledger.domain.control_events import KillSwitchEngaged, MassCancelRequested
from ledger.domain.operator_commands import TouchSession
from ledger.egress.neighbour import ask_neighbour
from ledger.fold import TradingFold
from ledger.keys import DialKeys
from ledger.wire import Committed, Rejected

LOOK_EVERY_S: Final = 0.05
AGAIN_S: Final = 0.2
BATCH_MAX: Final = 64
HEARTBEAT_MAX_S: Final = 1.0
"""The longest wait before sessions that were heard of are told; shorter where session.timeout_ms is short."""


@final
class PassingOn:
    """The service of a partition other than 0. Belongs to the trio thread."""

    def __init__(
        self,
        data: Path,
        context: zmq.Context[Any],
        fold: Callable[[], TradingFold],
        confirmed: Callable[[tuple[bytes, ...]], Awaitable[None]],
        spoken: Callable[[], Sequence[str]],
        *,
        session_timeout_s: float,
        keys: DialKeys | None = None,
    ) -> None:
        """`confirmed` journals which command_ids partition 0 has answered for; `keys` are shown at its door.

        `spoken` gives the sessions that messages named since it was last asked, told four times in a session's timeout.
        """
        self._spoken = spoken
        self._heartbeat_s = min(HEARTBEAT_MAX_S, session_timeout_s / 4)
        self._heartbeat_due = 0.0
        self._keys = keys
        self._data = data
        self._context = context
        self._fold = fold
        self._confirmed = confirmed

    async def run(self) -> None:
        """Pass on whatever is taken, until it is cancelled."""
        while True:
            waiting = self._waiting()
            heartbeats = self._heartbeats()
            if not waiting and not heartbeats:
                await trio.sleep(LOOK_EVERY_S)
                continue
            known = await self._told([*waiting, *heartbeats])
            known = tuple(it.command_id for it in waiting if it.command_id in known)
            if known:
                await self._confirmed(known)
            elif waiting:
                await trio.sleep(AGAIN_S)

    def _heartbeats(self) -> list[TouchSession]:
        """For each session that was heard of, if it is time."""
        if trio.current_time() < self._heartbeat_due:
            return []
        self._heartbeat_due = trio.current_time() + self._heartbeat_s
        return [TouchSession(uuid_utils.uuid7().bytes, session_id) for session_id in self._spoken()]

    def _waiting(self) -> list[Any]:
        """The commands to send, in the order in which they were taken."""
        fold = self._fold()
        found = sorted(
            (seq, command_id) for command_id, seq in fold.partitions.unpassed.states.items() if seq
        )
        outcomes = [fold.outcomes.get(command_id) for _, command_id in found[:BATCH_MAX]]
        return [command_of(outcome.event) for outcome in outcomes if outcome is not None]

    async def _told(self, commands: Sequence[Any]) -> Collection[bytes]:
        """Send them to partition 0; the ids that it has answered for good."""
        answers = await ask_neighbour(self._context, self._data, 0, "commands", commands, self._keys)
        return {it.command_id for it in answers if isinstance(it, (Committed, Rejected))}


def command_of(event: Any) -> Any:
    """The command that an event of a kill switch or mass cancel came from, with the same id and content."""
    if type(event) is KillSwitchEngaged:
        return EngageKillSwitch(event.command_id, event.scope, event.name, event.reason, event.on_behalf_of)
    if type(event) is MassCancelRequested:
        return MassCancel(event.command_id, event.scope, event.name, event.reason, event.on_behalf_of)
    return ReleaseKillSwitch(event.command_id, event.engagement, event.reason, event.on_behalf_of)
