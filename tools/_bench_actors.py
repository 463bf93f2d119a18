"""Actors alone: a counter per entity, without journal or domain, beside the same additions into a dict.

Checked: the counters add up to the messages sent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import trio

import actors
from _bench_engine import settle_memory
from _bench_result import Figures, check

ENTITIES: Final = 1_000
A_BATCH: Final = 64


def measure(figures: Figures, messages: int) -> None:
    """One round: additions in a plain loop, then as turns of dispatched entities."""
    settle_memory()
    numbers = [number % ENTITIES for number in range(messages)]
    begun = time.perf_counter()
    plain: dict[int, int] = {}
    for number in numbers:
        plain[number] = plain.get(number, 0) + 1
    figures.add("actors plain dict", "messages/s", messages / (time.perf_counter() - begun))
    check(sum(plain.values()) == messages, "not all was added")
    seconds = trio.run(_dispatched, numbers)
    figures.add("actors dispatched entities", "messages/s", messages / seconds, "actors plain dict")
    figures.count("messages to actors", messages)


async def _dispatched(numbers: list[int]) -> float:
    entities = actors.Entities()
    counters: actors.Store[int, int] = entities.store("counter")

    def add(number: int) -> int:
        count = (counters.get(number) or 0) + 1
        counters.put(number, count)
        return count

    dispatcher = actors.Dispatcher(entities, {int: add}, limit=len(numbers))
    answered = 0

    def reply(answers: Sequence[object]) -> None:
        nonlocal answered
        answered += len(answers)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        begun = time.perf_counter()
        for at in range(0, len(numbers), A_BATCH):
            dispatcher.submit_nowait(numbers[at : at + A_BATCH], reply)
        await dispatcher.wait_idle()
        seconds = time.perf_counter() - begun
        dispatcher.stop()
    check(answered == sum(counters) == len(numbers), f"{len(numbers)} messages, {answered} answered")
    return seconds
