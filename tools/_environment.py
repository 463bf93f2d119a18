"""The one place that makes the project's Python environment from its lock files.

`tools/ledger` needs the core lock, `tools/test` and the other tools the development lock. Each lock has an
environment of its own under `.venv*`, built once and built anew whenever the lock changes; a half-built one is
never used, because the stamp is written last.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ("requirements.lock", ".venv-core")
DEVELOPMENT = ("requirements-dev.lock", ".venv")


def _stamp(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()


def _ready(environment: Path, lock: Path) -> bool:
    stamp = environment / "lock.sha256"
    return stamp.is_file() and stamp.read_text() == _stamp(lock)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def _build(environment: Path, lock: Path) -> None:
    print(f"making {environment.name} from {lock.name} (once) ...", file=sys.stderr, flush=True)
    shutil.rmtree(environment, ignore_errors=True)
    python = environment / "bin" / "python"
    install = [
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "-r",
        str(lock),
    ]
    if _succeeds(sys.executable, "-m", "venv", str(environment)):
        done = _succeeds(str(python), "-m", "pip", *install)
    else:  # Debian without python3-venv: no ensurepip, but a pip of its own
        done = _succeeds(sys.executable, "-m", "venv", "--without-pip", str(environment)) and _succeeds(
            sys.executable, "-m", "pip", "--python", str(python), *install
        )
    if not done:
        sys.exit(
            f"{lock.name} could not be installed (see above); mend the network or pip, then run this again"
        )
    packages = next(environment.glob("lib/python3*/site-packages"))
    (packages / "ledger-checkout.pth").write_text(f"{ROOT / 'src'}\n")
    (environment / "lock.sha256").write_text(_stamp(lock))


def python_of(which: tuple[str, str]) -> str:
    """The interpreter of the environment made from that lock; builds it first if it is absent or out of date."""
    lock, environment = ROOT / which[0], ROOT / which[1]
    full = ROOT / DEVELOPMENT[1]
    if which == CORE and _ready(full, ROOT / DEVELOPMENT[0]):
        environment = full  # a superset that is already there
    elif not _ready(environment, lock):
        _build(environment, lock)
    return str(environment / "bin" / "python")


def reexecute(which: tuple[str, str], script: str) -> None:
    """Go on in that environment: replaces this process unless it already runs there."""
    python = python_of(which)
    if sys.prefix != str(Path(python).parent.parent):
        os.execv(python, [python, script, *sys.argv[1:]])
