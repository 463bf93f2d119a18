"""The settings of a ledger: one frozen tree, whose defaults are the embedded configuration that needs no server."""

from typing import final

import msgspec

from ledger.config.sections.architecture import ConnectionPooling, DatabaseArchitecture, Projections
from ledger.config.sections.journal import Journal
from ledger.config.sections.keys import Client
from ledger.config.sections.logging import Logging
from ledger.config.sections.messaging import MessageQueues
from ledger.config.sections.own import (
    Book,
    Clock,
    Doors,
    Engine,
    Order,
    Recovery,
    Risk,
    Session,
)
from ledger.config.sections.postgresql import Postgresql, Timescaledb
from ledger.config.sections.questdb import Questdb
from ledger.config.sections.redis import Cache, Redis
from ledger.config.sections.retention import Backup, DataRetention, Persistence


@final
class Settings(msgspec.Struct, frozen=True):
    """Every setting; the first ones are the engine's own, the others have the seed document's names."""

    journal: Journal = Journal()
    engine: Engine = Engine()
    clock: Clock = Clock()
    doors: Doors = Doors()
    client: Client = Client()
    order: Order = Order()
    book: Book = Book()
    session: Session = Session()
    risk: Risk = Risk()
    recovery: Recovery = Recovery()
    logging: Logging = Logging()
    projections: Projections = Projections()
    database_architecture: DatabaseArchitecture = DatabaseArchitecture()
    connection_pooling: ConnectionPooling = ConnectionPooling()
    questdb: Questdb = Questdb()
    timescaledb: Timescaledb = Timescaledb()
    postgresql: Postgresql = Postgresql()
    redis: Redis = Redis()
    message_queues: MessageQueues = MessageQueues()
    cache: Cache = Cache()
    persistence: Persistence = Persistence()
    backup: Backup = Backup()
    data_retention: DataRetention = DataRetention()
