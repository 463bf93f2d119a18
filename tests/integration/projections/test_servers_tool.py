"""`tools/servers`: up, status, an overlay that a ledger is served with, down."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.client import connect
from ledger.testing import Child
from real_servers import must_have

ROOT = Path(__file__).resolve().parents[3]
RUN = "import sys; sys.path[:0] = ['tools', 'src']; from _servers import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory("-ledger-servers") as folder:
        monkeypatch.setenv("LEDGER_SERVERS", folder)
        yield Path(folder)
        servers("clean")


def servers(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_ledger_is_served_with_what_was_brought_up(home: Path, tmp_path: Path) -> None:
    must_have("redis")
    code, said = servers("up", "redis")
    assert code == 0, said
    assert "redis      running  127.0.0.1:" in said
    overlay = home / "local.yaml"
    assert "serve --config" in said
    with Child(tmp_path / "data", config=overlay) as child:
        child.start()
        with connect(tmp_path / "data") as ledger:
            ledger.define_instrument(symbol="AAPL", exchange="XNAS", price_scale=4, qty_scale=0)
            head = ledger.head()["journals"]["trading"][0]["head"]
            ledger.wait_for(head, projection="redis", timeout=30)
        child.stop()
    assert servers("up", "redis")[0] == 0, "what runs already is left as it is"
    code, said = servers("down")
    assert (code, "redis      stopped" in said) == (0, True), said
    assert not overlay.exists()
    assert servers("sideways")[0] == 2


@pytest.mark.slow
def test_where_no_projection_writes_to_what_runs_no_overlay_is_named(home: Path) -> None:
    must_have("kafka")
    code, said = servers("up", "kafka")
    assert code == 0, said
    assert "kafka      running  127.0.0.1:" in said
    assert "serve --config" not in said
    assert not (home / "local.yaml").exists()
    code, said = servers("down", "kafka")
    assert (code, "kafka      stopped" in said) == (0, True), said
