"""A service is an actor with a task of its own: it reads a mailbox, and may wait.

A door, a writer, a timer, a client of a slow server: what waits cannot run as a turn. Its behaviour is an async
function of the mailbox; a supervisor starts it again after a fault. The message in work is then lost and its ask ends
with the fault; those that still wait are received by the next start.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, final

import msgspec
import trio

from actors.address import Address, format_address
from actors.mailbox import Mailbox
from actors.supervision import Decision, Supervisor

ServiceBehaviour: TypeAlias = Callable[[Mailbox], Awaitable[None]]


class Receiver(Protocol):
    """A service as an object: one message at a time, the return value is the answer."""

    async def receive(self, message: Any, /) -> object:
        """Act on the message. What this raises is the service's fault and the asker's exception."""
        ...


class ServiceState(enum.Enum):
    """Where a service is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    STOPPED = "stopped"
    ESCALATED = "escalated"


@final
class ServiceStatistics(msgspec.Struct, frozen=True):
    """What a service has done since it was started."""

    state: ServiceState
    received: int
    """Messages handed to the behaviour."""
    queued: int
    """Messages that wait."""
    overloaded: int
    """Messages refused because the mailbox was full."""
    restarts: int
    """Restarts granted by the supervisor."""
    last_fault: str | None
    """The newest fault as text; None while there was none."""


async def serve_each(receiver: Receiver, mailbox: Mailbox) -> None:
    """Give each message to the receiver and answer with what it returns; ends with its first fault.

    As a behaviour, `functools.partial(serve_each, Counter())` keeps the object over restarts, and
    `lambda mailbox: serve_each(Counter(), mailbox)` starts with a new one each time.
    """
    async for message, reply in mailbox:
        reply.answer(await receiver.receive(message))


@final
class Service:
    """One service: its mailbox, its supervisor, and the task that runs both. Made by `System.start_service`."""

    def __init__(
        self, address: Address, behaviour: ServiceBehaviour, mailbox: Mailbox, supervisor: Supervisor
    ) -> None:
        self.mailbox = mailbox
        self._name = format_address(address)
        self._behaviour = behaviour
        self._supervisor = supervisor
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._state = ServiceState.STARTING
        self._last_fault: str | None = None

    @property
    def ended(self) -> bool:
        """Whether its task is over for good."""
        return self._ended.is_set()

    def statistics(self) -> ServiceStatistics:
        """State and counts."""
        return ServiceStatistics(
            state=self._state,
            received=self.mailbox.received,
            queued=len(self.mailbox),
            overloaded=self.mailbox.overloaded,
            restarts=self._supervisor.restarts,
            last_fault=self._last_fault,
        )

    async def run(self) -> None:
        """Run and restart the behaviour until it returns or is stopped; raises the fault that escalates."""
        try:
            with self._scope:
                while await self._run_once():
                    pass
        finally:
            if self._state is not ServiceState.ESCALATED:
                self._state = ServiceState.STOPPED
            self.mailbox.close(f"{self._name} has stopped")
            self._ended.set()

    async def stop(self) -> None:
        """Cancel it and return when it has ended; what waits is not received."""
        self._scope.cancel()
        await self._ended.wait()

    async def _run_once(self) -> bool:
        """Run the behaviour once and sit out the pause after a fault; whether it shall run again."""
        try:
            self._state = ServiceState.RUNNING
            await self._behaviour(self.mailbox)
            return False
        except Exception as error:
            self._last_fault = f"{type(error).__name__}: {error}"
            verdict = self._supervisor.decide(error, trio.current_time())
            self.mailbox.fail_handed(error)
            if verdict.decision is Decision.ESCALATE:
                self._state = ServiceState.ESCALATED
                raise
            if verdict.decision is Decision.STOP:
                return False
        self._state = ServiceState.BACKING_OFF
        await trio.sleep(verdict.delay_s)
        return True
