"""Network drivers: what a network and an endpoint mean on the machine, as operations and intents. No I/O."""
