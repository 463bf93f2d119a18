"""One address space: entities and services are told and asked alike."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import (
    Address,
    AddressError,
    Dispatcher,
    Entities,
    Mailbox,
    Overloaded,
    Store,
    UnknownActor,
    escalate_only,
    open_system,
)


class DiskFailed(Exception):
    pass


class Accounts:
    """Accounts as entities; a negative balance is a fault."""

    def __init__(self) -> None:
        self.entities = Entities()
        self.store: Store[Address, int] = self.entities.store("account")

    def receive(self, address: Address, amount: int) -> int:
        balance = (self.store.get(address) or 0) + amount
        self.store.put(address, balance)
        if balance < 0:
            raise ValueError(f"{balance} is below zero")
        return balance

    def dispatcher(self, **options) -> Dispatcher:
        return Dispatcher(self.entities, {}, **({"limit": 10} | options))


async def test_an_entity_is_told_and_asked_by_text_or_tuple():
    accounts = Accounts()
    async with open_system() as system:
        system.start_dispatcher("bank", accounts.dispatcher(), {"account": accounts.receive})
        system.tell_nowait("account/alice", 5)
        assert await system.ask(("account", "alice"), 2) == 7
        assert await system.ask("account/bob", 1) == 1
        assert system.statistics().dispatchers["bank"].turns == 3
    assert accounts.store.states == {("account", "alice"): 7, ("account", "bob"): 1}


async def test_a_fault_in_a_turn_is_raised_in_the_asker_and_changes_nothing():
    accounts = Accounts()
    async with open_system() as system:
        system.start_dispatcher("bank", accounts.dispatcher(), {"account": accounts.receive})
        assert await system.ask("account/alice", 5) == 5
        with pytest.raises(ValueError, match="-2 is below zero"):
            await system.ask("account/alice", -7)
        assert await system.ask("account/alice", 0) == 5


async def test_a_kind_without_its_own_behaviour_hands_the_message_to_the_dispatcher_as_it_is():
    async with open_system() as system:
        dispatcher = Dispatcher(Entities(), {str: str.upper}, limit=10)
        system.start_dispatcher("upper", dispatcher, {"word": None})
        assert await system.ask("word/any", "loud") == "LOUD"


async def test_a_cancelled_ask_leaves_its_message_to_be_applied():
    accounts = Accounts()
    dispatcher = accounts.dispatcher()
    dispatcher.pause()
    async with open_system() as system:
        system.start_dispatcher("bank", dispatcher, {"account": accounts.receive})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(system.ask, "account/alice", 5)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        dispatcher.resume()
        assert await system.ask("account/alice", 1) == 6


async def test_nobody_at_an_address_is_an_error_of_the_sender():
    async with open_system() as system:
        with pytest.raises(UnknownActor, match="nobody lives at ghost/x"):
            system.tell_nowait("ghost/x", 1)
        with pytest.raises(UnknownActor):
            await system.ask("ghost/x", 1)
        with pytest.raises(AddressError):
            system.tell_nowait("Ghost", 1)


async def test_a_name_kind_or_address_is_given_once():
    accounts = Accounts()

    async def idle(_mailbox: Mailbox) -> None:
        await trio.sleep_forever()

    async with open_system() as system:
        system.start_dispatcher("bank", accounts.dispatcher(), {"account": accounts.receive})
        system.start_service("clock/1", idle, limit=1)
        with pytest.raises(ValueError, match="named 'bank'"):
            system.start_dispatcher("bank", accounts.dispatcher(), {})
        for kind in ("account", "clock"):
            with pytest.raises(ValueError, match=f"'{kind}' is taken"):
                system.start_dispatcher("other", accounts.dispatcher(), {kind: None})
        for address in ("account/x", "clock/1"):
            with pytest.raises(ValueError, match="is taken"):
                system.start_service(address, idle, limit=1)


async def test_a_full_dispatcher_refuses_asks_except_urgent_ones():
    accounts = Accounts()
    dispatcher = accounts.dispatcher(limit=1, reserved=1)
    async with open_system() as system:
        system.start_dispatcher("bank", dispatcher, {"account": accounts.receive})
        system.tell_nowait("account/a", 1)
        with pytest.raises(Overloaded):
            await system.ask("account/a", 1)
        assert await system.ask("account/a", 1, urgent=True) == 2


async def test_what_waits_at_the_end_of_the_block_is_worked_off_first():
    accounts = Accounts()

    async def deposits(mailbox: Mailbox) -> None:
        async for amount, _reply in mailbox:
            await trio.lowlevel.checkpoint()
            system.tell_nowait("account/a", amount)

    async with open_system() as system:
        system.start_dispatcher("bank", accounts.dispatcher(), {"account": accounts.receive})
        system.start_service("deposits", deposits, limit=10)
        for amount in (1, 2, 3):
            system.tell_nowait("deposits", amount)
    assert accounts.store.states == {("account", "a"): 6}


async def test_the_end_of_the_block_does_not_wait_longer_than_the_drain(autojump_clock):
    async def stuck(mailbox: Mailbox) -> None:
        await mailbox.receive()
        await trio.sleep_forever()

    before_s = trio.current_time()
    async with open_system(drain_s=3.0) as system:
        system.start_service("stuck", stuck, limit=10)
        system.tell_nowait("stuck", 1)
        await wait_all_tasks_blocked()
        assert system.statistics().services["stuck"].queued == 0  # in work, not waiting
    assert trio.current_time() - before_s == pytest.approx(3.0)


async def test_an_escalated_turn_cancels_the_block_and_is_the_only_error_raised():
    def receive(_address: Address, _message: object) -> None:
        raise DiskFailed("full")

    dispatcher = Dispatcher(Entities(), {}, limit=10, on_fault=escalate_only(DiskFailed))

    async def main() -> None:
        async with open_system() as system:
            system.start_dispatcher("bank", dispatcher, {"account": receive})
            await system.ask("account/a", 1)

    with pytest.raises(ExceptionGroup) as raised:
        await main()
    assert [type(each) for each in raised.value.exceptions] == [DiskFailed]


async def test_an_escalation_while_draining_is_the_only_error_raised():
    def receive(_address: Address, _message: object) -> None:
        raise DiskFailed("full")

    dispatcher = Dispatcher(Entities(), {}, limit=10, on_fault=escalate_only(DiskFailed))

    async def main() -> None:
        async with open_system() as system:
            system.start_dispatcher("bank", dispatcher, {"account": receive})
            system.tell_nowait("account/a", 1)
            system.tell_nowait("account/a", 2)

    with pytest.raises(ExceptionGroup) as raised:
        await main()
    assert [type(each) for each in raised.value.exceptions] == [DiskFailed]
