"""Turns run in arrival order, one whole turn at a time, inside bounds."""

import signal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import Dispatcher, Entities, Fault, Overloaded, Stopped, Store, UnknownMessage, escalate_only


class DiskFailed(Exception):
    pass


def echo(message):
    return message


async def run_all(dispatcher: Dispatcher) -> None:
    dispatcher.stop()
    await dispatcher.run()


async def test_answers_come_in_the_order_of_the_messages():
    dispatcher = Dispatcher(Entities(), lambda n: n * 10, limit=10)
    got = []
    dispatcher.submit_nowait([1, 2, 3], got.append)
    dispatcher.submit_nowait([4], got.append)
    dispatcher.submit_nowait([], got.append)
    await run_all(dispatcher)
    assert got == [[10, 20, 30], [40], []]


async def test_turns_run_in_the_order_of_arrival_also_across_split_batches():
    seen: list[int] = []
    dispatcher = Dispatcher(Entities(), seen.append, limit=100, turns_max=4)
    got = []
    for first in range(0, 30, 10):
        dispatcher.submit_nowait(range(first, first + 10), got.append)
    await run_all(dispatcher)
    assert seen == list(range(30))
    assert [len(answers) for answers in got] == [10, 10, 10]
    assert dispatcher.statistics().batches == 8


async def test_a_message_sent_inside_a_turn_gets_a_later_turn():
    seen: list[int] = []

    def receive(n: int) -> None:
        if n == 1:
            dispatcher.submit_nowait([9])
        seen.append(n)

    dispatcher = Dispatcher(Entities(), receive, limit=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        dispatcher.submit_nowait([1, 2])
        dispatcher.submit_nowait([3])
        await dispatcher.wait_idle()
        dispatcher.stop()
    assert seen == [1, 2, 3, 9]


async def test_a_behaviour_is_chosen_by_the_exact_type_and_others_are_a_fault():
    dispatcher = Dispatcher(Entities(), {int: lambda _: "int", str: lambda _: "str"}, limit=10)
    got = []
    dispatcher.submit_nowait([1, "a", True], got.extend)
    await run_all(dispatcher)
    assert got[:2] == ["int", "str"]
    assert type(got[2].error) is UnknownMessage
    assert str(got[2].error) == "no behaviour for messages of type bool"


async def test_a_fault_installs_nothing_of_its_turn_and_the_next_turn_runs():
    entities = Entities()
    store: Store[str, int] = entities.store("x")

    def receive(message: str) -> str:
        store.put(message, 1)
        store.put("count", (store.get("count") or 0) + 1)
        if message == "bad":
            raise RuntimeError(message)
        return "ok"

    dispatcher = Dispatcher(entities, receive, limit=10)
    got = []
    dispatcher.submit_nowait(["a", "bad", "b"], got.extend)
    await run_all(dispatcher)
    assert store.states == {"a": 1, "b": 1, "count": 2}
    assert (got[0], got[2]) == ("ok", "ok")
    assert isinstance(got[1], Fault)
    assert str(got[1].error) == "bad"
    assert dispatcher.statistics().faults == 1


async def test_what_the_fault_hook_stages_is_installed_and_its_answer_sent():
    entities = Entities()
    store: Store[str, str] = entities.store("x")

    def receive(message: str) -> None:
        store.put("half", message)
        raise RuntimeError

    def quarantine(message: object, error: Exception) -> object:
        assert store.get("half") is None
        store.put("quarantined", str(message))
        return "faulted"

    dispatcher = Dispatcher(entities, receive, limit=1, on_fault=quarantine)
    got = []
    dispatcher.submit_nowait(["m"], got.extend)
    await run_all(dispatcher)
    assert (store.states, got) == ({"quarantined": "m"}, ["faulted"])


@pytest.mark.parametrize("error", [DiskFailed("full"), ExceptionGroup("two", [DiskFailed("full")])])
async def test_an_escalated_fault_ends_the_dispatcher_and_installs_nothing(error: Exception):
    entities = Entities()
    store: Store[str, int] = entities.store("x")

    def receive(message: str) -> None:
        store.put(message, 1)
        if message == "bad":
            raise error

    dispatcher = Dispatcher(entities, receive, limit=10, on_fault=escalate_only(DiskFailed))
    got = []
    dispatcher.submit_nowait(["a", "bad", "never"], got.extend)
    with pytest.raises(type(error)) as raised:
        await dispatcher.run()
    assert raised.value is error
    assert (store.states, entities.changes, got) == ({"a": 1}, [], [])
    with pytest.raises(Stopped):
        dispatcher.submit_nowait(["b"])
    with pytest.raises(Stopped):
        await dispatcher.wait_idle()


async def test_escalate_only_answers_other_faults():
    def receive(_message: int) -> None:
        raise ValueError("mine")

    dispatcher = Dispatcher(Entities(), receive, limit=10, on_fault=escalate_only(DiskFailed))
    got = []
    dispatcher.submit_nowait([1], got.extend)
    await run_all(dispatcher)
    assert str(got[0].error) == "mine"


async def test_a_full_queue_takes_all_of_a_batch_or_nothing():
    seen: list[int] = []
    dispatcher = Dispatcher(Entities(), seen.append, limit=3)
    dispatcher.submit_nowait([1, 2])
    with pytest.raises(Overloaded, match="2 messages do not fit: 2 of 3"):
        dispatcher.submit_nowait([3, 4])
    dispatcher.submit_nowait([5])
    statistics = dispatcher.statistics()
    assert (statistics.queued, statistics.overloaded) == (3, 2)
    await run_all(dispatcher)
    assert seen == [1, 2, 5]
    assert dispatcher.statistics().queued == 0


async def test_only_urgent_messages_use_the_reserved_room_and_they_do_not_overtake():
    seen: list[str] = []
    dispatcher = Dispatcher(Entities(), seen.append, limit=2, reserved=1)
    dispatcher.submit_nowait(["a", "b"])
    with pytest.raises(Overloaded):
        dispatcher.submit_nowait(["c"])
    dispatcher.submit_nowait(["cancel"], urgent=True)
    with pytest.raises(Overloaded, match="3 of 3"):
        dispatcher.submit_nowait(["cancel again"], urgent=True)
    await run_all(dispatcher)
    assert seen == ["a", "b", "cancel"]


async def test_wait_room_returns_when_the_queue_has_run():
    dispatcher = Dispatcher(Entities(), echo, limit=2)
    dispatcher.submit_nowait([1, 2])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.wait_room, 1)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        nursery.start_soon(dispatcher.run)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1  # the dispatcher, still running: the waiter has gone
        dispatcher.stop()
    with pytest.raises(ValueError, match="never fit"):
        await dispatcher.wait_room(3)


