"""The example of a projection of one's own passes the core contract, and runs as a child of `serve`."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from ledger.testing.projection_contract import ProjectionContract

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


class TurnoverStore:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sink(self):
        sys.path.insert(0, str(EXAMPLES))
        try:
            from projection import Turnover
        finally:
            sys.path.remove(str(EXAMPLES))
        return Turnover(str(self._path))

    def contents(self):
        database = sqlite3.connect(self._path)
        rows = database.execute("select strategy, symbol, bought, sold from turnover").fetchall()
        database.close()
        return {("turnover", (strategy, symbol)): (bought, sold) for strategy, symbol, bought, sold in rows}


class TestTurnover(ProjectionContract):
    def store(self, directory: Path) -> TurnoverStore:
        directory.mkdir(exist_ok=True)
        return TurnoverStore(directory / "turnover.sqlite")


def test_the_example_is_under_60_lines() -> None:
    assert len((EXAMPLES / "projection.py").read_text().splitlines()) < 60
