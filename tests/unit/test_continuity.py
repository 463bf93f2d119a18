"""One topic's numbers: what is new, what came before, and what must be read elsewhere."""

from __future__ import annotations

import pytest

from ledger.client.continuity import Continuity, Header


def header(seq: int, prev: int, epoch: int = 1) -> Header:
    return Header(0, epoch, seq, prev, seq)


@pytest.mark.parametrize(
    ("known", "seq", "prev", "payload", "missing"),
    [
        (7, 9, 7, True, None),
        (8, 9, 7, True, None),
        (7, 9, 8, True, (8, 9)),
        (7, 9, 8, False, (8, 9)),
        (7, 9, 7, False, (8, 9)),
        (7, 9, 0, True, (8, 9)),
        (9, 9, 7, False, None),
        (9, 9, 7, True, None),
    ],
)
def test_a_message_is_new_or_known_or_shows_what_is_missing(
    known: int, seq: int, prev: int, payload: bool, missing: tuple[int, int] | None
) -> None:
    at = Continuity(known)
    assert at.judge(header(seq, prev), payload) == missing
    assert at.lost == (missing is not None)
    assert at.repeated == (payload and seq <= known)
