"""A ledger whose reader goes away: nobody has to listen for it to run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from ledger.endpoints import ENDPOINTS_FILE

WAIT_S = 30.0
STEP_S = 0.02


def _closed_pipe() -> int:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def _serve(data: Path, out: int | IO[bytes], err: int | IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ledger.cli", "serve", "--data", str(data), "--set", "doors.base_port=0"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)


def _wait_until_it_listens(process: subprocess.Popen[bytes], data: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while not (data / ENDPOINTS_FILE).exists():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline, "it never listened"
        try:
            process.wait(STEP_S)
        except subprocess.TimeoutExpired:
            continue


@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_a_ledger_whose_output_nobody_reads_runs_and_stops_cleanly(
    closed: str, tmp_path: Path, typed: object
) -> None:
    pipe = _closed_pipe()
    out = subprocess.DEVNULL if closed == "stderr" else pipe
    err = subprocess.DEVNULL if closed == "stdout" else pipe
    process = _serve(tmp_path / "data", out, err)
    try:
        _wait_until_it_listens(process, tmp_path / "data")
        assert typed("status", "--data", tmp_path / "data")[0] == 0  # type: ignore[operator]
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(pipe)
