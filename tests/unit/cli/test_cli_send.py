"""What `send` makes of its input before anything is sent."""

from __future__ import annotations

import pytest

from ledger.cli.send import DOOR_OF, parsed
from ledger.domain.commands import COMMANDS
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.errors import Rejected


def test_lines_and_an_array_are_the_same_messages() -> None:
    assert parsed(b'{"a":1}\n\n{"a":2}\n') == parsed(b' [{"a":1},{"a":2}]') == [{"a": 1}, {"a": 2}]


def test_nothing_is_no_message() -> None:
    assert parsed(b"\n \n") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a":1}\n{"a":\n', "line 2"),
        (b'{"a":1}\n7\n', "line 2"),
        (b"[1]", "element 1"),
        (b"[{", "the array"),
        (b"\xff\n", "line 1"),
    ],
)
def test_what_is_no_message_is_named_by_its_line(text: bytes, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        parsed(text)


def test_every_command_and_fact_has_its_door() -> None:
    assert set(DOOR_OF) == {kind.__name__ for kind in (*COMMANDS, *REPORTS, *MARKET_DATA)}
