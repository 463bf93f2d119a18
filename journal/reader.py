"""An independent reader of a journal, written from FORMAT.md alone: it shares no code with the ledger.

    python journal/reader.py DIR [--events]

Verifies every chain under DIR, changes nothing, and prints a summary as JSON (`--events`: first every event, one a
line). Beside a living owner (`"owned": true`) it stops where frames are settled: the wal is the owner's alone.
Exit code 1 on damage, which is named on stderr. Needs the packages lmdb and msgspec.
"""

import fcntl
import hashlib
import json
import re
import struct
import sys
from pathlib import Path

import lmdb
import msgspec

HEADER = struct.Struct(">BBHIQQqQQII32s")


class Damage(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Damage(what)


def blake2b_256(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def origin_of(manifest):
    """The state before the first kept frame: (epoch, seq, chain hash, recorded_at_ns)."""
    if manifest["origin"]["seq"] == 0:
        text = "ledger journal format 1\nlineage {lineage}\njournal {journal}\npartition {partition}\n"
        return 0, 0, blake2b_256(text.format(**manifest).encode()), 0
    return state_of(manifest["origin"])


def state_of(head):
    return head["epoch"], head["seq"], bytes.fromhex(head["chain"]), head["recorded_at_ns"]


def check_base(directory, manifest):
    """A journal that does not begin at genesis begins with the whole state at its origin, a file named by its hash."""
    base = manifest.get("base")
    need((base is None) == (manifest["origin"]["seq"] == 0), f"{directory}: origin and base do not agree")
    if base is not None:
        path = directory / "base" / base["file"]
        need(blake2b_256(path.read_bytes()).hex() == base["hash"], f"{path}: not what the manifest names")


def frames_of(path):
    sealed = path.with_suffix(".json").exists()
    need(path.stat().st_size >= 8192, f"{path}: truncated")
    with lmdb.open(str(path), subdir=False, readonly=True, lock=not sealed, lib_version=0) as environment:
        pages = environment.info()["last_pgno"] + 1
        need(path.stat().st_size >= pages * environment.stat()["psize"], f"{path}: truncated")
        with environment.begin() as transaction:
            yield from transaction.cursor().iternext()


def owned(directory):
    """Whether a living process holds the journal."""
    try:
        with (directory / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def wal_of(directory, manifest):
    """The intact frames of both files by (first seq, chain hash), of every use of the files."""
    values = {}
    for path in sorted((directory / "wal").glob("[01].wal")):
        content = path.read_bytes()
        need(blake2b_256(content[:4064]) == content[4064:4096], f"{path}: damaged header")
        lines = content[:4064].rstrip(b"\0").decode().splitlines()
        need(lines[0] == "ledger wal format 1", f"{path}: not of format 1")
        fields = dict(line.split(" ") for line in lines[1:])
        owner = (fields["lineage"], fields["journal"], int(fields["partition"]))
        need(
            owner == (manifest["lineage"], manifest["journal"], manifest["partition"]), f"{path}: not of here"
        )
        need(int(fields["bytes"]) == len(content), f"{path}: truncated")
        for page in range(4096, len(content), 4096):
            if content[page : page + 4] == b"\1\0\0\0":
                header = HEADER.unpack_from(content, page)
                end = page + 120 + header[9]
                chain = content[end - 32 : end]
                own = hashlib.blake2b(
                    page.to_bytes(8, "big") + chain, key=bytes.fromhex(fields["salt"]), digest_size=16
                ).digest()
                if blake2b_256(content[page : end - 32]) == chain and content[end : end + 16] == own:
                    values[header[5], chain] = path, content[page:end]
    return values


def check_frame(journal, state, key, value):
    """The state after the frame and its payload; raises Damage."""
    epoch, seq, chain, recorded_at_ns = state
    need(len(value) >= 120, "too short for a frame")
    version, flags, key_id, count, its_epoch, first, its_time, _, _, length, reserved, previous = (
        HEADER.unpack_from(value)
    )
    need(blake2b_256(value[:-32]) == value[-32:], "hash does not match")
    need((version, flags, key_id, reserved) == (1, 0, 0, 0), "not of format 1")
    need(key == value[16:24], f"frame of seq {first} was moved")
    need(length == len(value) - 120 and count > 0, "impossible header")
    need(previous == chain, f"does not chain from seq {seq}")
    leap = journal == "market" and first > seq + 1 and its_epoch > epoch
    need(first == seq + 1 or leap, f"seq {first} after {seq}")
    need(its_epoch >= epoch and its_time >= recorded_at_ns, "epoch or time goes back")
    return (its_epoch, first + count - 1, value[-32:], its_time), value[88:-32]


def check_events(journal, partition, state, where, key, value, show):
    """The state after a frame; its events are printed if `show`."""
    place = f"{where} at {journal}/{partition}:{int.from_bytes(key, 'big')}"
    try:
        state, payload = check_frame(journal, state, key, value)
        items = msgspec.msgpack.decode(payload)
        count = HEADER.unpack_from(value)[3]
        need(isinstance(items, list) and len(items) == count, f"payload is not an array of {count}")
    except (Damage, msgspec.DecodeError) as error:
        raise Damage(f"{place}: {error}") from error
    if show:
        for seq, event in enumerate(items, state[1] - count + 1):
            print(json.dumps({"place": f"{journal}/{partition}:{seq}", "event": event}, default=repr))
    return state


def read_partition(directory, data_lineage, wal_too, show):
    manifest = json.loads((directory / "manifest.json").read_text())
    need(manifest["lineage"] == data_lineage, f"{directory}: another lineage")
    name = manifest["journal"], manifest["partition"]
    check_base(directory, manifest)
    state, events = origin_of(manifest), 0
    wal = wal_of(directory, manifest) if wal_too else {}
    wal = {key: found for key, found in wal.items() if key[0] > state[1]}
    for path in sorted(
        p for p in (directory / "segments").iterdir() if re.fullmatch(r"\d{20}\.lmdb", p.name)
    ):
        for key, value in frames_of(path):
            state = check_events(*name, state, path, key, value, show)
            events += HEADER.unpack_from(value)[3]
            wal.pop((int.from_bytes(key, "big"), state[2]), None)
        sealed = path.with_suffix(".json")
        if sealed.exists():
            last = state_of(json.loads(sealed.read_text())["last"])
            need(last == state, f"{sealed}: its end is not the segment's")
    settled = state[1]
    for (first, _), (path, value) in sorted(wal.items()):
        need(first > settled, f"{path} at {name[0]}/{name[1]}:{first}: the wal and the segments disagree")
        state = check_events(*name, state, path, value[16:24], value, show)
        events += HEADER.unpack_from(value)[3]
    if manifest["stopped"] and wal_too:
        need(state[1] >= manifest["stopped"]["seq"], f"{directory}: shorter than at its last clean stop")
    return {
        "partition": manifest["partition"],
        "epoch": state[0],
        "head": state[1],
        "settled": settled,
        "events": events,
        "chain": state[2].hex(),
    }


def main(arguments):
    directory = Path(next(argument for argument in arguments if not argument.startswith("--")))
    try:
        whole = json.loads((directory / "manifest.json").read_text())
        need(whole["format"] == 1, f"format {whole['format']} is not 1")
        lives = owned(directory)
        journals = {
            journal: [
                read_partition(
                    directory / journal / str(partition), whole["lineage"], not lives, "--events" in arguments
                )
                for partition in range(whole["partitions"])
            ]
            for journal in ("trading", "market")
        }
    except (Damage, lmdb.Error, OSError, ValueError, KeyError) as error:
        print(f"damaged: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"lineage": whole["lineage"], "owned": lives, "journals": journals}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
