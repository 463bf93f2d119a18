"""Layers: defaults, config/ledger.yaml, --config, --set; where each value came from; what follows from others."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ledger
from ledger.config import ConfigError, Settings, load, pools, retention
from ledger.config.schema import leaves

ROOT = Path(__file__).resolve().parents[3]


def test_the_embedded_default_says_what_the_types_say() -> None:
    loaded = load()
    assert loaded.settings == Settings()
    assert loaded.notices == ()
    assert str(loaded.origins["doors.base_port"]).startswith("config/ledger.yaml:")


def test_the_production_configuration_passes() -> None:
    loaded = load(ROOT / "config" / "production.yaml")
    assert loaded.settings.recovery.require_confirmation
    assert str(loaded.data) == "/var/lib/ledger"


def test_a_higher_layer_wins_and_says_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("doors:\n  base_port: 6000\n  batch_max: 7\n")
    loaded = load(path, ["doors.base_port=7000"])
    assert (loaded.settings.doors.base_port, loaded.settings.doors.batch_max) == (7000, 7)
    assert str(loaded.origins["doors.base_port"]) == "--set doors.base_port"
    assert str(loaded.origins["doors.batch_max"]) == f"{path}:3"
    assert str(loaded.origins["doors.in_flight_max"]) == "default"


def test_set_takes_sections_and_lists() -> None:
    settings = load(
        None, ["doors={base_port: 0, publish_format: json}", 'message_queues.kafka.brokers=["a:1"]']
    ).settings
    assert (settings.doors.base_port, settings.doors.publish_format) == (0, "json")
    assert settings.message_queues.kafka.brokers == ("a:1",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("doors.base_prt=1", "the nearest is doors.base_port"),
        ("doors.base_port.x=1", "the nearest is doors.base_port"),
        ("doors.base_port", "expected a.b=value"),
        ("=5", "expected a.b=value"),
        ("doors.base_port=", "expected a whole number from 0 to 65000, found nothing"),
        ("doors.base_port=[", "not one YAML document"),
    ],
)
def test_a_wrong_set_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, [text])
    assert said in str(caught.value)


def test_a_relative_journal_counts_from_the_checkout_or_from_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().data == ROOT / "journal" / "data"
    assert load(None, ["journal.data=here"]).data == tmp_path / "here"


def test_an_installed_package_has_the_same_defaults(tmp_path: Path) -> None:
    shutil.copytree(
        Path(ledger.__file__).parent,
        tmp_path / "lib" / "x" / "ledger",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    code = (
        "from ledger.config import Settings, load; assert load().settings == Settings(); print(load().data)"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "lib" / "x")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path / "journal" / "data")


def test_the_seed_sockets_set_the_doors(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "message_queues:\n  zeromq:\n    sockets:\n"
        "      market_data_pub: {endpoint: 'tcp://localhost:6000', hwm: 5}\n"
        "      order_events_pub: {endpoint: 'tcp://127.0.0.1:6001', hwm: 6}\n"
        "redis: {data_structures: {sessions: {ttl_seconds: 9}}}\n"
    )
    loaded = load(path)
    doors = loaded.settings.doors
    assert (doors.host, doors.base_port, doors.market_data_hwm, doors.order_events_hwm) == (
        "127.0.0.1",
        6000,
        5,
        6,
    )
    assert loaded.settings.session.ttl_s == 9
    assert str(loaded.origins["doors.base_port"]) == f"{path}:4"
    assert load(path, ["doors.base_port=0"]).settings.doors.base_port == 0


def test_doors_and_sockets_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "doors: {base_port: 5555}\nmessage_queues: {zeromq: {sockets: {order_events_pub: {endpoint: 'tcp://127.0.0.1:7000'}}}}\n"
    )
    with pytest.raises(ConfigError, match=r"sets doors.base_port to 6999, but .*:1 says 5555"):
        load(path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("message_queues.zeromq.sockets.market_data_pub.endpoint=tcp://127.0.0.1:65400", "market_data_pub"),
        ("message_queues.zeromq.sockets.order_events_pub.endpoint=tcp://127.0.0.1:0", "order_events_pub"),
        ("message_queues.zeromq.sockets.order_events_pub.endpoint=tcp://127.0.0.1:70000", "order_events_pub"),
    ],
)
def test_a_socket_whose_port_no_door_can_have_is_refused(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, [text])
    (problem,) = caught.value.problems
    assert problem.path == f"message_queues.zeromq.sockets.{path}.endpoint"
    assert "expected" in problem.text


def test_an_unreadable_secret_of_an_enabled_system_is_refused(tmp_path: Path) -> None:
    secret = f"postgresql.connection.password_file={tmp_path / 'absent.pwd'}"
    load(None, [secret])
    with pytest.raises(ConfigError) as caught:
        load(None, [secret, "projections.postgres.enabled=true"])
    said = {problem.path: problem.text for problem in caught.value.problems}
    assert "No such file" in said["postgresql.connection.password_file"]
    good = tmp_path / "good"
    good.write_text("secret\n")
    secret = "redis.connection.standalone.password_file"
    load(None, [f"{secret}={good}", "projections.redis.enabled=true"])
    with pytest.raises(ConfigError) as caught:
        load(None, [f"{secret}={tmp_path}", "projections.redis.enabled=true"])
    assert secret in {problem.path for problem in caught.value.problems}


def test_retention_is_one_table_and_the_audit_log_keeps_the_longest() -> None:
    sets = [
        "data_retention.retention_policies.order_data.archive_years=10",
        "data_retention.retention_policies.trade_data.hot_days=40",
    ]
    rows = {row.data: row for row in retention(load(None, sets).settings)}
    assert (
        rows["audit"].hot_until_days,
        rows["audit"].warm_until_days,
        rows["audit"].archive_until_years,
    ) == (40, 365, 10)
    assert rows["tick_data"].warm_until_days == 30


def test_the_most_specific_pool_wins() -> None:
    base = [
        "connection_pooling.global_settings.max_connections=3",
        "connection_pooling.per_database.redis.max_connections=4",
    ]
    found = pools(load(None, [*base, "postgresql.connection.pool_settings.max_connections=5"]).settings)
    assert (
        found["questdb"].max_connections,
        found["redis"].max_connections,
        found["postgresql"].max_connections,
    ) == (3, 4, 5)


def test_the_outcome_digest_changes_with_decisions_only() -> None:
    first = load().outcome_digest
    assert len(first) == 16
    assert load(None, ["logging.level=debug", "doors.base_port=0"]).outcome_digest == first
    changed = {
        load(None, [text]).outcome_digest for text in ("order.replace_unacked=true", "clock.max_step_ms=6000")
    }
    assert len(changed | {first}) == 3


def test_every_setting_has_a_sentence_a_class_and_a_checked_default() -> None:
    for path, leaf in leaves().items():
        assert leaf.note.text.endswith("."), path
        assert leaf.default not in leaf.note.not_yet, path
        if isinstance(leaf.default, int) and leaf.note.least is not None:
            assert leaf.note.least <= leaf.default <= (leaf.note.most or leaf.default), path
    assert len(leaves()) > 200
