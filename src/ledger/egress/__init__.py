"""What leaves: publications to whoever subscribes, and the stream, which loses nothing, to whoever asks."""

from ledger.egress.consumers import Consumer, Consumers
from ledger.egress.finding import Finding
from ledger.egress.passing_on import PassingOn
from ledger.egress.publisher import Publisher, PublisherStatistics, bind_publishers
from ledger.egress.stream import Stream, StreamStatistics

__all__ = [
    "Consumer",
    "Consumers",
    "Finding",
    "PassingOn",
    "Publisher",
    "PublisherStatistics",
    "Stream",
    "StreamStatistics",
    "bind_publishers",
]
