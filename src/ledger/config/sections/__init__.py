"""The sections of the settings tree: one module per part of the seed document, and `own` for the engine's keys."""
