"""How the contract suites try a property: with Hypothesis, as often as its active profile says.

The suites need the library hypothesis (`pip install hypothesis`); nothing else in `ledger.testing` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy


def for_each(check: Callable[..., None], *drawn: SearchStrategy[Any]) -> None:
    """Call `check` with values of these strategies, many times; raises what it raises, for the smallest values that do.

    A test of a contract calls this instead of being decorated, so that several classes may inherit it.
    """
    settings(deadline=None)(given(*drawn)(check))()
