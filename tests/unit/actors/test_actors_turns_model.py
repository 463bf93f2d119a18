"""Random turns with random faults leave what a plain dict would hold."""

from dataclasses import dataclass

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Dispatcher, Entities, Fault, Store

steps = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(-3, 3))


@dataclass
class Turn:
    """Steps over two stores, with a fault after some of them, and maybe a pause of the dispatcher."""

    steps: list[tuple[str, str, int]]
    fails_after: int | None
    pauses: bool


turns = st.builds(Turn, st.lists(steps, max_size=4), st.none() | st.integers(0, 4), st.booleans())


class Boom(Exception):
    pass


def model(all_turns: list[Turn]) -> tuple[dict[tuple[str, str], int], list[int | None]]:
    states: dict[tuple[str, str], int] = {}
    answers: list[int | None] = []
    for turn in all_turns:
        after = dict(states)
        for kind, key, change in turn.steps:
            after[kind, key] = after.get((kind, key), 0) + change
        failed = turn.fails_after is not None and turn.fails_after <= len(turn.steps)
        states = states if failed else after
        answers.append(None if failed else sum(after.values()))
    return states, answers


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.lists(turns, max_size=4), max_size=6), st.integers(1, 5))
def test_random_turns_with_faults_splits_and_pauses_equal_a_dict(envelopes: list[list[Turn]], turns_max: int):
    entities = Entities()
    dirty: set[str] = set()
    stores: dict[str, Store[str, int]] = {
        "a": entities.store("a", dirty=dirty),
        "b": entities.store("b"),
    }

    def receive(turn: Turn) -> int:
        if turn.pauses:
            dispatcher.pause()
        for number, (kind, key, change) in enumerate(turn.steps):
            if number == turn.fails_after:
                raise Boom
            stores[kind].put(key, (stores[kind].get(key) or 0) + change)
        if turn.fails_after == len(turn.steps):
            raise Boom
        return sum(sum(store.states.values()) for store in stores.values())

    def after_batch() -> None:
        assert entities.changes == []

    dispatcher = Dispatcher(entities, receive, limit=100, turns_max=turns_max, after_batch=after_batch)
    got: list[object] = []

    async def main() -> None:
        for envelope in envelopes:
            dispatcher.submit_nowait(envelope, got.extend)
        dispatcher.stop()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dispatcher.run)
            while not dispatcher.idle:
                await trio.lowlevel.checkpoint()
                dispatcher.resume()

    trio.run(main)
    states, answers = model([turn for envelope in envelopes for turn in envelope])
    assert {(kind, key): n for kind, store in stores.items() for key, n in store.states.items()} == states
    assert [None if isinstance(each, Fault) else each for each in got] == answers
    assert dirty == {key for kind, key in states if kind == "a"}
    assert dispatcher.statistics().faults == answers.count(None)
