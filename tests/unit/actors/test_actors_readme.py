"""Every Python block of the package's README runs as it stands and prints what it says."""

import re
from pathlib import Path

import pytest

import actors

README = (Path(actors.__file__).parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_readme_has_an_example():
    assert BLOCKS
    assert all(len(block.splitlines()) < 40 for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_example_prints_what_its_comments_say(block: str, capsys: pytest.CaptureFixture[str]):
    exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*# (.*)$", block, re.MULTILINE)
