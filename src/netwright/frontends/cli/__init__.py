"""The netwright command line. It speaks HTTP to the engine's socket and imports nothing of the engine."""
