"""The cycle collector is held off while a world runs, and what was made meanwhile is not walked afterwards."""

from __future__ import annotations

import gc

from kubelab.world.collector import held_off


def test_nothing_is_collected_inside_and_all_is_as_before_afterwards() -> None:
    assert gc.isenabled()
    with held_off():
        assert not gc.isenabled()
        made = [[] for _ in range(10_000)]
    assert gc.isenabled()
    assert len(made) == 10_000
    assert gc.get_freeze_count() == 0


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with held_off():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_objects_that_somebody_froze_stay_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        with held_off():
            pass
        assert gc.get_freeze_count() >= frozen - 10  # a few may have been freed
    finally:
        gc.unfreeze()


def test_cycles_made_inside_are_found_by_a_full_collection() -> None:
    with held_off():
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
    assert gc.collect() >= 1
