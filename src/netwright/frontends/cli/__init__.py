"""The netwright command line. It speaks HTTP to the engine's socket and imports nothing of the engine.

Records here are `NamedTuple`s, not dataclasses: `dataclasses` and all that it imports would cost a third of the time
that a whole `netwright network ls` takes. Only the module of the command that was asked for is imported (`commands`).
"""
