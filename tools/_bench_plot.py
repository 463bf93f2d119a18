"""The run as pictures: what costs how many times its floor, the budget of one input, and the slopes of growth."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def plot(results: list[dict[str, Any]], directory: Path) -> list[Path]:
    """Write the pictures, SVG, and say which. Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    directory.mkdir(parents=True, exist_ok=True)
    pictures = {
        "ratios": _bars(
            [
                it
                for it in results
                if it["ratio"] is not None
                and not it["name"].startswith(("growth", "peer", "partitions"))
                and it["name"].rpartition(" ")[2] not in ("p99", "p99.9")
            ],
            "ratio",
            "times its floor",
        ),
        "budget": _bars([it for it in results if it["name"].startswith("budget")], "median", "us an input"),
        "growth": _bars(
            [it for it in results if it["name"].startswith("growth")], "median", "CPU us an input"
        ),
        "peers": _bars(
            [it for it in results if it["name"].startswith("peer")], "median", "durable events/s", is_log=True
        ),
    }
    written: list[Path] = []
    for name, figure in pictures.items():
        if figure is not None:
            path = directory / f"{name}.svg"
            figure.savefig(path, bbox_inches="tight")
            written.append(path)
    return written


def _bars(rows: list[dict[str, Any]], key: str, label: str, *, is_log: bool = False) -> Any:
    if not rows:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.8 + 0.26 * len(rows)))
    axes = figure.subplots()
    names = [it["name"] for it in reversed(rows)]
    axes.barh(names, [it[key] for it in reversed(rows)], color="#4477aa")
    if key == "median":
        errors = [
            [it["median"] - it["low"] for it in reversed(rows)],
            [it["high"] - it["median"] for it in reversed(rows)],
        ]
        axes.errorbar(
            [it[key] for it in reversed(rows)], names, xerr=errors, fmt="none", ecolor="#222222", capsize=2
        )
    if is_log:
        axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.grid(visible=True, axis="x", alpha=0.3)
    return figure
