"""Strict reading: every mistake in a file is reported with its path, its line, and the nearest valid key."""

from pathlib import Path

import pytest

from ledger.config import ConfigError, Problem, load


def problems_of(tmp_path: Path, text: str) -> list[Problem]:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    return list(caught.value.problems)


def only(tmp_path: Path, text: str) -> Problem:
    (problem,) = problems_of(tmp_path, text)
    return problem


def test_an_unknown_key_is_told_with_its_path_line_and_the_nearest_key(tmp_path: Path) -> None:
    problem = only(tmp_path, "engine:\n  turns_max: 5\n  queue_mx: 7\n")
    assert problem.path == "engine.queue_mx"
    assert problem.where.line == 3
    assert "did you mean queue_max" in problem.text


def test_a_key_that_stands_elsewhere_is_told_where(tmp_path: Path) -> None:
    assert "there is clock.max_step_ms" in only(tmp_path, "engine: {max_step_ms: 5}\n").text


def test_an_unknown_key_with_nothing_near_lists_the_valid_ones(tmp_path: Path) -> None:
    text = only(tmp_path, "clock: {zzz: 5}\n").text
    assert text == "unknown key; expected one of max_step_ms"


def test_a_duplicate_key_is_refused_with_both_lines(tmp_path: Path) -> None:
    problem = only(tmp_path, "clock:\n  max_step_ms: 1\n  max_step_ms: 2\n")
    assert (problem.path, problem.where.line) == ("clock.max_step_ms", 3)
    assert "first in line 2" in problem.text


def test_a_duplicate_section_is_refused(tmp_path: Path) -> None:
    assert only(tmp_path, "clock: {max_step_ms: 1}\nclock: {max_step_ms: 1}\n").path == "clock"


@pytest.mark.parametrize(
    ("line", "path", "expected", "found"),
    [
        ("order: {replace_unacked: yes}", "order.replace_unacked", "true or false", 'text "yes"'),
        ("order: {replace_unacked: 1}", "order.replace_unacked", "true or false", "found 1"),
        ('order: {replace_unacked: "true"}', "order.replace_unacked", "true or false", 'text "true"'),
        ("clock: {max_step_ms: 5.0}", "clock.max_step_ms", "a whole number", "found 5.0"),
        ("clock: {max_step_ms: 1e3}", "clock.max_step_ms", "a whole number", "found 1e3"),
        ("clock: {max_step_ms: 1:30}", "clock.max_step_ms", "a whole number", 'text "1:30"'),
        ("clock: {max_step_ms: 0x10}", "clock.max_step_ms", "a whole number", 'text "0x10"'),
        ("clock: {max_step_ms: 010}", "clock.max_step_ms", "a whole number", "found 010"),
        ("clock: {max_step_ms: }", "clock.max_step_ms", "a whole number", "found nothing"),
        ("clock: {max_step_ms: [5]}", "clock.max_step_ms", "a whole number", "found a list"),
        ("clock: {max_step_ms: true}", "clock.max_step_ms", "a whole number", "found true"),
        ("clock: {max_step_ms: 0}", "clock.max_step_ms", "at least 1", "found 0"),
        ("clock: {max_step_ms: 99999999999999999999999}", "clock.max_step_ms", "at least 1", "digits"),
        ("clock: {max_step_ms: 9223372036854775808}", "clock.max_step_ms", "at least 1", "found 92"),
        ("journal: {data: 5}", "journal.data", "text", "found 5; put it in quotes"),
        ("journal: {data: }", "journal.data", "text", "found nothing"),
        ("journal: 5", "journal", "a section with keys such as data", "found 5"),
        ("journal: [5]", "journal", "a section with keys such as data", "found a list"),
        ("logging: {level: inof}", "logging.level", "one of debug, info", "did you mean info"),
        ("logging: {level: 5}", "logging.level", "one of debug, info", "found 5"),
        ("redis: {memory: {maxmemory: big}}", "redis.memory.maxmemory", 'a size such as "8gb"', "big"),
        ("message_queues: {kafka: {brokers: k:1}}", "message_queues.kafka.brokers", "a list", "k:1"),
    ],
)
def test_a_wrong_type_is_told_with_what_was_expected_and_found(
    tmp_path: Path, line: str, path: str, expected: str, found: str
) -> None:
    problem = only(tmp_path, "\n" + line + "\n")
    assert (problem.path, problem.where.line) == (path, 2)
    assert expected in problem.text
    assert found in problem.text


def test_an_item_of_a_list_is_told_by_its_number(tmp_path: Path) -> None:
    text = 'redis:\n  connection:\n    cluster:\n      nodes:\n        - {host: "a"}\n        - {host: "b", port: "x"}\n'
    problem = only(tmp_path, text)
    assert (problem.path, problem.where.line) == ("redis.connection.cluster.nodes[1].port", 6)


@pytest.mark.parametrize(
    ("item", "path", "text"),
    [
        ("{prt: 5, host: a}", ".prt", "did you mean port"),
        ("{port: 5}", "", "expected a key host"),
        ("5", "", "expected a map with host, port"),
        ("{host: a, host: b}", ".host", "given twice"),
    ],
)
def test_a_wrong_item_is_refused(tmp_path: Path, item: str, path: str, text: str) -> None:
    problem = only(tmp_path, f"redis: {{connection: {{cluster: {{nodes: [{item}]}}}}}}\n")
    assert problem.path == "redis.connection.cluster.nodes[0]" + path
    assert text in problem.text


def test_all_problems_of_all_layers_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("engine:\n  turns_max: x\n  nope: 1\nmessage_queues: {kafka: {enabled: true}}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, ["clock.max_step_ms=x", "doors.host=0.0.0.0"])
    found = [problem.path for problem in caught.value.problems]
    assert found == [
        "engine.turns_max",
        "engine.nope",
        "message_queues.kafka.enabled",
        "clock.max_step_ms",
        "doors.host",
    ]
    assert len(str(caught.value).splitlines()) == 5
    assert str(caught.value).startswith(f"{path}:2: engine.turns_max: expected a whole number")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2\n", 2), ("a: 1\n---\nb: 2\n", 2), ("\tx: 1\n", 1), ("a: *x\n", 1), ("[" * 800, 0)],
)
def test_what_is_not_one_yaml_document_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    problem = only(tmp_path, text)
    assert "not one YAML document" in problem.text
    assert problem.where.line == line


def test_a_tag_cannot_make_an_object(tmp_path: Path) -> None:
    problem = only(tmp_path, "clock: {max_step_ms: !!python/object/apply:os.getpid []}\n")
    assert problem.path == "clock.max_step_ms"


def test_merge_keys_are_unknown_keys(tmp_path: Path) -> None:
    assert only(tmp_path, "clock: {<<: {max_step_ms: 5}}\n").path == "clock.<<"


@pytest.mark.parametrize("text", ["", "# nothing\n", "redis:\n"])
def test_an_empty_file_or_section_changes_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    assert load(path).settings == load().settings


def test_text_that_looks_like_a_truth_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "postgresql: {connection: {user: on}}\ndatabase_architecture: {databases: {timeseries: {purpose: no}}}\n"
    )
    settings = load(path).settings
    assert settings.postgresql.connection.user == "on"
    assert settings.database_architecture.databases.timeseries.purpose == "no"


def test_whole_numbers_may_be_grouped(tmp_path: Path) -> None:
    assert load(None, ["engine.queue_max=1_000_000"]).settings.engine.queue_max == 1_000_000


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot read the file"):
            load(path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(latin)
