"""Every event version stands described in journal/schema, as the code has it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import msgspec

from ledger.codec import encode_events
from ledger.domain.events import EVENTS, FactResumed
from ledger.domain.old_events import UPCASTERS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "journal" / "schema"
sys.path.insert(0, str(ROOT / "tools"))

from _schema import check, descriptions  # noqa: E402


def test_the_descriptions_are_up_to_date() -> None:
    assert check(SCHEMA) == ""


def test_each_event_has_its_own_tag_and_file() -> None:
    tags = [kind.__struct_config__.tag for kind in EVENTS]
    assert len(set(tags)) == len(tags) == len(list(SCHEMA.glob("*.json"))) - len(UPCASTERS)
    assert sorted(tags) == tags, "EVENTS is in tag order"


def test_a_change_is_told(tmp_path: Path) -> None:
    copy = tmp_path / "schema"
    shutil.copytree(SCHEMA, copy)
    changed = copy / "045-OrderFilled.json"
    changed.write_text(changed.read_text().replace('"qty"', '"quantity"'))
    assert "045-OrderFilled.json differs" in check(copy)
    changed.unlink()
    assert "is missing" in check(copy)


def test_an_event_is_encoded_as_its_description_says() -> None:
    described = json.loads(descriptions()["008-FactResumed.json"])
    (encoded,) = msgspec.msgpack.decode(encode_events([FactResumed(17)]))
    assert [field["name"] for field in described["array"]] == ["", "ref_seq"]
    assert encoded == [described["array"][0]["value"], 17]
