"""One address space over entities and services, and the scope in which all of them live."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any, TypeAlias, final

import msgspec
import trio

from actors.address import Address, check_address, format_address, parse_address
from actors.dispatcher import Addressed, Dispatcher, DispatcherStatistics
from actors.faults import UnknownActor
from actors.mailbox import Mailbox
from actors.reply import Reply
from actors.service import Receiver, Service, ServiceBehaviour, ServiceStatistics, serve_each
from actors.supervision import Strategy, Supervisor

EntityBehaviour: TypeAlias = Callable[[Address, Any], object]


@final
class SystemStatistics(msgspec.Struct, frozen=True):
    """The counts of every dispatcher by name and of every service by address."""

    dispatchers: dict[str, DispatcherStatistics]
    services: dict[str, ServiceStatistics]


@asynccontextmanager
async def open_system(
    *, random: Callable[[], float] | None = None, drain_s: float = 5.0
) -> AsyncGenerator[System, None]:
    """A system for the time of the block.

    At the block's clean end what waits is still worked off, for at most `drain_s` seconds, then every task is
    cancelled. An escalated fault cancels the block and is raised from it, inside an ExceptionGroup, as from any
    nursery. `random` (numbers in [0, 1)) gives the jitter of restarts.
    """
    async with trio.open_nursery() as nursery:
        system = System(nursery, random or Random().random)
        yield system
        with trio.move_on_after(drain_s):
            await system.wait_idle()
        nursery.cancel_scope.cancel()


@final
class System:
    """Starts actors and carries messages to them. Made by `open_system`."""

    def __init__(self, nursery: trio.Nursery, random: Callable[[], float]) -> None:
        self._nursery = nursery
        self._random = random
        self._dispatchers: dict[str, Dispatcher] = {}
        self._kinds: dict[str, tuple[Dispatcher, EntityBehaviour | None]] = {}
        self._services: dict[Address, Service] = {}

    def start_dispatcher(
        self, name: str, dispatcher: Dispatcher, kinds: Mapping[str, EntityBehaviour | None]
    ) -> None:
        """Run this dispatcher; from now on it receives what is sent to entities of these kinds.

        A kind's behaviour is called with the address and the message. With None the message goes to the dispatcher's
        own behaviours as it is: it names its entity itself. ValueError when the name or a kind is taken.
        """
        if name in self._dispatchers:
            raise ValueError(f"a dispatcher named {name!r} has been started before")
        for kind in kinds:
            check_address((kind,))
            if kind in self._kinds or any(address[0] == kind for address in self._services):
                raise ValueError(f"the kind {kind!r} is taken")
        self._dispatchers[name] = dispatcher
        self._kinds.update({kind: (dispatcher, behaviour) for kind, behaviour in kinds.items()})
        self._nursery.start_soon(dispatcher.run, name=f"dispatcher {name}")

    def start_service(
        self,
        address: Address | str,
        behaviour: ServiceBehaviour | Receiver,
        *,
        limit: int,
        reserved: int = 0,
        strategy: Strategy | None = None,
    ) -> None:
        """Start a service: an async function of its mailbox, or an object with `async receive(message)`.

        `limit`: messages that may wait; `reserved`: how many more may wait if they are urgent. An object keeps its
        state over restarts. ValueError when the address is taken; one whose service has stopped is free.
        """
        address = _address(address)
        old = self._services.get(address)
        if address[0] in self._kinds or (old is not None and not old.ended):
            raise ValueError(f"the address {format_address(address)} is taken")
        run = behaviour if callable(behaviour) else partial(serve_each, behaviour)
        mailbox = Mailbox(limit=limit, reserved=reserved)
        service = Service(address, run, mailbox, Supervisor(strategy or Strategy(), self._random))
        self._services[address] = service
        self._nursery.start_soon(service.run, name=format_address(address))

    async def stop_service(self, address: Address | str) -> None:
        """Cancel a service and return when it has ended; unanswered asks end with Stopped."""
        await self._service(_address(address)).stop()

    def tell_nowait(self, address: Address | str, message: object, *, urgent: bool = False) -> None:
        """Queue a message for an actor and want no answer.

        Raises UnknownActor, AddressError, Overloaded (it was not taken) or Stopped. Messages of one sender to one
        actor arrive in order, each at most once.
        """
        address = _address(address)
        if address[0] in self._kinds:
            self._submit(address, message, None, urgent)
        else:
            self._service(address).mailbox.put_nowait(message, asked=False, urgent=urgent)

    async def ask(self, address: Address | str, message: object, *, urgent: bool = False) -> Any:
        """Send a message and return its answer, or raise the fault that it met, or as `tell_nowait`.

        It waits as long as the actor takes: limit it with a cancel scope. Cancelling takes back the wish to know,
        not the message.
        """
        address = _address(address)
        if address[0] in self._kinds:
            reply = Reply()
            self._submit(address, message, reply, urgent)
        else:
            reply = self._service(address).mailbox.put_nowait(message, asked=True, urgent=urgent)
        return await reply.wait_answer()

    async def wait_idle(self) -> None:
        """Return at a moment when no actor has a message waiting or in work."""
        while waiting := [each for each in self._queues() if not each.idle]:
            await waiting[0].wait_idle()

    def statistics(self) -> SystemStatistics:
        """The counts of all actors, stopped ones too."""
        return SystemStatistics(
            dispatchers={name: each.statistics() for name, each in self._dispatchers.items()},
            services={format_address(at): each.statistics() for at, each in self._services.items()},
        )

    def _queues(self) -> list[Dispatcher | Mailbox]:
        return [*self._dispatchers.values(), *(service.mailbox for service in self._services.values())]

    def _submit(self, address: Address, message: object, reply: Reply | None, urgent: bool) -> None:
        dispatcher, behaviour = self._kinds[address[0]]
        if behaviour is not None:
            message = Addressed(address, message, behaviour)
        dispatcher.submit_nowait((message,), reply and reply.answer_first, urgent=urgent)

    def _service(self, address: Address) -> Service:
        service = self._services.get(address)
        if service is None:
            raise UnknownActor(f"nobody lives at {format_address(address)}")
        return service


def _address(address: Address | str) -> Address:
    return parse_address(address) if isinstance(address, str) else check_address(address)
