"""One changed bit in every byte of a small journal and its caches: found and located, reported, or provably of no account.

Of no account means that verify finds nothing and every frame is read as before; of the index, that it gives everything
that it gave, or is whole at an older place. Of the index and a snapshot `located` means that a start, the follower or
verify says so; in each case the start has the state that the journal alone makes. Two cases cannot
be told apart from what a crash leaves and are reported: the newest unsettled frame (a torn end), and LMDB's two meta
pages (an older head, which the heads of the last clean stop show).

Each file is changed in a process of its own: whatever a byte does to it, the next one is tried. Where verify, which walks the
pages itself, has located a change, they are read as a start reads them, by LMDB: that must stop, or give what was written. A
process that LMDB takes down there is counted; it is no wrong state, and verify, or the start after it, says where the damage is.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from followed import digests_of, follow, following, recovered, snapshot_all
from journals import crash_unsettled, write_journal
from ledger.codec import MODULO
from ledger.engine.lineage import begin_lineage
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.journal import (
    Entry,
    IndexFile,
    IndexOffset,
    JournalReader,
    broken_pages,
    copy_journal,
    damaged_caches,
    index_path,
    list_snapshots,
    mark_damaged,
    open_readonly,
    verify,
)
from ledger.testing.made_journal import MadeJournal

KINDS = ("located", "reported", "of no account", "failed")
KILLS = "of these kill a reader"
READING = "located, reading"
HUNG_S = 60
STARTS = 3
"""A follower that a damaged index has killed or stopped is started again; so often at most that comes to an end."""
REBUILT_EVERY = 50
"""So many damaged indexes are looked at before one is also built again by a follower, as all would be."""
SEGMENT_BYTES_MAX = 24 * 1024
WAL_BYTES = 64 * 1024
Outcome = Callable[[], str]


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`count`: bytes of each file that are changed, evenly over it from a seeded start; all of a smaller file."""
    totals: Counter[str] = Counter(dict.fromkeys(("bytes", *KINDS, KILLS), 0))
    shares: dict[str, Counter[str]] = {}
    for kind, path, outcome in _files(folder):
        counts = _flip(kind, path, count, seed, outcome)
        shares.setdefault(kind, Counter()).update(counts)
        totals.update(counts)
        totals["bytes"] += counts.total() - counts[KILLS]
        _tell(f"{kind} {path.name}", path.stat().st_size, counts)
    for kind, counts in shares.items():
        _tell(f"all of {kind}", counts.total(), counts)
    return totals


def _tell(what: str, size: int, counts: Counter[str]) -> None:
    number = counts.total() - counts[KILLS]
    shares = "  ".join(f"{name} {counts[name] / number:.1%}" for name in (*KINDS, KILLS) if counts[name])
    print(f"{what:<40} {size:>7,} bytes, {number:,} changed: {shares}", flush=True)


def _files(folder: Path) -> Iterator[tuple[str, Path, Outcome]]:
    """(kind, file, what a change of it comes to)."""
    stopped, crashed = folder / "stopped", folder / "crashed"
    write_journal(stopped, [3, 1, 4, 1, 5], size=300, segment_bytes_max=SEGMENT_BYTES_MAX)
    write_journal(crashed, [3, 1, 4], size=200)
    crash_unsettled(crashed, [5, 3, 5], size=300, wal_bytes=WAL_BYTES)
    whole, settled = _Journal(stopped, ("trading", "market")).outcome, _Journal(stopped).outcome
    for path in sorted(stopped.glob("**/*.json")):
        yield "manifest", path, whole
    for path in sorted(stopped.glob("trading/0/segments/*.lmdb")):
        yield "segment", path, settled
    unsettled = _Journal(crashed).outcome
    for path in sorted(crashed.glob("trading/0/wal/*.wal")):
        yield "wal", path, unsettled
    made = folder / "made"
    _make(made)
    heir = folder / "heir"
    copy_journal(made, heir)
    begin_lineage(heir)
    shutil.rmtree(heir / "parents")  # verified by themselves, above
    inherited = _Journal(heir).outcome
    for path in sorted(heir.glob("trading/0/base/*.base")):
        yield "base", path, inherited
    for journal in ("trading", "market"):
        for each in list_snapshots(made, journal, 0):
            yield "snapshot", each.path, _Caches(made).snapshot
    yield "index", index_path(made, 0), _Caches(made).index