async def test_the_owner_is_called_around_each_batch_and_replies_come_before_its_end():
    log: list[object] = []
    dispatcher = Dispatcher(
        Entities(),
        log.append,
        limit=10,
        turns_max=2,
        before_batch=lambda: log.append("open"),
        after_batch=lambda: log.append("flush"),
    )
    dispatcher.submit_nowait([1], lambda _: log.append("reply"))
    dispatcher.submit_nowait([2, 3], lambda _: log.append("reply"))
    await run_all(dispatcher)
    assert log == ["open", 1, "reply", 2, "flush", "open", 3, "reply", "flush"]


async def test_a_pause_inside_a_turn_holds_back_the_next_one_until_resume():
    log: list[object] = []

    def receive(n: int) -> int:
        log.append(n)
        if n == 2:
            dispatcher.pause()
        return n

    dispatcher = Dispatcher(Entities(), receive, limit=10, after_batch=lambda: log.append("flush"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        dispatcher.submit_nowait([1, 2, 3], lambda answers: log.append(list(answers)))
        await wait_all_tasks_blocked()
        dispatcher.submit_nowait([4])
        await wait_all_tasks_blocked()
        assert log == [1, 2, "flush"]
        assert (dispatcher.statistics().paused, dispatcher.statistics().queued) == (True, 2)
        assert not dispatcher.idle
        dispatcher.resume()
        await dispatcher.wait_idle()
        dispatcher.stop()
    assert log == [1, 2, "flush", 3, [1, 2, 3], 4, "flush"]


async def test_a_stop_while_paused_waits_for_resume():
    seen: list[int] = []
    dispatcher = Dispatcher(Entities(), seen.append, limit=10)
    dispatcher.pause()
    dispatcher.submit_nowait([1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_all, dispatcher)
        await wait_all_tasks_blocked()
        assert seen == []
        dispatcher.resume()
    assert seen == [1]


async def test_other_tasks_run_between_two_runs_of_turns():
    log: list[object] = []
    dispatcher = Dispatcher(Entities(), log.append, limit=10, turns_max=2)
    dispatcher.submit_nowait([1, 2, 3, 4, 5])

    async def other() -> None:
        while 5 not in log:
            log.append("other")
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_all, dispatcher)
        nursery.start_soon(other)
    numbers = [each for each in log if each != "other"]
    assert numbers == [1, 2, 3, 4, 5]
    assert "other" in log[log.index(2) : log.index(5)]


async def test_a_parked_dispatcher_is_woken_once_for_many_messages():
    dispatcher = Dispatcher(Entities(), echo, limit=100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        await wait_all_tasks_blocked()
        for n in range(50):
            dispatcher.submit_nowait([n])
        await dispatcher.wait_idle()
        assert (dispatcher.statistics().turns, dispatcher.statistics().batches) == (50, 1)
        dispatcher.stop()


async def test_a_cancelled_dispatcher_takes_nothing_more_and_runs_only_once():
    dispatcher = Dispatcher(Entities(), echo, limit=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with pytest.raises(Stopped):
        dispatcher.submit_nowait([1])
    with pytest.raises(RuntimeError, match="run before"):
        await dispatcher.run()


def test_control_c_waits_for_the_end_of_the_turn():
    entities = Entities()
    store: Store[str, int] = entities.store("x")

    def receive(message: str) -> None:
        store.put(message, 1)
        signal.raise_signal(signal.SIGINT)
        store.put("end of " + message, 1)

    async def main() -> None:
        dispatcher = Dispatcher(entities, receive, limit=10)
        dispatcher.submit_nowait(["turn"])
        await run_all(dispatcher)
        await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert store.states == {"turn": 1, "end of turn": 1}


@pytest.mark.parametrize(
    "options", [{"limit": 0}, {"limit": 1, "reserved": -1}, {"limit": 1, "turns_max": 0}]
)
def test_limits_that_mean_nothing_are_refused(options: dict[str, int]):
    with pytest.raises(ValueError, match="start at 1"):
        Dispatcher(Entities(), echo, **options)


async def test_a_sender_may_have_a_batch_run_at_once_in_its_own_task():
    seen: list[int] = []
    got: list[object] = []
    dispatcher = Dispatcher(Entities(), seen.append, limit=10, turns_max=3)
    dispatcher.submit_nowait([0], got.append)
    dispatcher.run_now()
    assert not seen  # nobody runs it yet
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        await wait_all_tasks_blocked()
        dispatcher.submit_nowait([1, 2], got.append)
        dispatcher.submit_nowait([3, 4], got.append)
        dispatcher.run_now()
        assert (seen, len(got)) == ([0, 1, 2, 3], 2)  # as fair as any batch: the rest is for `run`
        dispatcher.pause()
        dispatcher.run_now()
        assert seen == [0, 1, 2, 3]
        dispatcher.resume()
        await dispatcher.wait_idle()
        assert (seen, len(got)) == ([0, 1, 2, 3, 4], 3)
        dispatcher.submit_nowait([5])
        dispatcher.stop()
        dispatcher.run_now()
    assert seen == [0, 1, 2, 3, 4, 5]
    dispatcher.run_now()  # it has ended


async def test_a_fault_that_is_escalated_in_the_senders_task_ends_run_and_not_the_sender():
    def receive(n: int) -> None:
        raise DiskFailed(n)

    dispatcher = Dispatcher(Entities(), receive, limit=10, on_fault=escalate_only(DiskFailed))
    sent: list[int] = []

    async def send_while_it_runs() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dispatcher.run)
            await wait_all_tasks_blocked()
            dispatcher.submit_nowait([1, 2])
            dispatcher.run_now()
            dispatcher.run_now()
            sent.append(1)

    with pytest.raises(ExceptionGroup) as raised:
        await send_while_it_runs()
    assert raised.group_contains(DiskFailed, match="1")
    assert sent
    with pytest.raises(Stopped):
        dispatcher.submit_nowait([3])
