"""What should be true of traffic: intents, and the backends that render them. No I/O."""
