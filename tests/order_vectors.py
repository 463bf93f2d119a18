"""The order cases of tests/vectors/domain_vectors.json, and how one step of them is played at a desk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ledger.domain import facts as f
from ledger.domain.context import OrderRules
from ledger.domain.enums import RequestKind
from ledger.domain.order import leaves, status_of_broker
from ledger.domain.order_state import request_of
from ledger.testing.order_desk import Desk, Outcome

VECTORS = json.loads((Path(__file__).parent / "vectors" / "domain_vectors.json").read_text())
MATRICES: dict[str, Any] = VECTORS["fix_order_matrices"]["cases"]
ANOMALIES: dict[str, Any] = VECTORS["order_anomaly_cases"]
MATRIX_QTY: int = VECTORS["fix_order_matrices"]["initial"]["qty"]
ANY_REPLACE = OrderRules(max_outstanding_replaces=0, replace_unacked=True, replace_filled=True)


def play(desk: Desk, op: str, args: list[Any]) -> Outcome:
    """One step of a case."""
    simple = {
        "accepted": f.ReportAccepted,
        "rejected": f.ReportRejected,
        "expired": f.ReportExpired,
        "done_for_day": f.ReportDoneForDay,
        "restated": f.ReportRestated,
        "pending_cancel": f.ReportPendingCancel,
        "pending_replace": f.ReportPendingReplace,
        "replaced": f.ReportReplaced,
    }
    if op in simple:
        return desk.report(simple[op], *args)
    if op == "canceled":
        return desk.report(f.ReportCanceled, args[1] if len(args) > 1 else True, args[0] or "")
    if op == "cancel_rej":
        request = request_of(desk.x, args[0])
        replace = request is not None and request.kind is RequestKind.REPLACE
        return desk.report(f.ReportReplaceRejected if replace else f.ReportCancelRejected, args[0])
    ours = {
        "fill": desk.fill,
        "bust": desk.bust,
        "correct": desk.correct,
        "cancel_req": desk.cancel,
        "replace_req": desk.replace,
    }
    return ours[op](*args)


def seen(desk: Desk) -> list[Any]:
    return [status_of_broker(desk.x).name, desk.x.qty, desk.x.cum, leaves(desk.x)]
