"""Services read a bounded mailbox, answer asks, and come back after faults."""

from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import (
    Decision,
    Mailbox,
    Overloaded,
    ServiceState,
    Stopped,
    Strategy,
    System,
    open_system,
    serve_each,
)

PLAIN = Strategy(backoff_first_s=1.0, jitter=0.0)


class DiskFailed(Exception):
    pass


class Counter:
    """Counts; raises when told something that is no number."""

    def __init__(self) -> None:
        self.total = 0

    async def receive(self, message: object) -> int:
        assert isinstance(message, int), message
        await trio.lowlevel.checkpoint()
        self.total += message
        return self.total


async def test_an_object_receives_in_order_and_its_return_is_the_answer():
    async with open_system() as system:
        system.start_service("counter", Counter(), limit=10)
        system.tell_nowait("counter", 1)
        system.tell_nowait("counter", 2)
        assert await system.ask("counter", 3) == 6


async def test_a_function_may_answer_later_and_out_of_order():
    async def two_at_a_time(mailbox: Mailbox) -> None:
        while True:
            first, reply_first = await mailbox.receive()
            second, reply_second = await mailbox.receive()
            reply_second.answer(first)
            reply_first.answer(second)

    got: dict[str, str] = {}

    async def ask(message: str) -> None:
        got[message] = await system.ask("swap", message)

    async with open_system() as system:
        system.start_service("swap", two_at_a_time, limit=10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "a")
            nursery.start_soon(ask, "b")
    assert got == {"a": "b", "b": "a"}


async def test_answering_twice_is_an_error_of_the_service():
    async def twice(mailbox: Mailbox) -> None:
        async for message, reply in mailbox:
            reply.answer(message)
            reply.answer(message)

    async with open_system() as system:
        system.start_service("twice", twice, limit=1, strategy=Strategy(classify=lambda _: Decision.STOP))
        assert await system.ask("twice", 1) == 1
        await wait_all_tasks_blocked()
        assert "answered before" in str(system.statistics().services["twice"].last_fault)


async def test_a_full_mailbox_refuses_and_keeps_reserved_room_for_the_urgent():
    async def deaf(_mailbox: Mailbox) -> None:
        await trio.sleep_forever()

    async with open_system(drain_s=0) as system:
        system.start_service("deaf", deaf, limit=1, reserved=1)
        system.tell_nowait("deaf", 1)
        with pytest.raises(Overloaded, match="1 messages wait"):
            system.tell_nowait("deaf", 2)
        system.tell_nowait("deaf", 3, urgent=True)
        with pytest.raises(Overloaded):
            await system.ask("deaf", 4, urgent=True)
        counts = system.statistics().services["deaf"]
        assert (counts.queued, counts.overloaded, counts.received) == (2, 2, 0)


async def test_a_fault_ends_its_ask_and_the_service_comes_back_after_the_pause(autojump_clock):
    async with open_system() as system:
        system.start_service("counter", Counter(), limit=10, strategy=PLAIN)
        assert await system.ask("counter", 1) == 1
        with pytest.raises(AssertionError, match="nonsense"):
            await system.ask("counter", "nonsense")
        counts = system.statistics().services["counter"]
        assert (counts.state, counts.restarts) == (ServiceState.BACKING_OFF, 1)
        assert "AssertionError: nonsense" in str(counts.last_fault)
        before_s = trio.current_time()
        assert await system.ask("counter", 1) == 2
        assert trio.current_time() - before_s == pytest.approx(1.0)
        assert system.statistics().services["counter"].state is ServiceState.RUNNING


async def test_what_waits_is_received_after_a_restart_and_a_fresh_object_has_a_fresh_state(autojump_clock):
    async with open_system() as system:
        system.start_service("counter", lambda box: serve_each(Counter(), box), limit=10, strategy=PLAIN)
        system.tell_nowait("counter", 5)
        system.tell_nowait("counter", "nonsense")
        assert await system.ask("counter", 1) == 1


