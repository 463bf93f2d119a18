"""A pid that a file names is killed only while it is a process of that directory."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from ledger.testing import kill_named


def test_only_a_process_of_the_directory_is_killed(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)", "--data"]
    ours, other = (subprocess.Popen([*sleep, str(tmp_path / name)]) for name in ("ours", "other"))
    try:
        assert not kill_named(other.pid, tmp_path / "ours")
        assert other.poll() is None
        assert kill_named(ours.pid, tmp_path / "ours")
        assert ours.wait(10) == -signal.SIGKILL
        assert not kill_named(ours.pid, tmp_path / "ours"), "it is gone"
    finally:
        other.kill()
        other.wait()
        ours.kill()
        ours.wait()
