"""The goals of speed, each judged by the figures of one run: met, or missed by how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Results = dict[str, dict[str, Any]]
"""By name."""


@dataclass(frozen=True)
class Goal:
    """A figure and what it may be at most."""

    what: str
    at_most: float
    unit: str
    find: Callable[[Results], float | None]
    """None where the run did not measure it."""


def _ratio(name: str) -> Callable[[Results], float | None]:
    return lambda results: results[name]["ratio"] if name in results else None


def _median(name: str) -> Callable[[Results], float | None]:
    return lambda results: results[name]["median"] if name in results else None


def _each_us(name: str) -> Callable[[Results], float | None]:
    """Microseconds each, of a rate."""
    return lambda results: 1e6 / results[name]["median"] if name in results else None


def _worst_ratio(prefix: str) -> Callable[[Results], float | None]:
    def find(results: Results) -> float | None:
        ratios = [it["ratio"] for name, it in results.items() if name.startswith(prefix) and it["ratio"]]
        return max(ratios, default=None)

    return find


def _best_peer(flight: int) -> Callable[[Results], float | None]:
    def find(results: Results) -> float | None:
        own = results.get(f"peer ledger {flight}")
        others = [
            it["median"]
            for name, it in results.items()
            if name.startswith("peer ") and name.endswith(f" {flight}") and it is not own
        ]
        return max(others) / own["median"] if own and others else None

    return find


def _doors_against_process(results: Results) -> float | None:
    if "door 64 x 64" not in results or "orders engine" not in results:
        return None
    return results["orders engine"]["median"] / results["door 64 x 64"]["median"]


GOALS: Final = (
    Goal("orders: the engine's CPU against the straight line's", 2, "x", _ratio("orders engine cpu")),
    Goal(
        "quotes and depth: the engine's CPU against the straight line's", 2, "x", _ratio("market engine cpu")
    ),
    Goal(
        "4,096 commands in flight, 64 a message: in process against over the doors",
        2,
        "x",
        _doors_against_process,
    ),
    Goal(
        "one command in flight against a sync and a socket's round trip", 1.5, "x", _ratio("door 1 x 1 p50")
    ),
    Goal("orders: replay against plain decoding", 2, "x", _ratio("orders replay")),
    Goal("quotes and depth: replay against plain decoding", 2, "x", _ratio("market replay")),
    *(
        Goal(f"the fastest peer at {n} in flight against the ledger", 1, "x", _best_peer(n))
        for n in (1, 16, 256)
    ),
    Goal("ten times the open orders, cost of a command", 1.15, "x", _worst_ratio("growth open orders")),
    Goal("ten times the history, cost of a quote", 1.15, "x", _worst_ratio("growth market events")),
    Goal("idle `serve`", 1, "% of a core", _median("stream idle serve")),
    Goal(
        "market data in to publication out, p99 at half load",
        1_000,
        "us",
        _median("stream market in to out p99"),
    ),
    *(
        Goal(f"{sink} from a cold start, {per_s:,} {what} a second", 1e6 / per_s, "us each", _each_us(name))
        for sink, per_s, what, name in (
            ("PostgreSQL", 50_000, "events", "projections postgres rebuild"),
            ("Redis", 100_000, "events", "projections redis rebuild"),
            ("QuestDB", 300_000, "rows", "projections questdb rebuild"),
        )
    ),
    *(
        Goal(f"{sink} from a cold start, 70 % of {floor}", 1 / 0.7, "x", _ratio(f"projections {name}"))
        for sink, floor, name in (
            ("PostgreSQL", "its prepared rows", "postgres rebuild"),
            ("Redis", "its prepared rows in pipelines", "redis rebuild against prepared pipelines"),
            ("Redis", "a write for each event in pipelines", "redis rebuild against a write for each event"),
            ("QuestDB", "its prepared rows", "questdb rebuild"),
        )
    ),
)


def verdicts(results: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """(goal, at most, seen, verdict) of each goal that the run measured."""
    by_name = {it["name"]: it for it in results}
    rows: list[tuple[str, str, str, str]] = []
    for goal in GOALS:
        seen = goal.find(by_name)
        if seen is not None:
            said = "met" if seen <= goal.at_most else f"missed: {seen / goal.at_most:.2f} times the goal"
            rows.append((goal.what, f"{goal.at_most:g} {goal.unit}", f"{seen:,.2f} {goal.unit}", said))
    return rows
