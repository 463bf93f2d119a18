"""Publications: durable events and the newest positions and market data, to whoever subscribes."""

from ledger.egress.passing_on import PassingOn
from ledger.egress.publisher import Publisher, PublisherStatistics, bind_publishers

__all__ = ["PassingOn", "Publisher", "PublisherStatistics", "bind_publishers"]
