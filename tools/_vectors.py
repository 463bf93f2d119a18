"""Runs every group of a vectors file and reports: one place that knows the groups and how a result is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _vector_books
import _vector_orders
import _vector_positions
from _vector_case import Difference

GROUPS: dict[str, Callable[[object], list[tuple[str, Callable[[], None]]]]] = {
    "fix_order_matrices": _vector_orders.matrices,
    "order_anomaly_cases": _vector_orders.anomaly_cases,
    "position_vectors": _vector_positions.cases,
    "position_bust_cases": _vector_positions.bust_cases,
    "book_cases": _vector_books.cases,
}


def run(path: str) -> list[dict[str, Any]]:
    """Every case with its group, name, whether it passed and what differs; ValueError if the file has none."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("an object of groups was expected")
    results = [
        {"group": group, "name": name, "ok": not difference, "difference": difference}
        for group, make in GROUPS.items()
        if group in content
        for name, case in make(content[group])
        for difference in [_difference(case)]
    ]
    if not results:
        raise ValueError(f"no cases; the groups are {', '.join(GROUPS)}")
    return results


def report(results: list[dict[str, Any]], *, as_json: bool) -> int:
    """Prints the results; the exit code."""
    failed = sum(not result["ok"] for result in results)
    passed = len(results) - failed
    if as_json:
        print(json.dumps({"cases": results, "passed": passed, "failed": failed}))
    else:
        for result in results:
            more = "" if result["ok"] else f": {result['difference']}"
            print(f"{'ok  ' if result['ok'] else 'FAIL'} {result['group']}: {result['name']}{more}")
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _difference(case: Callable[[], None]) -> str:
    try:
        case()
    except Difference as difference:
        return str(difference)
    except Exception as error:  # a case that breaks the code is a case that differs
        return f"{type(error).__name__}: {error}"
    return ""
