"""The invariants of the domain specification, by number: each has a property that names it."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
NUMBERS = set(range(1, 39))
"""I-1 to I-38; I-39 to I-45 are of projections and segments, and are named in their contract's and crash tests."""
NAMED = re.compile(r"I-(\d+)(?: to I-(\d+))?")


def numbers_in(text: str | None) -> set[int]:
    """`I-3 to I-5` names what lies between too."""
    found: set[int] = set()
    for first, last in NAMED.findall(text or ""):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def named_by_tests() -> dict[str, set[int]]:
    """By test function, or rule of a machine: what its docstring names. Inherited ones are found where they stand."""
    found: dict[str, set[int]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path.stem == Path(__file__).stem:
            continue
        sys.path.insert(0, str(HERE))
        try:
            module = importlib.import_module(path.stem)
        finally:
            sys.path.remove(str(HERE))
        for name, each in vars(module).items():
            if name.startswith("test_"):
                found[f"{path.stem}:{name}"] = numbers_in(inspect.getdoc(each))
            elif inspect.isclass(each) and _is_collected(name, each):
                for method, function in inspect.getmembers(each, inspect.isfunction):
                    found[f"{path.stem}:{name}.{method}"] = numbers_in(function.__doc__)
    return found


def _is_collected(name: str, each: type) -> bool:
    return name.startswith("Test") or name.endswith(("Machine", "Desk"))


def test_each_invariant_is_named_by_a_property() -> None:
    named = named_by_tests()
    assert NUMBERS - set().union(*named.values()) == set()


def test_a_contract_of_ours_brings_its_numbers_with_it() -> None:
    named = named_by_tests()
    assert (
        34
        in named[
            "test_position_properties:TestPositions.test_profit_is_within_half_a_unit_a_close_and_exact_when_flat"
        ]
    )
    assert numbers_in("I-2, I-5 to I-7 and I-9: as before") == {2, 5, 6, 7, 9}
