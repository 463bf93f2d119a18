"""Tasks that look now and then wake together, whatever they did before."""

from __future__ import annotations

import trio
import trio.testing

from ledger.beats import BEAT_S, IDLE_BEAT_S, beat


async def test_looks_that_began_apart_end_together(autojump_clock: trio.testing.MockClock) -> None:
    woken: list[tuple[str, float]] = []

    async def look(name: str, begins_after_s: float, *, is_idle: bool) -> None:
        await trio.sleep(begins_after_s)
        await beat(is_idle=is_idle)
        woken.append((name, trio.current_time()))

    begun = trio.current_time()
    await beat(is_idle=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: look("idle", 0.76, is_idle=True))
        nursery.start_soon(lambda: look("early", 0.80, is_idle=False))
        nursery.start_soon(lambda: look("late", 0.99, is_idle=False))
    assert {name for name, _ in woken} == {"idle", "early", "late"}
    assert len({at for _, at in woken}) == 1
    assert begun < woken[0][1] <= begun + 2 * IDLE_BEAT_S


async def test_a_beat_is_never_longer_than_said_and_never_none(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for is_idle, longest_s in ((False, BEAT_S), (True, IDLE_BEAT_S)):
        for _ in range(5):
            before = trio.current_time()
            await beat(is_idle=is_idle)
            assert 0 < trio.current_time() - before <= longest_s
            await trio.sleep(0.13)
