"""The tests of the domain against each mutant: collected once, then run in a fork per mutant until one fails.

A mutant changes the inside of one function, so it is put in place by giving that function its changed code. One run
without a mutant tells which test comes to which function: no other test can notice the change, so only these are run,
the quickest first.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

import msgspec
import pytest

from _mutants import Mutant, changed, mutants_of, sampled

TESTS: Final = (
    "tests/unit/domain",
    "tests/unit/control",
    "tests/unit/engine",
    "tests/properties/test_order_properties.py",
    "tests/properties/test_position_properties.py",
    "tests/properties/test_book_properties.py",
    "tests/properties/test_control_properties.py",
    "tests/integration/operations",
)
WITHOUT: Final = ("tests/unit/domain/test_book_captures.py",)
"""Whole captures, for each mutant once more: too long."""
HUNG_S: Final = 60.0
"""A mutant is hung after so long and twice what its tests took without it."""
KILLED, LIVED, HUNG, UNSEEN = "killed", "lived", "hung", "unseen"


class Reached(msgspec.Struct):
    """How long a test takes, and to which functions of the domain it comes, as module:qualified name."""

    seconds: float
    functions: set[str]


class _Plays:
    """A pytest plugin: instead of running the tests once, runs them for each mutant."""

    def __init__(self, chosen: list[Mutant]) -> None:
        self._chosen = chosen
        self.outcomes: list[tuple[Mutant, str]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        assert session.items, "no tests were collected"
        reached = _reach(session)
        for number, mutant in enumerate(self._chosen, 1):
            outcome = _play(session, reached, mutant)
            self.outcomes.append((mutant, outcome))
            if outcome in (LIVED, UNSEEN):
                _tell(f"{outcome}: {mutant.module}.py:{mutant.line} {mutant.what} in {mutant.function}")
            if number % 50 == 0:
                killed = sum(each in (KILLED, HUNG) for _, each in self.outcomes)
                _tell(f"so far {killed} of {number} killed")
        return True


_OUT: Final = 3
"""Where it is told how it goes on: standard output, kept before pytest takes it."""


def _tell(sentence: str) -> None:
    os.write(_OUT, f"{sentence}\n".encode())


def run(root: Path, count: int, seed: int, modules: Sequence[str], at: Sequence[str] = ()) -> int:
    """Play a sample, or every mutant at these places (module.py:line); print what lived and the share that was killed."""
    paths = sorted((root / "src" / "ledger" / "domain").glob("*.py"))
    paths = [path for path in paths if not modules or path.stem in modules]
    every = [mutant for path in paths for mutant in mutants_of(path.stem, path.read_text())]
    chosen = sampled(every, count, seed)
    if at:
        chosen = [mutant for mutant in every if f"{mutant.module}.py:{mutant.line}" in at]
    print(f"{len(chosen)} of {len(every)} mutants of {len(paths)} modules, seed {seed}", flush=True)
    os.dup2(1, _OUT)
    os.chdir(root)
    plays = _Plays(chosen)
    options = ["-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"]
    pytest.main([*options, *(f"--ignore={path}" for path in WITHOUT), *TESTS], plugins=[plays])
    _report(plays.outcomes)
    return 0 if len(plays.outcomes) == len(chosen) else 1


def _report(outcomes: list[tuple[Mutant, str]]) -> None:
    total = Counter(outcome for _, outcome in outcomes)
    by_module = Counter((mutant.module, outcome in (KILLED, HUNG)) for mutant, outcome in outcomes)
    killed = total[KILLED] + total[HUNG]
    print(f"{killed} of {len(outcomes)} killed, {100 * killed / max(1, len(outcomes)):.1f} % ({dict(total)})")
    for module in sorted({mutant.module for mutant, _ in outcomes}):
        print(f"  {module}: {by_module[module, True]} killed, {by_module[module, False]} lived")


# ---- which test comes where --------------------------------------------------------------------------------


def _reach(session: pytest.Session) -> dict[str, Reached]:
    """Run every test once, watched; those that fail are not among the answers."""
    with tempfile.NamedTemporaryFile() as told:
        child = os.fork()
        if child == 0:
            _watch(session, told.name)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            raise pytest.UsageError("the tests could not be run without a mutant")
        found = msgspec.msgpack.decode(Path(told.name).read_bytes(), type=dict[str, Reached])
    _tell(f"{len(found)} tests in {sum(each.seconds for each in found.values()):.0f} s")
    return found


def _watch(session: pytest.Session, into: str) -> None:
    code = 1
    try:
        _silence()
        reached: dict[str, Reached] = {}
        seen: set[str] = set()
        domain = f"{os.sep}ledger{os.sep}domain{os.sep}"

        def note(frame: FrameType, event: str, _arg: object) -> None:
            if event == "call" and domain in frame.f_code.co_filename:
                seen.add(f"{Path(frame.f_code.co_filename).stem}:{frame.f_code.co_qualname}")

        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            seen.clear()
            began = time.monotonic()
            threading.setprofile(note)
            sys.setprofile(note)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            sys.setprofile(None)
            reached[item.nodeid] = Reached(time.monotonic() - began, set(seen))
            if session.testsfailed:  # one that needs a quiet machine proves nothing here
                _tell(f"left out, since it fails by itself: {item.nodeid}")
                del reached[item.nodeid]
                session.testsfailed = 0
        Path(into).write_bytes(msgspec.msgpack.encode(reached))
        code = 0
    finally:
        os._exit(code)


# ---- a mutant ----------------------------------------------------------------------------------------------


def _play(session: pytest.Session, reached: dict[str, Reached], mutant: Mutant) -> str:
    place = f"{mutant.module}:{mutant.function}"
    known = [item for item in session.items if item.nodeid in reached]
    items = [item for item in known if place in reached[item.nodeid].functions]
    if not items:
        return UNSEEN
    items.sort(key=lambda item: reached[item.nodeid].seconds)
    until = time.monotonic() + HUNG_S + 2 * sum(reached[item.nodeid].seconds for item in items)
    child = os.fork()
    if child == 0:
        _run_tests(session, items, mutant)
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return LIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG


def _run_tests(session: pytest.Session, items: Sequence[pytest.Item], mutant: Mutant) -> None:
    code = 1
    try:
        _silence()
        _put_in_place(mutant)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                break
        code = int(session.testsfailed > 0)
    finally:
        os._exit(code)


def _silence() -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)


def _put_in_place(mutant: Mutant) -> None:
    """Raises AssertionError, which would count as killed, only if the function is not where its name says."""
    module = importlib.import_module(f"ledger.domain.{mutant.module}")
    assert module.__file__ is not None
    source = changed(mutant, Path(module.__file__).read_text())
    compiled = compile(source, f"<mutant of {mutant.module}>", "exec")
    (code,) = (code for code in _codes(compiled) if code.co_qualname == mutant.function)
    function = _function(module, mutant.function)
    assert code.co_freevars == function.__code__.co_freevars
    function.__code__ = code


def _codes(code: CodeType) -> list[CodeType]:
    """The code of every function at the top of a module or class."""
    found: list[CodeType] = []
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found += [each, *(_codes(each) if not each.co_flags & 1 else ())]
    return found


def _function(module: ModuleType, qualname: str) -> FunctionType:
    place: Any = module
    for name in qualname.split("."):
        place = vars(place)[name]
    place = getattr(place, "fget", None) or getattr(place, "__wrapped__", place)
    return getattr(place, "__func__", place)
