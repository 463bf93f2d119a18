"""Measures why entities are dispatched: `python -m actors._measure` prints microseconds for each way to run a message.

Each figure is the best of several rounds, garbage collection included, on whatever this machine is.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import trio
import trio.testing

from actors.dispatcher import Dispatcher
from actors.entities import Entities, Store
from actors.system import open_system

ROUNDS = 5
MESSAGES = 20_000
Run = Callable[[int], Awaitable[None]]


async def wake_parked(count: int) -> None:
    """Wake a task that waits, and wait for its answer: two wake-ups a round, counted as two."""
    ours, theirs = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    async def other() -> None:
        while True:
            await theirs.park()
            ours.unpark()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(count // 2):
            theirs.unpark()
            await ours.park()
        nursery.cancel_scope.cancel()


async def spawn(count: int) -> None:
    """Start a task that ends at once, a hundred at a time."""
    for _ in range(count // 100):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(trio.lowlevel.checkpoint)


async def memory_channel(count: int) -> None:
    """Send one message through a memory channel with room for 100."""
    sender, receiver = trio.open_memory_channel[int](100)

    async def send() -> None:
        async with sender:
            for number in range(count):
                await sender.send(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        async for _ in receiver:
            pass


def dispatched(batch: int, changes: bool) -> Run:
    """Messages in envelopes of `batch`, to a behaviour that does nothing or reads and puts one state."""

    async def run(count: int) -> None:
        entities = Entities()
        store: Store[int, int] = entities.store("counter")

        def change(key: int) -> None:
            store.put(key, (store.get(key) or 0) + 1)

        def nothing(_key: int) -> None:
            return None

        def drop(_answers: Sequence[object]) -> None:
            return None

        dispatcher = Dispatcher(entities, {int: change if changes else nothing}, limit=count)
        messages = list(range(batch))
        for _ in range(count // batch):
            dispatcher.submit_nowait(messages, drop)
        dispatcher.stop()
        await dispatcher.run()

    return run


async def asked(count: int) -> None:
    """Ask an entity through the system, one message at a time."""
    async with open_system() as system:
        dispatcher = Dispatcher(Entities(), {}, limit=1)
        system.start_dispatcher("measured", dispatcher, {"echo": lambda _address, message: message})
        for number in range(count):
            await system.ask(("echo", "a"), number)


async def best_us(run: Run, count: int) -> float:
    """Microseconds a message in the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await run(count)
        best = min(best, time.perf_counter() - start)
    return best / count * 1e6


async def main() -> None:
    """Print the table."""
    rows: list[tuple[str, Run]] = [
        ("wake a parked task", wake_parked),
        ("spawn a task", spawn),
        ("a message through a memory channel", memory_channel),
        ("ask an entity, one at a time", asked),
        *((f"dispatched, nothing to do, batches of {n}", dispatched(n, False)) for n in (1, 16, 256)),
        *((f"dispatched, one state changed, batches of {n}", dispatched(n, True)) for n in (1, 16, 256)),
    ]
    for name, run in rows:
        print(f"{name:48} {await best_us(run, MESSAGES):6.2f} us")


if __name__ == "__main__":
    trio.run(main)
