"""FIX 4.2-5.0 Appendix D matrices and order anomalies, from tests/vectors/domain_vectors.json."""

from __future__ import annotations

import pytest

from ledger.domain.codes import Code
from ledger.testing.order_desk import Desk
from order_vectors import ANOMALIES, ANY_REPLACE, MATRICES, MATRIX_QTY, play, seen


@pytest.mark.parametrize("name", MATRICES)
def test_a_fix_matrix_holds_row_by_row(name: str) -> None:
    """I-22."""
    desk = Desk(ANY_REPLACE)
    desk.submit(qty=MATRIX_QTY)
    for op, *args, expected in MATRICES[name]:
        outcome = play(desk, op, args)
        # C.2.a asks for the quantity that the order has, which we refuse before it leaves; the rows hold all the same.
        assert isinstance(outcome, list) or outcome.code is Code.NOTHING_TO_CHANGE  # type: ignore[union-attr]
        if expected is not None:
            assert seen(desk) == expected, (op, args)


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_case_ends_as_it_must_and_is_recorded(name: str) -> None:
    """I-22."""
    case = ANOMALIES[name]
    desk = Desk(ANY_REPLACE)
    desk.submit(qty=case["qty"])
    for op, *args in case["steps"]:
        play(desk, op, args)
    assert seen(desk) == case["expect"]
    beside = {"UNSOLICITED_CANCEL", "UNSOLICITED_REPLACE"}
    assert set(desk.anomalies()) - beside == set(case["anomalies"]) - beside
