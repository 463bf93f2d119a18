"""An independent reader of a journal, written from FORMAT.md alone: it shares no code with the ledger.

    python journal/reader.py DIR [--events]

Verifies every chain under DIR, changes nothing, and prints a summary as JSON (`--events`: first every event, one a
line). Exit code 1 on damage, which is named on stderr. Needs the packages lmdb and msgspec.
"""

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


def frames_of(path):
    sealed = path.with_suffix(".json").exists()
    need(path.stat().st_size >= 8192, f"{path}: truncated")
    with lmdb.open(str(path), subdir=False, readonly=True, lock=not sealed, lib_version=0) as environment:
        pages = environment.info()["last_pgno"] + 1
        need(path.stat().st_size >= pages * environment.stat()["psize"], f"{path}: truncated")
        with environment.begin() as transaction:
            yield from transaction.cursor().iternext()


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


def read_partition(directory, data_lineage, show):
    manifest = json.loads((directory / "manifest.json").read_text())
    need(manifest["lineage"] == data_lineage, f"{directory}: another lineage")
    journal, partition = manifest["journal"], manifest["partition"]
    state, events = origin_of(manifest), 0
    for path in sorted(
        p for p in (directory / "segments").iterdir() if re.fullmatch(r"\d{20}\.lmdb", p.name)
    ):
        for key, value in frames_of(path):
            place = f"{path} at {journal}/{partition}:{int.from_bytes(key, 'big')}"
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
            events += count
        sealed = path.with_suffix(".json")
        if sealed.exists():
            last = state_of(json.loads(sealed.read_text())["last"])
            need(last == state, f"{sealed}: its end is not the segment's")
    if manifest["stopped"]:
        need(state[1] >= manifest["stopped"]["seq"], f"{directory}: shorter than at its last clean stop")
    return {
        "partition": partition,
        "epoch": state[0],
        "head": state[1],
        "events": events,
        "chain": state[2].hex(),
    }


def main(arguments):
    directory = Path(next(argument for argument in arguments if not argument.startswith("--")))
    try:
        whole = json.loads((directory / "manifest.json").read_text())
        need(whole["format"] == 1, f"format {whole['format']} is not 1")
        journals = {
            journal: [
                read_partition(
                    directory / journal / str(partition), whole["lineage"], "--events" in arguments
                )
                for partition in range(whole["partitions"])
            ]
            for journal in ("trading", "market")
        }
    except (Damage, lmdb.Error, OSError, ValueError, KeyError) as error:
        print(f"damaged: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"lineage": whole["lineage"], "journals": journals}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
