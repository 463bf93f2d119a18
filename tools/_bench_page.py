"""The figures of a run as tables of Markdown, written between two marks of a page (PERFORMANCE.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from _bench_goals import verdicts

BEGIN: Final = "<!-- figures: written by tools/bench --into -->"
END: Final = "<!-- end of figures -->"
TITLES: Final = {
    "disk": "Disk",
    "orders": "Orders with their reports, in process",
    "lmdb": "The same with `journal.trading.commit: lmdb`",
    "market": "Quotes and depth, in process",
    "symbols": "Symbols",
    "budget": "Budget of one input, step by step",
    "actors": "Actors alone",
    "door": "Over the doors",
    "stream": "Market data in to publication out, and idling",
    "memory": "Memory",
    "growth": "Growth: each size against the size below it",
    "projections": "Projections: cold rebuild against prepared rows, and steady lag",
    "peer": "Peers, against the ledger at the same number in flight",
}


def write_into(page: Path, document: dict[str, Any]) -> None:
    """Put the run's tables between the page's marks. ValueError if it has none."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no line {BEGIN!r} followed by {END!r}")
    page.write_text(f"{before}{BEGIN}\n{_tables(document)}\n{END}{after}", encoding="utf-8")


def _tables(document: dict[str, Any]) -> str:
    about = ", ".join(f"{key} {value}" for key, value in document["machine"].items())
    checked = ", ".join(f"{number:,} {what}" for what, number in document["checked"].items())
    lines = [f"Machine: {about}. {document['rounds']} interleaved rounds, seed {document['seed']}.", ""]
    lines += ["### Goals", "", "| goal | at most | seen | |", "|---|--:|--:|---|"]
    lines += [f"| {' | '.join(row)} |" for row in verdicts(document["results"])]
    lines.append("")
    for key, title in TITLES.items():
        rows = [it for it in document["results"] if it["name"].split()[0] == key]
        if rows:
            lines += [
                f"### {title}",
                "",
                "| what | median | low | high | unit | x floor | |",
                "|---|--:|--:|--:|---|--:|---|",
            ]
            lines += [_row(it) for it in rows]
            lines.append("")
    return "\n".join([*lines, f"Checked: {checked}."])


def _row(it: dict[str, Any]) -> str:
    ratio = "" if it["ratio"] is None else f"{it['ratio']:.2f}"
    cells = [
        it["name"],
        *(figure(it[key]) for key in ("median", "low", "high")),
        it["unit"],
        ratio,
        it["note"],
    ]
    return f"| {' | '.join(cells)} |"


def figure(value: float | None) -> str:
    """A figure as a person reads it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