def _make(data: Path) -> None:
    """A journal with a snapshot, an index that has gone on from it, and a tail above both."""
    with MadeJournal(data) as journal:
        journal.trade(8)
        journal.quote(6)
        with following(data) as follower:
            snapshot_all(follower)
            journal.trade(5)
            while follower.step():
                pass
            follower.checkpoint()
            journal.trade(4)
            journal.quote(2)


# ---- one file ----------------------------------------------------------------------------------------------


def _flip(kind: str, path: Path, count: int, seed: int, outcome: Outcome) -> Counter[str]:
    content = path.read_bytes()
    step = max(1, len(content) // count)
    bits = random.Random(seed)
    places = [(at, 1 << bits.randrange(8)) for at in range(bits.randrange(step), len(content), step)]
    counts: Counter[str] = Counter()
    done = 0
    while done < len(places):
        found, ending = _in_a_process(path, content, places[done:], outcome)
        if ending and found and found[-1] == READING:
            counts[KILLS] += 1
        elif ending:
            found.append(f"the process {ending}")
        found = ["located" if what == READING else what for what in found]
        for (at, _), what in zip(places[done:], found, strict=False):
            if what not in KINDS:
                print(f"{kind} {path.name}: byte {at}: {what}", flush=True)
            counts[what if what in KINDS else "failed"] += 1
        done += len(found)
        _put_back(path, content)
    return counts


def _put_back(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:  # the same file: nobody is to see a new one
        file.write(content)


def _in_a_process(
    path: Path, content: bytes, places: Sequence[tuple[int, int]], outcome: Outcome
) -> tuple[list[str], str]:
    """(what each change came to, as far as it got; how it ended, where that was not well)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            with os.fdopen(writing, "w", buffering=1) as told:
                _change_each(path, content, places, outcome, lambda line: told.write(f"{line}\n"))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as told:
        found = told.read().replace(f"{READING}\nlocated\n", "located\n").splitlines()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return found, f"was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return found, "" if len(found) == len(places) else f"ended with {os.WEXITSTATUS(status)}"


def _change_each(
    path: Path,
    content: bytes,
    places: Sequence[tuple[int, int]],
    outcome: Outcome,
    tell: Callable[[str], object],
) -> None:
    with path.open("r+b", buffering=0) as file:
        for at, bit in places:
            signal.alarm(HUNG_S)
            file.seek(at)
            file.write(bytes([content[at] ^ bit]))
            found = _guarded(outcome)
            tell(found)
            if found == READING:
                tell(_guarded(outcome.__self__.read_damaged))  # type: ignore[attr-defined]
            if path.exists():
                file.seek(at)
                file.write(content[at : at + 1])


def _guarded(outcome: Outcome) -> str:
    try:
        found = outcome()
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    return " ".join(found.split())


def _follow_beside(data: Path) -> None:
    """As a ledger's child: what it finds damaged it leaves word of."""
    try:
        follow(data)
    except Corrupt as error:
        if Path(error.file) == index_path(data, 0):
            mark_damaged(data, 0, error.what)
        raise


def _ends_well(work: Callable[[], object]) -> bool:
    """Whether it comes to its end, in a process of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


# ---- journals ----------------------------------------------------------------------------------------------


class _Journal:
    """A data directory before the change, and what its change comes to."""

    def __init__(self, data: Path, journals: Sequence[str] = ("trading",)) -> None:
        """`journals`: both are looked at where the change is not in a file of trading alone."""
        self._data, self._journals = data, journals
        self._verified = data / "trading" / "0" if journals == ("trading",) else data
        self._whole = self._read()
        self._notices = set(verify(self._verified).notices)

    def _read(self) -> list[object]:
        manifest = open_readonly(self._data)
        said: list[object] = [manifest.lineage, manifest.partitions]
        for journal in self._journals:
            with JournalReader(self._data, journal, 0) as reader:
                said += [reader.directory.stopped, *reader.frames()]
        return said

    def outcome(self) -> str:
        try:
            report = verify(self._verified)
        except (Corrupt, Rejected, Unavailable) as error:
            return "located" if str(self._data) in str(error) else f"not located: {error}"
        if not report.ok:
            unnamed = [it for it in report.problems if not it.file or not it.what or not it.next]
            return f"without a place: {unnamed[0]}" if unnamed else READING
        if set(report.notices) - self._notices:
            return "reported"
        try:
            same = self._read() == self._whole
        except (Corrupt, Unavailable) as error:
            return f"verify is content, and reading is not: {error}"
        return "of no account" if same else "verify is content, and other frames are read"

    def read_damaged(self) -> str:
        """verify has found it. A start that reads it must stop, or read what was written, as far as it goes."""
        try:
            read = self._read()
        except (Corrupt, Rejected, Unavailable):
            return "located"
        strange = [it for it in read if it not in self._whole]
        return "located" if len(strange) <= 1 else f"a start reads what was not written: {strange[0]}"


# ---- caches ------------------------------------------------------------------------------------------------


class _Caches:
    """The index and the snapshots of a directory, and the state that its journal alone makes."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._state = digests_of(recovered(data, use_index=False))
        self._entries = self._read_index()
        self._offset = self._read_offset()
        self._notes = self._notes_of_start()
        self._found = 0

    def _notes_of_start(self) -> list[str]:
        """Why a start does not use something; raises AssertionError where it has another state than the journal."""
        found = recovered(self._data)
        notes = [*found.trading.notes, *found.market.notes]
        if found.index is None:
            notes.append(found.why_no_index)
        assert digests_of(found) == self._state, "a start has another state than the journal makes"
        return notes

    def _read_index(self) -> dict[bytes, Entry]:
        index = IndexFile(self._data, 0)
        try:
            entries = dict(index.scan(b""))
            for key, entry in entries.items():
                assert index.get(key) == entry, "an entry is found in passing and not by its key"
            return entries
        finally:
            index.close()

    def _read_offset(self) -> IndexOffset:
        index = IndexFile(self._data, 0)
        try:
            offset = index.offset()
        finally:
            index.close()
        assert offset is not None, "the index is empty"
        return offset

    def snapshot(self) -> str:
        return "located" if self._notes_of_start() != self._notes else "of no account"

    def index(self) -> str:
        if broken_pages(index_path(self._data, 0)):
            return READING
        if self._notes_of_start() != self._notes or list(damaged_caches(self._data, 0)):
            return self._located()
        entries = self._read_index()
        return "of no account" if entries == self._entries else self._older(entries)

    def read_damaged(self) -> str:
        """Its pages are broken. A start that reads them has the journal's state; the one after a start that died looks first."""
        self._notes_of_start()
        return self._located()

    def _located(self) -> str:
        self._found += 1
        if self._found % REBUILT_EVERY == 1:
            self._build_again()
        return "located"

    def _older(self, entries: dict[bytes, Entry]) -> str:
        """A change in LMDB's meta pages shows the index as it was a checkpoint before: it must then be that, whole."""
        offset = self._read_offset()
        total = sum(int.from_bytes(it.digest, "big") for key, it in entries.items() if key[:1] > b"\x01")
        if offset.seq >= self._offset.seq:
            return "other entries are read, as of the same place"
        return (
            "of no account"
            if total % MODULO == int(offset.digest, 16)
            else "a part of an older index is read"
        )

    def _build_again(self) -> None:
        """What followers do with a damaged index, which a ledger starts again; in a copy, so that the damage stays."""
        copy = self._data.with_name("again")
        shutil.copytree(self._data, copy)
        try:
            for _ in range(STARTS):
                if _ends_well(lambda: _follow_beside(copy)):
                    break
            else:
                raise AssertionError(f"{STARTS} followers died at a damaged index")
            found = recovered(copy)
            assert found.index is not None, found.why_no_index
            assert digests_of(found) == self._state, "after a follower a start has another state"
        finally:
            shutil.rmtree(copy)
