"""Publications: durable events and the newest positions and market data, to whoever subscribes."""

from ledger.egress.publisher import Publisher, PublisherStatistics, bind_publishers

__all__ = ["Publisher", "PublisherStatistics", "bind_publishers"]
