"""A venue gateway: sends out what the ledger has decided, brings back what the venue says. Killed at any point, it
sends nothing twice.

    gateway.py DATA EXCHANGE tcp://VENUE

It keeps two offsets in the ledger: `begun` moves before an instruction leaves, `done` after it has left. What lies
between them after a kill is in doubt, and only the venue can tell: it is asked, and the instruction is sent only if the
venue never saw it. Reports carry the venue's own numbers, so they may be sent again as often as one likes.
"""

import json
import sys
import threading

import zmq

from ledger.client import connect

VENUE_S = 10
ASKS = ("OrderUnconfirmed", "OrderStatusRequested")
"""The venue has said nothing of an order for too long, or something shows that it knows more than the ledger."""


class Venue:
    """One line to the venue: a question, an answer. A real one speaks FIX or OUCH here."""

    def __init__(self, address):
        self._socket = zmq.Context.instance().socket(zmq.REQ)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVTIMEO, VENUE_S * 1000)
        self._socket.connect(address)

    def ask(self, **question):
        self._socket.send_string(json.dumps(question, default=str))
        return json.loads(self._socket.recv())


def send_out(data, exchange, address):
    """Instructions in the journal's order, each to the venue once."""
    venue = Venue(address)
    done = f"outward/{exchange}"
    begun = f"{done}/begun"
    with connect(data) as ledger:
        offsets = {row["consumer"]: int(row["place"].rpartition(":")[2]) for row in ledger.consumers()}
        in_doubt = offsets.get(begun, 0)
        for row in ledger.subscribe(name=done, exchange=exchange, outward=True, batch=64):
            if row["type"] in ASKS:  # it answers among its facts: executions that we lack, then the status
                venue.ask(status=row["order"], symbol=row["symbol"])
            elif row["seq"] > in_doubt or not venue.ask(knows=row["command_id"]):
                ledger.acknowledge(begun, row["place"])
                venue.ask(take=row)
            ledger.acknowledge(done, row["place"])


def bring_back(data, exchange, address):
    """What the venue tells, from the first report that the ledger lacks."""
    venue = Venue(address)
    source = f"gateway/{exchange}"
    with connect(data, source=source) as ledger:
        known = next(ledger.query("sources", source=source), None)
        told = int(known["source_seq"]) if known else 0
        while True:
            facts = venue.ask(facts=told, source=source)
            if facts:
                for outcome in ledger.send_facts(facts):
                    if isinstance(outcome, Exception):
                        raise outcome
                told = facts[-1]["source_seq"]


def main(data, exchange, address):
    for work in (send_out, bring_back):
        threading.Thread(target=work, args=(data, exchange, address), daemon=True).start()
    print("gateway runs", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
