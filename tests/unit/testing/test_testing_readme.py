"""Every Python block of the testing page runs as it stands and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ledger.testing

README = (Path(ledger.testing.__file__).parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_page_has_examples_and_names_what_can_be_imported() -> None:
    assert len(BLOCKS) == 3
    shown = ("Venue", "Books", "simulate", "Child", "Recorder", "look_up", "Simulated")
    assert all(name in README and name in ledger.testing.__all__ for name in shown)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_example_prints_what_its_comments_say(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block, "<README>", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*# (.*)$", block, re.MULTILINE)
