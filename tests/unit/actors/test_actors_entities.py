"""States change in whole turns, and passivated ones come back."""

import pytest

from actors import Entities, Store


def numbers(**options) -> tuple[Entities, Store[str, int]]:
    entities = Entities()
    return entities, entities.store("number", **options)


def test_a_turn_sees_what_it_has_put_and_nobody_else_does():
    entities, store = numbers()
    store.put("a", 1)
    assert store.get("a") == 1
    assert dict(store.states) == {}
    entities.install()
    assert dict(store.states) == {"a": 1}
    assert entities.touched == []


def test_install_moves_all_stores_of_a_turn_at_once():
    entities = Entities()
    orders: Store[str, int] = entities.store("order")
    positions: Store[str, int] = entities.store("position")
    orders.put("c1", 1)
    positions.put("p", 2)
    positions.put("q", 3)
    assert (len(orders), len(positions)) == (0, 0)
    entities.install()
    assert (orders.states, positions.states) == ({"c1": 1}, {"p": 2, "q": 3})


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


def test_a_staged_false_looking_state_hides_the_installed_one():
    entities, store = numbers()
    store.put("a", 5)
    entities.install()
    store.put("a", 0)
    assert store.get("a") == 0


def test_dirty_collects_installed_keys_until_the_owner_clears_it():
    dirty: set[str] = set()
    entities, store = numbers(dirty=dirty)
    store.put("a", 1)
    store.put("b", 1)
    assert dirty == set()
    entities.install()
    assert dirty == {"a", "b"}
    dirty.clear()
    store.put("c", 1)
    entities.discard()
    assert dirty == set()


def test_a_store_is_iterated_and_counted_by_installed_states():
    entities, store = numbers()
    store.put("a", 1)
    store.put("b", 2)
    entities.install()
    store.put("c", 3)
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


def test_what_is_staged_or_not_yet_seen_by_its_owner_is_not_passivated():
    dirty: set[str] = set()
    entities, store = numbers(load=lambda _key: None, dirty=dirty)
    store.put("a", 1)
    entities.install()
    assert not store.passivate("a")
    dirty.clear()
    store.put("a", 2)
    assert not store.passivate("a")
    entities.discard()
    assert store.passivate("a")


def test_passivate_where_asks_about_all_or_only_some():
    entities, store = numbers(load=lambda _key: None)
    for key in "abcd":
        store.put(key, ord(key))
    entities.install()
    assert store.passivate_where(lambda _key, state: state > ord("a"), among=["a", "b", "b", "z"]) == 1
    assert store.passivate_where(lambda key, _state: key != "d") == 2
    assert list(store.states) == ["d"]


def test_without_a_loader_nothing_is_passivated():
    entities, store = numbers()
    store.put("a", 1)
    entities.install()
    with pytest.raises(RuntimeError, match="number: without a loader"):
        store.passivate("a")


def test_a_kind_has_one_store():
    entities, store = numbers()
    assert entities.store("number") is store
    assert entities.kinds() == ["number"]
    with pytest.raises(ValueError, match="'number' exists"):
        entities.store("number", dirty=set())
