"""Loading: defaults, then config/ledger.yaml, then the file of --config, then --set; every problem at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

import msgspec

from ledger.config.errors import DEFAULT, ConfigError, Notice, Origin, Problem
from ledger.config.mapping import moved
from ledger.config.reading import Given, Reading
from ledger.config.rules import OWN_RULES, Configured, Finding, found_by
from ledger.config.rules_keys import keys_of_the_doors
from ledger.config.rules_seed import SEED_RULES
from ledger.config.schema import build, leaves
from ledger.config.settings import Settings

EMBEDDED, FILE, SET = 1, 2, 3
"""The layers above the defaults of the types."""


@final
class Loaded(msgspec.Struct, frozen=True):
    """A configuration that can be used."""

    settings: Settings
    values: Mapping[str, object]
    """The value of every leaf, by path."""
    origins: Mapping[str, Origin]
    """Where each leaf's value was written; DEFAULT where nobody wrote it."""
    notices: tuple[Notice, ...]
    data: Path
    """Directory of the journal, absolute."""
    outcome_digest: bytes
    """16 bytes over the settings that change decisions: what EngineStarted records."""


def load(config: Path | None = None, sets: Sequence[str] = ()) -> Loaded:
    """The configuration of this start; raises ConfigError with every problem found in all layers."""
    readings: list[Reading] = []
    root = checkout()
    if root is not None:
        readings.append(read_file(root / "config" / "ledger.yaml", EMBEDDED, "config/ledger.yaml"))
    if config is not None:
        readings.append(read_file(config, FILE, str(config)))
    for text in sets:
        reading = Reading(SET, f"--set {text.partition('=')[0]}")
        reading.assignment(text)
        readings.append(reading)
    return assemble(readings)


def checkout() -> Path | None:
    """The root of the checkout that this package runs from, None when it is installed."""
    root = Path(__file__).resolve().parents[3]
    known = (root / "pyproject.toml").is_file() and (root / "config" / "ledger.yaml").is_file()
    return root if known else None


def read_file(path: Path, layer: int, shown: str) -> Reading:
    """One file; a file that cannot be read is a problem like any other."""
    reading = Reading(layer, shown)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reading.problems.append(Problem(Origin(layer, shown), "", f"cannot read the file: {error.strerror}"))
        return reading
    except UnicodeDecodeError:
        reading.problems.append(
            Problem(Origin(layer, shown), "", "cannot read the file: it is not UTF-8 text")
        )
        return reading
    reading.document(text)
    return reading


def assemble(readings: Sequence[Reading]) -> Loaded:
    """The layers laid over each other and judged; raises ConfigError."""
    given: dict[str, Given] = {}
    for reading in readings:
        given.update(reading.given)
    given, problems = moved(given)
    configured = configure(given)
    problems = [problem for reading in readings for problem in reading.problems] + problems
    notices = [notice for reading in readings for notice in reading.notices]
    for finding in found_by((*OWN_RULES, keys_of_the_doors, *SEED_RULES), configured):
        origin = origin_of(finding, given)
        if finding.refuse:
            problems.append(Problem(origin, finding.path, finding.text, finding.seed))
        else:
            notices.append(Notice(origin, finding.path, finding.text, finding.seed))
    if problems:
        raise ConfigError(sorted(problems, key=lambda found: _place(found.where)))
    origins = {path: given[path].origin if path in given else DEFAULT for path in leaves()}
    return Loaded(
        configured.settings,
        configured.values,
        origins,
        tuple(sorted(notices, key=lambda found: _place(found.where))),
        _data_directory(configured.settings, origins["journal.data"]),
        outcome_digest(configured.values),
    )


def configure(given: Mapping[str, Given]) -> Configured:
    """Settings from what was given, over the defaults."""
    values = {path: given[path].value if path in given else leaf.default for path, leaf in leaves().items()}
    return Configured(build(values), values, given)


def origin_of(finding: Finding, given: Mapping[str, Given]) -> Origin:
    """Where the setting that a rule speaks of was written, or else the one that it contradicts."""
    return next((given[path].origin for path in (finding.path, *finding.beside) if path in given), DEFAULT)


def outcome_digest(values: Mapping[str, object]) -> bytes:
    """blake2b-128 over the path and value of every setting that changes decisions, in the order of their paths."""
    chosen = sorted(path for path, leaf in leaves().items() if leaf.note.outcome)
    text = msgspec.json.encode([[path, values[path]] for path in chosen])
    return hashlib.blake2b(text, digest_size=16).digest()


def _place(origin: Origin) -> tuple[int, str, int]:
    return origin.layer, origin.source, origin.line


def _data_directory(settings: Settings, origin: Origin) -> Path:
    # The default and config/ledger.yaml belong to the checkout, so `ledger` finds the same journal from any
    # directory; what a person wrote counts from where that person stands.
    root = checkout()
    base = root if root is not None and origin.layer <= EMBEDDED else Path.cwd()
    return (base / Path(settings.journal.data).expanduser()).absolute()
