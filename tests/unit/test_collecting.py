"""The collector of cycles keeps away while much is built, and comes back as it was."""

from __future__ import annotations

import gc

import pytest

from ledger.collecting import THRESHOLDS, collect_rarely, no_collection


def test_the_collector_is_off_within_and_on_again_after_even_if_the_work_fails() -> None:
    seen: list[bool] = []

    def failing_work() -> None:
        with no_collection():
            seen.append(gc.isenabled())
            raise KeyError

    with pytest.raises(KeyError):
        failing_work()
    assert seen == [False]
    assert gc.isenabled()


def test_a_collector_that_was_off_before_stays_off() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_collecting_rarely_freezes_what_exists_and_sets_the_thresholds() -> None:
    before = gc.get_threshold()
    frozen = gc.get_freeze_count()
    try:
        collect_rarely()
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_large_store_of_a_recovery_stays_frozen_when_more_is_put_into_it() -> None:
    before = gc.get_threshold()
    with no_collection():
        store = {("AAPL", str(number)): number for number in range(1000)}
    try:
        collect_rarely()
        store["MSFT", str(len(store))] = 1
        assert not any(it is store for it in gc.get_objects())  # which leaves out what is frozen
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
