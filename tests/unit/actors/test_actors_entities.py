"""States change in whole turns, and passivated ones come back."""

import pytest

from actors import Entities, Store


def numbers(**options) -> tuple[Entities, Store[str, int]]:
    entities = Entities()
    return entities, entities.store("number", **options)


def test_a_turn_sees_what_it_has_put_and_it_stands_at_the_end():
    entities, store = numbers()
    store.put("a", 1)
    assert store.get("a") == 1
    entities.install()
    assert dict(store.states) == {"a": 1}
    assert entities.changes == []
    entities.discard()
    assert dict(store.states) == {"a": 1}


def test_discard_undoes_all_stores_of_a_turn():
    entities = Entities()
    orders: Store[str, int] = entities.store("order")
    positions: Store[str, int] = entities.store("position")
    positions.put("q", 1)
    entities.install()
    orders.put("c1", 1)
    positions.put("p", 2)
    positions.put("q", 3)
    entities.discard()
    assert (orders.states, positions.states) == ({}, {"q": 1})
    assert entities.changes == []


def test_discard_leaves_every_store_as_it_was():
    entities, store = numbers()
    store.put("a", 1)
    entities.install()
    store.put("a", 2)
    store.put("b", 2)
    entities.discard()
    assert store.get("a") == 1
    assert store.get("b") is None
    entities.install()
    assert store.states == {"a": 1}


def test_the_last_put_of_a_turn_counts():
    entities, store = numbers()
    store.put("a", 1)
    store.put("a", 2)
    entities.install()
    assert store.get("a") == 2


def test_several_puts_of_a_turn_are_all_undone():
    dirty: set[str] = set()
    entities, store = numbers(dirty=dirty)
    store.put("a", 1)
    entities.install()
    for state in (2, 3):
        store.put("a", state)
        store.put("b", state)
    entities.discard()
    assert (store.states, dirty) == ({"a": 1}, {"a"})


def test_a_false_looking_state_is_a_state():
    entities, store = numbers(load=lambda _key: 7)
    store.put("a", 5)
    entities.install()
    store.put("a", 0)
    assert store.get("a") == 0
    entities.install()
    store.put("a", 1)
    entities.discard()
    assert store.get("a") == 0


def test_a_state_changed_in_place_is_noticed_where_somebody_asks():
    dirty: set[str] = set()
    _entities, store = numbers(dirty=dirty)
    store.touch("a")
    assert dirty == {"a"}
    _entities, store = numbers()
    store.touch("a")
    assert store.states == {}


def test_dirty_collects_changed_keys_until_the_owner_clears_it():
    dirty: set[str] = set()
    entities, store = numbers(dirty=dirty)
    store.put("a", 1)
    store.put("b", 1)
    entities.install()
    assert dirty == {"a", "b"}
    dirty.clear()
    store.put("c", 1)
    entities.discard()
    assert dirty == set()


def test_a_store_is_iterated_and_counted_by_states_in_memory():
    entities, store = numbers(load={"c": 3}.get)
    store.put("a", 1)
    store.put("b", 2)
    entities.install()
    assert (sorted(store), len(store), "a" in store, "c" in store) == ([1, 2], 2, True, False)


def test_a_miss_is_loaded_once_and_kept():
    asked: list[str] = []

    def load(key: str) -> int | None:
        asked.append(key)
        return 7 if key == "a" else None

    _entities, store = numbers(load=load)
    assert [store.get("a"), store.get("a"), store.get("b")] == [7, 7, None]
    assert asked == ["a", "b"]


def test_a_loaded_state_survives_the_discard_of_its_turn_and_is_not_dirty():
    dirty: set[str] = set()
    entities, store = numbers(load={"a": 7}.get, dirty=dirty)
    assert store.get("a") == 7
    store.put("b", 1)
    entities.discard()
    assert (store.states, dirty) == ({"a": 7}, set())


def test_a_passivated_entity_leaves_memory_and_comes_back():
    disk: dict[str, int] = {}
    entities, store = numbers(load=disk.get)
    store.put("a", 1)
    entities.install()
    disk["a"] = 1
    assert store.passivate("a")
    assert "a" not in store
    assert store.get("a") == 1
    assert not store.passivate("absent")


def test_what_is_not_yet_seen_by_its_owner_is_not_passivated():
    dirty: set[str] = set()
    entities, store = numbers(load=lambda _key: None, dirty=dirty)
    store.put("a", 1)
    entities.install()
    assert not store.passivate("a")
    dirty.clear()
    assert store.passivate("a")


def test_a_loader_given_later_is_asked_and_one_taken_away_is_not():
    _entities, store = numbers()
    assert store.get("a") is None
    store.load = {"a": 7}.get
    assert store.get("a") == 7
    store.load = None
    assert (store.get("a"), store.get("b")) == (7, None)


def test_passivate_where_asks_about_all_or_only_some():
    entities, store = numbers(load=lambda _key: None)
    for key in "abcd":
        store.put(key, ord(key))
    entities.install()
    assert store.passivate_where(lambda _key, state: state > ord("a"), among=["a", "b", "b", "z"]) == 1
    assert store.passivate_where(lambda key, _state: key != "d") == 2
    assert list(store.states) == ["d"]


def test_passivate_all_lets_go_of_what_is_named_and_not_changed_meanwhile():
    dirty: set[str] = set()
    entities, store = numbers(load=lambda _key: None, dirty=dirty)
    for key in "abc":
        store.put(key, 1)
    entities.install()
    with pytest.raises(AssertionError, match="number: some changed meanwhile"):
        store.passivate_all(["a"])
    dirty.clear()
    store.put("c", 2)
    store.passivate_all({"a": 0, "b": 0})
    assert store.states == {"c": 2}
    with pytest.raises(KeyError):
        store.passivate_all(["a"])


def test_without_a_loader_nothing_is_passivated():
    entities, store = numbers()
    store.put("a", 1)
    entities.install()
    with pytest.raises(RuntimeError, match="number: without a loader"):
        store.passivate("a")
    with pytest.raises(RuntimeError, match="number: without a loader"):
        store.passivate_all(["a"])


@pytest.mark.parametrize("watched", [True, False])
def test_what_is_put_unnoted_stays_and_afterwards_turns_are_undone_again(watched: bool):
    dirty: set[str] | None = set() if watched else None
    entities, store = numbers(dirty=dirty)
    with entities.unnoted():
        store.put("a", 1)
        assert entities.changes == []
        entities.discard()
        assert store.get("a") == 1
    store.put("a", 2)
    store.put("b", 2)
    entities.discard()
    assert store.states == {"a": 1}
    assert dirty == ({"a"} if watched else None)


def test_a_kind_has_one_store():
    entities, store = numbers()
    assert entities.store("number") is store
    assert entities.kinds() == ["number"]
    with pytest.raises(ValueError, match="'number' exists"):
        entities.store("number", dirty=set())
