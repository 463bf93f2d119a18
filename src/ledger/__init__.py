"""ledger: the durable, provable state of a trading desk."""
