"""What the bench found: rounds of figures to medians, each beside its floor of the same run, as a table or as JSON."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

UNSEEN: Final = "sync only"


class WorkNotDone(AssertionError):
    """Something was fast because it did not do its work; the figures of this run are worth nothing."""


def check(holds: bool, what: str) -> None:
    """Raises WorkNotDone with `what` unless it holds."""
    if not holds:
        raise WorkNotDone(what)


@dataclass
class Series:
    """One figure over the rounds of a run."""

    name: str
    unit: str
    """Ends in /s where more is better; else less is."""
    floor: str = ""
    """The name of the figure that it is measured against; "" for a floor itself."""
    note: str = ""
    values: list[float] = field(default_factory=list[float])

    @property
    def median(self) -> float:
        """Over all rounds."""
        return statistics.median(self.values)


class Figures:
    """All series of a run."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.checked: dict[str, int] = {}
        """How much work was found to be really done, by what was counted."""

    def add(self, name: str, unit: str, value: float, floor: str = "", note: str = "") -> None:
        """One round's figure."""
        self.series.setdefault(name, Series(name, unit, floor, note)).values.append(value)

    def count(self, what: str, number: int) -> None:
        """So many more of `what` were checked."""
        self.checked[what] = self.checked.get(what, 0) + number

    def results(self) -> list[dict[str, Any]]:
        """One row for each series; `ratio`: how many times the floor's cost it costs."""
        return [self._row(series) for series in self.series.values()]

    def _row(self, series: Series) -> dict[str, Any]:
        floor = self.series.get(series.floor)
        base = floor.median if floor is not None else None
        ratio = None
        if base:
            ratio = base / series.median if series.unit.endswith("/s") else series.median / base
        note = series.note
        if floor is not None:
            note = f"floor: {floor.name}" + (f"; {note}" if note else "")
        return {
            "name": series.name,
            "unit": series.unit,
            "median": series.median,
            "low": min(series.values),
            "high": max(series.values),
            "floor": base,
            "ratio": ratio,
            "note": note,
        }


def machine(directory: Path) -> dict[str, Any]:
    """Where the figures come from: processor, cores, kernel, Python, and the file system that was synced."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": round(os.getloadavg()[0], 2),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "file_system": _file_system(directory),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def _file_system(directory: Path) -> str:
    """The type of the mount with the longest path above `directory`."""
    best = ("", "unknown")
    try:
        for line in Path("/proc/self/mounts").read_text().splitlines():
            _, mount, kind = line.split()[:3]
            if directory.is_relative_to(mount) and len(mount) >= len(best[0]):
                best = (mount, kind)
    except OSError:
        pass
    return best[1]


def table(results: Iterable[dict[str, Any]]) -> str:
    """One aligned page: what, median with its spread, its floor, and how many times the floor it costs; then latencies.

    Floors that are of no interest by themselves stand only beside what is measured against them (and in the JSON).
    """
    plain, latencies = apart(results)
    rows = [("", "median", "low", "high", "unit", "floor", "x floor", "")]
    for it in plain:
        median, low, high, floor = (figure(it[key]) for key in ("median", "low", "high", "floor"))
        rows.append((it["name"], median, low, high, it["unit"], floor, ratio_of(it), it["note"]))
    text = _aligned(rows, left=(0, 4, 7))
    if latencies:
        text += "\n\n" + _aligned([LATENCY_HEAD, *latencies], left=(0,))
    return text


LATENCY_HEAD: Final = ("latency, us", "p50", "x floor", "p99", "x floor", "p99.9", "x floor")


def apart(results: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[tuple[str, ...]]]:
    """What a page shows: the rows but for percentiles, and a row of text for each three of these; medians of rounds."""
    plain: list[dict[str, Any]] = []
    latencies: dict[str, list[str]] = {}
    for it in results:
        name, _, percent = it["name"].rpartition(" ")
        if it["name"].startswith(UNSEEN):
            continue
        if percent in ("p50", "p99", "p99.9"):
            latencies.setdefault(name, []).extend((figure(it["median"]), ratio_of(it)))
        else:
            plain.append(it)
    return plain, [(name, *cells) for name, cells in latencies.items()]


def _aligned(rows: Sequence[tuple[str, ...]], left: tuple[int, ...]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def ratio_of(it: dict[str, Any]) -> str:
    """How many times its floor it costs, as a person reads it."""
    return "" if it["ratio"] is None else f"{it['ratio']:.2f}"


def figure(value: float | None) -> str:
    """A figure as a person reads it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def say(sentence: str) -> None:
    """A sentence for people, on standard error."""
    print(sentence, file=sys.stderr, flush=True)
