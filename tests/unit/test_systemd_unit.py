"""The systemd unit starts what there is, and leaves a refused start alone."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

from ledger.app import DRAIN_S
from ledger.cli import COMMANDS
from ledger.cli.exits import REFUSED

UNIT = Path(__file__).resolve().parents[2] / "config" / "ledger.service"


def test_the_unit_runs_serve_and_gives_it_time_to_drain() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    program, command, *options = shlex.split(service["ExecStart"])
    assert Path(program).name in ("ledger", "ledger-engine")
    assert command in COMMANDS
    assert options[0] == "--config"
    assert float(service["TimeoutStopSec"]) > 2 * DRAIN_S
    assert service["RestartPreventExitStatus"] == str(REFUSED)
