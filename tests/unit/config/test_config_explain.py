"""`explain` covers every setting and says where each value came from; the reference is up to date."""

from pathlib import Path

import pytest

from ledger.config import ConfigError, explain, explain_text, load, reference_text
from ledger.config.schema import leaves

ROOT = Path(__file__).resolve().parents[3]


def test_explain_covers_every_setting_with_one_of_four_classes() -> None:
    explained = explain(load())
    assert [item.path for item in explained] == list(leaves())
    assert {item.effect for item in explained} == {"acts", "derived", "advisory", "planned"}
    assert all(item.text and item.origin and item.expected for item in explained)


def test_explain_of_a_section_shows_it_alone() -> None:
    assert [item.path for item in explain(load(), "clock")] == ["clock.max_step_ms"]
    assert [item.path for item in explain(load(), "doors.host")] == ["doors.host"]


def test_explain_says_where_a_value_came_from(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("# first\norder:\n  ack_timeout_ms: 7\n")
    lines = explain_text(load(path, ["doors.base_port=0"]))
    assert f"order.ack_timeout_ms = 7 ms  [acts, {path}:3]" in "\n".join(lines)
    assert any(line.startswith("doors.base_port = 0  [acts, --set doors.base_port]") for line in lines)
    assert any(line.startswith("doors.in_flight_max = 65536 inputs  [acts, default]") for line in lines)


def test_a_derived_value_is_shown_as_what_it_is() -> None:
    loaded = load(None, ["data_retention.retention_policies.tick_data.warm_days=20"])
    (item,) = explain(loaded, "questdb.tables.trades.partitioning.retention_days")
    assert (item.value, item.origin, item.default) == (20, "derived", None)


def test_every_derived_setting_has_a_value() -> None:
    assert all(item.value is not None for item in explain(load()) if item.effect == "derived")


def test_explain_prints_the_effective_retention() -> None:
    lines = explain_text(load(), "data_retention")
    assert lines[-1].split()[:7] == ["audit", "30", "d", "365", "d", "7", "y"]
    assert not any("effective retention" in line for line in explain_text(load(), "clock"))


def test_an_unknown_path_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"the nearest is clock\.max_step_ms"):
        explain(load(), "clock.max_stp")
    with pytest.raises(ConfigError, match=r"the nearest is message_queues\.kafka"):
        explain(load(), "message_queue.kafka")


def test_the_reference_is_up_to_date_and_says_that_it_is_generated() -> None:
    text = (ROOT / "config" / "REFERENCE.md").read_text()
    assert "Generated" in text.splitlines()[0]
    assert text == reference_text(), "run: tools/ledger config reference > config/REFERENCE.md"


def test_the_reference_shows_every_setting() -> None:
    text = reference_text()
    assert all(f"`{path}`" in text for path in leaves())
