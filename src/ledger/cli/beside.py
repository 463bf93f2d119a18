"""What `serve` keeps running beside the engine: each child is this program again, with the same configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.children import ChildSpec
from ledger.config import Settings
from ledger.projections import registry


def children_of(settings: Settings, data: Path, config: Path | None, sets: Sequence[str]) -> list[ChildSpec]:
    """The children that the configuration asks for, by default a follower of each partition. Raises Rejected."""
    words = _words(data, config, sets)
    followers = [
        ChildSpec(
            f"follower/{partition}", ("project", "follower", "--partition", str(partition), *words), nice=10
        )
        for partition in range(settings.engine.partitions if settings.recovery.follower else 0)
    ]
    auditors = [
        ChildSpec(
            f"auditor/{partition}", ("project", "auditor", "--partition", str(partition), *words), nice=15
        )
        for partition in range(settings.engine.partitions)
        if settings.projections.audit_interval_s and registry.enabled(settings)
    ]
    return [
        *followers,
        *_projectors(settings, words),
        *auditors,
    ]


def _projectors(settings: Settings, words: Sequence[str]) -> list[ChildSpec]:
    return [
        ChildSpec(f"{name}/{partition}", ("project", name, "--partition", str(partition), *words), nice=5)
        for name in registry.enabled(settings)
        for partition in range(settings.engine.partitions)
    ]


def engines_of(settings: Settings, data: Path, config: Path | None, sets: Sequence[str]) -> list[ChildSpec]:
    """An engine for each partition, where there are several; none where `serve` itself is the engine."""
    partitions = settings.engine.partitions
    words = _words(data, config, sets)
    return [
        ChildSpec(f"engine/{partition}", ("engine", "--partition", str(partition), *words))
        for partition in range(partitions)
        if partitions > 1
    ]


def _words(data: Path, config: Path | None, sets: Sequence[str]) -> list[str]:
    words = ["--data", str(data)]
    if config is not None:
        words += ["--config", str(config.absolute())]
    for text in sets:
        words += ["--set", text]
    return words
