"""The tests of the domain against each mutant: collected once, then run in a fork per mutant until one fails.

A mutant changes the inside of functions only, so it is put in place by giving each function its changed code.
"""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import pytest

from _mutants import Mutant, mutants_of, sampled

PATTERNS: Final = ("order_*.py", "position.py", "fill.py", "book*.py", "risk.py")
TESTS: Final = ("tests/unit/domain", "tests/unit/control")
SLOW: Final = "tests/unit/domain/test_book_captures.py"
"""Whole captures, for each mutant once more: too long."""
WAIT_S: Final = 120
KILLED, LIVED, HUNG = "killed", "lived", "hung"


class _Plays:
    """A pytest plugin: instead of running the tests once, runs them for each mutant."""

    def __init__(self, chosen: list[Mutant]) -> None:
        self._chosen = chosen
        self.outcomes: list[tuple[Mutant, str]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        assert session.items, "no tests were collected"
        if _play(session, None) != LIVED:
            raise pytest.UsageError("the tests fail without any mutant")
        for mutant in self._chosen:
            outcome = _play(session, mutant)
            self.outcomes.append((mutant, outcome))
            if outcome == LIVED:
                os.write(_OUT, f"lived: {mutant.module}.py:{mutant.line} {mutant.what}\n".encode())
        return True


_OUT: Final = 3
"""Where what lived is told while it goes on: standard output, kept before pytest takes it."""


def run(root: Path, count: int, seed: int, modules: list[str]) -> int:
    """Play the sample and print the share that was killed, then what lived."""
    domain = root / "src" / "ledger" / "domain"
    paths = sorted({path for pattern in PATTERNS for path in domain.glob(pattern)})
    paths = [path for path in paths if not modules or path.stem in modules]
    every = [mutant for path in paths for mutant in mutants_of(path.stem, path.read_text())]
    chosen = sampled(every, count, seed)
    print(f"{len(chosen)} of {len(every)} mutants of {len(paths)} modules, seed {seed}", flush=True)
    os.dup2(1, _OUT)
    os.chdir(root)
    plays = _Plays(chosen)
    pytest.main(
        ["-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", f"--ignore={SLOW}", *TESTS], plugins=[plays]
    )
    _report(plays.outcomes)
    return 0 if len(plays.outcomes) == len(chosen) else 1


def _report(outcomes: list[tuple[Mutant, str]]) -> None:
    total = Counter(outcome for _, outcome in outcomes)
    by_module = Counter((mutant.module, outcome) for mutant, outcome in outcomes)
    killed = total[KILLED] + total[HUNG]
    print(f"{killed} of {len(outcomes)} killed, {100 * killed / max(1, len(outcomes)):.1f} % ({dict(total)})")
    for module in sorted({mutant.module for mutant, _ in outcomes}):
        dead = by_module[module, KILLED] + by_module[module, HUNG]
        print(f"  {module}: {dead} killed, {by_module[module, LIVED]} lived")


def _play(session: pytest.Session, mutant: Mutant | None) -> str:
    child = os.fork()
    if child == 0:
        _run_tests(session, mutant)
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return LIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG


def _run_tests(session: pytest.Session, mutant: Mutant | None) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 1
    try:
        if mutant is not None:
            _put_in_place(mutant)
        items = session.items
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                break
        code = int(session.testsfailed > 0)
    finally:
        os._exit(code)


def _put_in_place(mutant: Mutant) -> None:
    module = importlib.import_module(f"ledger.domain.{mutant.module}")
    compiled = compile(mutant.source, f"<mutant of {mutant.module}>", "exec")
    changed = {code.co_qualname: code for code in _codes(compiled)}
    for function in _functions(module):
        code = changed.get(function.__qualname__)
        if code is not None and code.co_freevars == function.__code__.co_freevars:
            function.__code__ = code


def _codes(code: CodeType) -> list[CodeType]:
    """The code of every function at the top of a module or class."""
    found: list[CodeType] = []
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found += [each, *(_codes(each) if not each.co_flags & 1 else ())]
    return found


def _functions(module: ModuleType) -> list[FunctionType]:
    found: list[FunctionType] = []
    places: list[Any] = [module, *(each for each in vars(module).values() if isinstance(each, type))]
    for place in places:
        for each in list(vars(place).values()):
            each = getattr(each, "fget", None) or getattr(each, "__wrapped__", each)
            if isinstance(each, FunctionType) and each.__module__ == module.__name__:
                found.append(each)
    return found
