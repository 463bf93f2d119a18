"""Property: whatever key is misspelled and whatever value has the wrong type, the problem names its path and line."""

import json
from pathlib import Path
from typing import Any, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.config import ConfigError, adopt
from ledger.config.load import assemble
from ledger.config.reading import Reading
from ledger.config.rules import value_text
from ledger.config.schema import Leaf, choices, leaves, optional

WRITABLE = sorted(path for path, leaf in leaves().items() if leaf.default is not None)
SUBSETS = st.lists(st.sampled_from(WRITABLE), min_size=1, max_size=8, unique=True)


def document(values: dict[str, Any]) -> str:
    """JSON over many lines, which is YAML."""
    root: dict[str, Any] = {}
    for path, value in values.items():
        *sections, name = path.split(".")
        here = root
        for section in sections:
            here = here.setdefault(section, {})
        here[name] = value
    return json.dumps(root, indent=1)


def problems_of(text: str) -> list[Any]:
    reading = Reading(2, "f")
    reading.document(text)
    with pytest.raises(ConfigError) as caught:
        assemble([reading])
    return list(caught.value.problems)


def defaults(paths: list[str]) -> dict[str, Any]:
    return {path: json.loads(value_text(leaves()[path].default)) for path in paths}


def wrong_values(leaf: Leaf) -> list[Any]:
    kind, nullable = optional(leaf.type)
    wrong: list[Any] = [{}, {"a": 1}, 1.5]
    if not nullable:
        wrong.append(None)
    if get_origin(kind) is not tuple:
        wrong.append([])
    if kind is not int:
        wrong += [7, -1]
    if kind is not bool:
        wrong.append(True)
    if kind is not str:
        wrong += ["nonsense", "", "5", "true"]
    if choices(kind):
        wrong.append(choices(kind)[0] + "x")
    return wrong


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SUBSETS)
def test_the_defaults_of_any_settings_are_accepted(paths: list[str]) -> None:
    reading = Reading(2, "f")
    reading.document(document(defaults(paths)))
    assert reading.problems == []
    assert set(assemble([reading]).settings.__struct_fields__)


def any_value(leaf: Leaf) -> st.SearchStrategy[Any]:
    kind, _ = optional(leaf.type)
    if choices(kind):
        return st.sampled_from(choices(kind))
    if kind is bool:
        return st.booleans()
    if kind is int:
        least = leaf.note.least or 0
        return st.integers(least, min(leaf.note.most or 1 << 40, least + (1 << 40)))
    return st.just(json.loads(value_text(leaf.default)))


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(SUBSETS, st.data())
def test_whatever_is_adopted_passes_or_is_refused_with_its_place(
    tmp_path: Path, paths: list[str], data: st.DataObject
) -> None:
    source = tmp_path / "seed.yaml"
    source.write_text(document({path: data.draw(any_value(leaves()[path])) for path in paths}))
    try:
        adopted = adopt([source])
    except ConfigError as error:
        places = [problem.where.source for problem in error.problems]
    else:
        again = Reading(2, "adopted")
        again.document(adopted.text)
        assemble([again])
        places = [str(source)]
    assert set(places) == {str(source)}


@settings(max_examples=120, deadline=None, derandomize=True)
@given(SUBSETS, st.data())
def test_a_wrong_type_is_reported_at_its_path_and_line(paths: list[str], data: st.DataObject) -> None:
    leaf = leaves()[data.draw(st.sampled_from(paths))]
    values = defaults(paths)
    values[leaf.path] = data.draw(st.sampled_from(wrong_values(leaf)))
    text = document(values)
    (problem,) = problems_of(text)
    assert problem.path == leaf.path
    assert f'"{leaf.path.rpartition(".")[2]}"' in text.splitlines()[problem.where.line - 1]
    assert "expected" in problem.text
    assert "found" in problem.text


@settings(max_examples=120, deadline=None, derandomize=True)
@given(SUBSETS, st.data())
def test_a_misspelled_key_is_reported_at_its_path_and_line(paths: list[str], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths))
    parts = path.split(".")
    at = data.draw(st.integers(0, len(parts) - 1))
    cut = data.draw(st.integers(0, len(parts[at])))
    bad = parts[at][:cut] + data.draw(st.sampled_from("qxz_")) + parts[at][cut:]
    values = defaults(paths)
    moved = values.pop(path)
    values[".".join([*parts[:at], bad, *parts[at + 1 :]])] = moved
    text = document(values)
    (problem,) = problems_of(text)
    assert problem.path == ".".join([*parts[:at], bad])
    assert f'"{bad}"' in text.splitlines()[problem.where.line - 1]
    assert parts[at] in problem.text
