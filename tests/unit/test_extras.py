"""A library that comes with an extra and is absent: one line that says what to install."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from ledger.cli import main
from ledger.extras import EXTRA_OF, missing_extra

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("module", sorted(EXTRA_OF))
def test_an_absent_library_names_its_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        __import__(f"{module}.something")
    missing = missing_extra(caught.value)
    assert missing is not None
    assert f"'ledger-engine[{EXTRA_OF[module]}]'" in str(missing)


def test_another_failed_import_is_no_extra() -> None:
    assert missing_extra(ImportError("no", name="no_such_module")) is None


def test_every_extra_that_is_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRA_OF.values()) <= set(extras)


def test_the_command_line_says_it_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.startswith("ledger.projections.redis")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    assert main(["project", "redis", "--data", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "pip install 'ledger-engine[redis]'" in line
