"""Your own projection: what each strategy bought and sold, in SQLite. `projections: {own: ["turnover=projection"]}`

PYTHONPATH names this directory, TURNOVER the file. Rows and offset are one transaction."""

import os
import sqlite3

import msgspec

from ledger.projections import Builders, Fenced, Offset, Row, SinkDown

SCHEMA = """create table if not exists turnover(strategy, symbol, bought, sold, version, primary key (strategy, symbol));
create table if not exists place(journal primary key, offset); create table if not exists writer(number);"""


def row(key, state, _fold):
    return [Row("turnover", key, state.version, (str(state.buy_qty), str(state.sell_qty)))]


class Turnover:
    name, journals = "turnover", ("trading",)

    def __init__(self, path):
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(SCHEMA)

    def builders(self, journal):
        return Builders(states={"position": row})

    def claim(self, lineage):  # optional: of two writers only the last to come is heard
        insert = "insert into writer select count(*) + 1 from writer returning number"
        self._writer = self._db.execute(insert).fetchone()[0]

    def offset(self, journal):
        found = self._db.execute("select offset from place where journal = ?", (journal,)).fetchone()
        return msgspec.json.decode(found[0], type=Offset) if found else None

    def apply(self, batch):
        try:
            with self._db:
                self._db.execute("begin immediate")
                if self._db.execute("select count(*) from writer").fetchone()[0] != self._writer:
                    raise Fenced("another process writes this file")
                if (found := self.offset(batch.to.journal)) and found.seq != batch.before.seq:
                    raise SinkDown("the file holds another offset than expected")
                rows = [(*row.key, *row.values, row.version) for row in batch.rows]
                self._db.executemany("insert or replace into turnover values (?, ?, ?, ?, ?)", rows)
                place = msgspec.json.encode(batch.to)
                self._db.execute("insert or replace into place values (?, ?)", (batch.to.journal, place))
        except sqlite3.OperationalError as error:
            raise SinkDown(f"{error}") from error

    def close(self):
        self._db.close()


def make(settings, partition):
    return Turnover(os.environ.get("TURNOVER", "turnover.sqlite"))
