"""tools/vectors says yes to the project's vectors and names the case when one digit is changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "domain_vectors.json"


def vectors(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); import _vectors as v; "
    code += "sys.exit(v.report(v.run(sys.argv[1]), as_json='--json' in sys.argv))"
    command = [sys.executable, "-c", code, str(ROOT / "tools"), *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_every_case_of_the_file_passes_with_a_line_each() -> None:
    done = vectors(VECTORS)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("FAIL")] == []
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[-1] == f"{len(lines) - 1} passed, 0 failed"
    assert {line.split()[1] for line in lines[:-1]} == {
        f"{group}:" for group in json.loads(VECTORS.read_text())
    }


@pytest.mark.parametrize(
    ("group", "change", "difference"),
    [
        (
            "position_vectors",
            lambda it: it[0]["after_each"][1].update(cost=1),
            "after fill 2, cost: wanted 1",
        ),
        (
            "position_bust_cases",
            lambda it: it["cases"][0]["expect"].update(cycle=7),
            "cycle: wanted 7, got 1",
        ),
        ("book_cases", lambda it: it[0]["deltas"][1].update(do="gap"), "delta 98..103, do: wanted gap"),
        ("book_cases", lambda it: it[0].update(state_after="LIVE"), "state_after: wanted LIVE, got STALE"),
    ],
)
def test_a_case_that_differs_is_named_and_the_exit_code_is_one(tmp_path, group, change, difference) -> None:
    content = json.loads(VECTORS.read_text())
    change(content[group])
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(content))
    done = vectors(wrong, "--json")
    report = json.loads(done.stdout)
    bad = [case for case in report["cases"] if not case["ok"]]
    assert (done.returncode, report["failed"], len(bad)) == (1, 1, 1)
    assert bad[0]["group"] == group
    assert difference in bad[0]["difference"]


def test_futures_and_quarantined_deltas_are_understood(tmp_path) -> None:
    levels = {"bids": [[100, 5]], "asks": [[102, 5]]}
    negative = {"U": 3, "u": 3, "side": "ask", "px": 102, "qty": -1, "do": "quarantine"}
    cases = [
        {
            "name": "futures",
            "snapshot_id": 100,
            "deltas": [
                {"U": 90, "u": 99, "pu": 89, "do": "drop"},
                {"U": 95, "u": 100, "pu": 94, "do": "apply"},
                {"U": 107, "u": 110, "pu": 100, "do": "apply"},
                {"U": 111, "u": 115, "pu": 109, "do": "gap", "anomaly": "BOOK_GAP"},
            ],
            "state_after": "STALE",
        },
        {"name": "negative", "snapshot_id": 2, **levels, "deltas": [negative], "state_after": "STALE"},
    ]
    path = tmp_path / "more.json"
    path.write_text(json.dumps({"book_cases": cases}))
    done = vectors(path)
    assert done.stdout.splitlines() == [
        "ok   book_cases: futures",
        "ok   book_cases: negative",
        "2 passed, 0 failed",
    ]
