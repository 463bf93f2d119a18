"""`ledger config explain`: every setting's value, class, origin and note, as data and as lines for a person."""

from __future__ import annotations

import difflib
from typing import final

import msgspec

from ledger.config.derived import derived_values, retention, retention_text
from ledger.config.errors import ConfigError, Origin, Problem
from ledger.config.load import Loaded
from ledger.config.reading import nearest_path
from ledger.config.rules import value_text
from ledger.config.schema import Leaf, described, find, leaves


@final
class Explained(msgspec.Struct, frozen=True):
    """One setting, explained."""

    path: str
    value: object
    default: object
    effect: str
    """acts, derived, advisory or planned."""
    origin: str
    """default, derived, a file and line, or --set."""
    expected: str
    unit: str
    text: str
    seed: str


def explain(loaded: Loaded, path: str = "") -> list[Explained]:
    """The settings at or below the path, all for an empty one; an unknown path raises ConfigError."""
    if path and find(path) is None:
        raise ConfigError(
            [Problem(Origin(4, "explain"), path, f"there is no such setting; {_nearest(path)}")]
        )
    chosen = [
        leaf for name, leaf in leaves().items() if not path or name == path or name.startswith(path + ".")
    ]
    computed = derived_values(loaded.settings)
    return [_explained(loaded, leaf, computed) for leaf in chosen]


def explain_text(loaded: Loaded, path: str = "") -> list[str]:
    """The same as lines: `path = value  [class, origin]  sentence (S-number)`; then the retention table."""
    lines = [_line(item) for item in explain(loaded, path)]
    if not path or path.startswith("data_retention"):
        lines += ["", "effective retention (S-45):", *retention_text(loaded.settings)]
    return lines


def explain_json(loaded: Loaded, path: str = "") -> dict[str, object]:
    """The same as data for --json."""
    return {
        "settings": explain(loaded, path),
        "retention": retention(loaded.settings),
        "notices": [
            {"where": str(n.where), "path": n.path, "text": n.text, "seed": n.seed} for n in loaded.notices
        ],
    }


def _explained(loaded: Loaded, leaf: Leaf, computed: dict[str, object]) -> Explained:
    value, origin = loaded.values[leaf.path], str(loaded.origins[leaf.path])
    if value is None and leaf.path in computed:
        value, origin = computed[leaf.path], "derived"
    note = leaf.note
    return Explained(
        leaf.path,
        value,
        leaf.default,
        note.effect.value,
        origin,
        described(leaf.type, note),
        note.unit,
        note.text,
        note.seed,
    )


def _line(item: Explained) -> str:
    value = value_text(item.value)
    short = value if len(value) <= 60 else value[:57] + "..."
    unit = f" {item.unit}" if item.unit and item.unit not in {"path", "port", "url"} else ""
    seed = f" ({item.seed})" if item.seed else ""
    return f"{item.path} = {short}{unit}  [{item.effect}, {item.origin}]  {item.text}{seed}"


def _nearest(path: str) -> str:
    sections = sorted({name.rpartition(".")[0] for name in leaves()})
    near = difflib.get_close_matches(path, sections, n=1)
    return f"the nearest is {near[0]}" if near else nearest_path(path)
