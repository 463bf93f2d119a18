"""The lock of one partition: who else may not write there, and what readers make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.journal import Refused, create_or_open, open_partition, owner_of, writer_of


def test_a_child_owns_its_partition_beside_the_owner_of_the_whole(tmp_path: Path) -> None:
    whole = create_or_open(tmp_path, partitions=2)
    one = open_partition(tmp_path, 1, partitions=2, is_child=True)
    assert owner_of(tmp_path / "trading" / "1") is not None
    with pytest.raises(Refused, match="owned by engine"):
        open_partition(tmp_path, 1, partitions=2, is_child=True)
    one.close()
    open_partition(tmp_path, 1, partitions=2, is_child=True).close()
    whole.close()


def test_a_stray_engine_keeps_its_partition_from_the_engine_of_a_new_serve(tmp_path: Path) -> None:
    whole = create_or_open(tmp_path, partitions=2)
    stray = open_partition(tmp_path, 0, partitions=2, is_child=True)
    whole.close()
    again = create_or_open(tmp_path, partitions=2)
    with pytest.raises(Refused):
        open_partition(tmp_path, 0, partitions=2, is_child=True, wait_s=0.2)
    stray.close()
    open_partition(tmp_path, 0, partitions=2, is_child=True).close()
    again.close()


def test_engines_that_run_by_themselves_make_the_journal_and_keep_a_serve_away(tmp_path: Path) -> None:
    zero = open_partition(tmp_path, 0, partitions=2, is_child=False)
    one = open_partition(tmp_path, 1, partitions=2, is_child=False)
    assert zero.lineage == one.lineage
    with pytest.raises(Refused):
        create_or_open(tmp_path, partitions=2)
    assert writer_of(tmp_path, 1) is not None
    one.close()
    assert writer_of(tmp_path, 1) is None
    assert writer_of(tmp_path) is not None
    zero.close()
    assert writer_of(tmp_path) is None
    create_or_open(tmp_path, partitions=2).close()


def test_an_engine_by_itself_is_refused_beside_a_serve(tmp_path: Path) -> None:
    whole = create_or_open(tmp_path, partitions=2)
    with pytest.raises(Refused, match="runs every partition itself"):
        open_partition(tmp_path, 1, partitions=2, is_child=False)
    whole.close()


def test_another_number_of_partitions_is_refused(tmp_path: Path) -> None:
    create_or_open(tmp_path, partitions=2).close()
    with pytest.raises(Refused, match=r"born with engine\.partitions: 2"):
        open_partition(tmp_path, 0, partitions=3, is_child=False)
