"""The rules of trading, pure: commands, facts, events, states, decide and evolve.

Nothing here does input or output, reads a clock, awaits, or holds a float. `decide` says what an input means in
a state, `evolve` says what an event makes of it; the journal and the engine only carry the results.
"""
