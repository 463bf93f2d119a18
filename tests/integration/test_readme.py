"""README's client code runs as it stands and prints what the README says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ledger.testing import Child

README = Path(__file__).parents[2] / "README.md"
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRINTS = re.compile(r"^prints `([^`]*)`", re.MULTILINE)


def test_the_readmes_client_code_prints_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = README.read_text(encoding="utf-8")
    (code,), (said,) = CODE.findall(text), PRINTS.findall(text)
    assert "127.0.0.1:5557" in code
    with Child(tmp_path / "data") as ledger:
        endpoint = ledger.start()["endpoints"]["commands"].removeprefix("tcp://")
        exec(compile(code.replace("127.0.0.1:5557", endpoint), "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == said
