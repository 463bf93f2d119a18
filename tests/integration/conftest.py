"""Ledgers in processes of their own, and commands as a person types them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from ledger.cli import main
from ledger.testing import Child

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _this_checkout() -> Iterator[None]:
    """Child processes import this checkout, and colour nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT / "src"))
        patch.setenv("NO_COLOR", "1")
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Child]:
    """A running ledger with an empty journal and doors on free ports, to be killed at will."""
    with Child(tmp_path / "data") as child:
        child.start()
        yield child


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A running ledger that the tests of a module share: each names symbols and strategies of its own."""
    with Child(tmp_path_factory.mktemp("shared") / "data") as child:
        child.start()
        yield child
        assert child.stop() == 0


class Typed:
    """Runs commands in this process: exit code, and what stood on each stream."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main([str(each) for each in arguments])
        out, err = self._capsys.readouterr()
        return code, out, err

    def good(self, *arguments: object) -> str:
        """Standard output of a command that must succeed."""
        code, out, err = self(*arguments)
        assert code == 0, (out, err)
        return out

    def json(self, *arguments: object) -> object:
        """What a command that must succeed says with --json."""
        return msgspec.json.decode(self.good(*arguments, "--json"))


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """`typed("show", "orders", ...)` runs a command."""
    return Typed(capsys, monkeypatch)


@pytest.fixture
def spawned() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command in a process of its own; it is killed at the end of the test, should it still run."""
    running: list[subprocess.Popen[str]] = []

    def spawn(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ledger.cli", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield spawn
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def captures() -> Path:
    """The folder of market data captures; skips where it is absent."""
    folder = Path(os.environ.get("LEDGER_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no captures here; LEDGER_DATA names their folder")
    return folder