async def test_a_restart_ends_every_ask_that_the_old_run_had_received(autojump_clock):
    async def hoards(mailbox: Mailbox) -> None:
        kept = [await mailbox.receive(), await mailbox.receive()]
        raise RuntimeError(f"lost {len(kept)}")

    ended: list[str] = []

    async def ask() -> None:
        with pytest.raises(RuntimeError, match="lost 2"):
            await system.ask("hoards", 0)
        ended.append("ask")

    async with open_system() as system:
        system.start_service("hoards", hoards, limit=10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
    assert ended == ["ask", "ask"]


async def test_restarts_follow_the_back_off_and_then_escalate(autojump_clock):
    starts_s: list[float] = []

    async def fails(_mailbox: Mailbox) -> None:
        starts_s.append(trio.current_time())
        raise ValueError("again")

    strategy = Strategy(max_restarts=3, window_s=60, backoff_first_s=1.0, backoff_max_s=3.0, jitter=0.5)
    systems: list[System] = []

    async def main() -> None:
        async with open_system(random=lambda: 0.5) as system:
            systems.append(system)
            system.start_service("fails", fails, limit=1, strategy=strategy)
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await main()
    assert raised.group_contains(ValueError, match="again")
    assert [at_s - starts_s[0] for at_s in starts_s] == pytest.approx([0, 1.25, 3.75, 7.5])
    assert systems[0].statistics().services["fails"].state is ServiceState.ESCALATED


async def test_slow_faults_outside_the_window_never_escalate(autojump_clock):
    async def fails_slowly(_mailbox: Mailbox) -> None:
        await trio.sleep(20)
        raise ValueError("again")

    async with open_system() as system:
        system.start_service("slow", fails_slowly, limit=1, strategy=Strategy(max_restarts=2, window_s=30))
        await trio.sleep(500)
        counts = system.statistics().services["slow"]
    assert counts.restarts > 20
    assert counts.state in (ServiceState.RUNNING, ServiceState.BACKING_OFF)


async def test_a_storage_error_escalates_at_once_also_out_of_a_nursery():
    async def writes(_mailbox: Mailbox) -> None:
        async def write() -> None:
            raise DiskFailed("full")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)

    systems: list[System] = []

    async def main() -> None:
        async with open_system() as system:
            systems.append(system)
            system.start_service("writer", writes, limit=1, strategy=Strategy(escalates=(DiskFailed,)))
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await main()
    assert raised.group_contains(DiskFailed, match="full")
    assert systems[0].statistics().services["writer"].restarts == 0


async def test_a_stopped_service_refuses_ends_its_asks_and_frees_its_address():
    async def deaf(_mailbox: Mailbox) -> None:
        await trio.sleep_forever()

    async def ask() -> None:
        with pytest.raises(Stopped, match="deaf/one has stopped"):
            await system.ask("deaf/one", 1)

    async with open_system() as system:
        system.start_service("deaf/one", deaf, limit=10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            await system.stop_service("deaf/one")
        with pytest.raises(Stopped):
            system.tell_nowait("deaf/one", 2)
        assert system.statistics().services["deaf/one"].state is ServiceState.STOPPED
        system.start_service("deaf/one", Counter(), limit=10)
        assert await system.ask("deaf/one", 7) == 7


async def test_a_stopped_service_ends_an_ask_that_it_had_received():
    async def silent(mailbox: Mailbox) -> None:
        await mailbox.receive()
        await trio.sleep_forever()

    async def ask() -> None:
        with pytest.raises(Stopped):
            await system.ask("silent", 1)

    async with open_system() as system:
        system.start_service("silent", silent, limit=10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            assert system.statistics().services["silent"].received == 1
            await system.stop_service("silent")


async def test_a_service_that_returns_has_stopped():
    async def once(mailbox: Mailbox) -> None:
        _message, reply = await mailbox.receive()
        reply.answer("bye")

    async with open_system() as system:
        system.start_service("once", once, limit=10)
        assert await system.ask("once", "hello") == "bye"
        await wait_all_tasks_blocked()
        with pytest.raises(Stopped):
            await system.ask("once", "again")


async def test_a_cancelled_receive_takes_no_message():
    mailbox = Mailbox(limit=2)
    mailbox.put_nowait("kept", asked=False)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.receive()
    assert len(mailbox) == 1
    message, _reply = await mailbox.receive()
    assert message == "kept"


async def test_an_ask_cancelled_in_the_mailbox_is_not_held_by_the_service():
    mailbox = Mailbox(limit=2)
    reply = mailbox.put_nowait("m", asked=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply.wait_answer)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    _message, received = await mailbox.receive()
    assert received is reply
    mailbox.fail_handed(RuntimeError("restart"))
    assert not reply.done
    reply.answer("too late, and nobody minds")


async def test_an_object_keeps_its_state_over_a_restart_when_it_is_the_same_object(autojump_clock):
    counter = Counter()
    async with open_system() as system:
        system.start_service("counter", partial(serve_each, counter), limit=10)
        system.tell_nowait("counter", 5)
        system.tell_nowait("counter", None)
        assert await system.ask("counter", 1) == 6
