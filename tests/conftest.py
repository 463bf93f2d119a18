"""What all tests share: how many examples property tests try, and that they try the same ones every time.

`HYPOTHESIS_PROFILE=deep tools/test tests/properties` looks for new ones, ten times as many.
"""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, Phase, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts us in its background makes us deaf to Ctrl-C, and with us whatever a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("ci"), derandomize=False, max_examples=1000)
_FIRST = [Phase.explicit, Phase.generate]
settings.register_profile(
    "mutants", settings.get_profile("ci"), max_examples=20, phases=_FIRST
)  # tools/mutate
settings.register_profile(
    "found", settings.get_profile("ci"), max_examples=3000, phases=_FIRST
)  # the first failure
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


SLOW = {"crash", "partitions", "projections", "proof", "properties", "questdb", "redis"}
"""Directories of tests that try many examples, kill processes or run databases: too long for every commit."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of those run with `tools/test`; `tools/test --fast` leaves them out."""
    for item in items:
        if item.path.parent.name in SLOW and "unit" not in item.path.parts:
            item.add_marker(pytest.mark.slow)
