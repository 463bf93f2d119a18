"""Follower processes killed anywhere, files of theirs damaged anywhere: what is started next has the journal's state."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from followed import digests_of, flip, follow, follower_of, index_path, recovered
from ledger.engine import replay
from ledger.journal import list_snapshots, mark_damaged
from ledger.projections.follower import Follower
from ledger.testing import Child
from ledger.testing.simulation import Plan, simulate

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from ledger.projections.follower import Follower
follower = Follower(Path(sys.argv[1]), 0, snapshot_events=300, snapshots_kept=3, say=print, checkpoint_events=60)
follower.take()
follower.open()
print("open", flush=True)
while follower.step():
    pass
follower.close()
print("closed", flush=True)
"""
"""A follower that writes often."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A journal of some thousand events."""
    yield made(tmp_path_factory.mktemp("whole") / "data")
