"""The wheel: built without a network, installed where there is no checkout, it proves itself with its demo."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO_S = 180


def run(*command: object, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, env=env, timeout=DEMO_S, check=False
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hatchling = pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
    env = {**os.environ, "PYTHONPATH": str(Path(hatchling.__file__).parents[1])}
    out = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", out)
    run(sys.executable, "-m", "pip", "wheel", *options, ROOT, env=env)
    (built,) = out.glob("ledger_engine-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_both_typed_packages_and_nothing_of_the_checkout(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"ledger/py.typed", "actors/py.typed", "ledger/cli/__init__.py"} <= set(names)
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ledger", "actors"}


@pytest.mark.slow
def test_an_installed_wheel_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    """In an environment that has the wheel and, by a path, the libraries of this one, but not this checkout."""
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    options = ("--no-deps", "--no-index", "--quiet")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", env=env).strip())
    # A path in a .pth file is only looked into; the .pth files in it, such as an editable checkout's, are not read.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-c", "import ledger; print(ledger.__file__)", env=env).strip()
    assert Path(where).is_relative_to(home)
    out = run(home / "bin" / "ledger-engine", "demo", env=env)
    assert "lost 0   doubled 0" in out
