"""Companions: small processes that go on when the engine dies, and serve the next one.

What keeper and resolver have in common: packets with descriptors over a unix socket, one engine at a time that may ask,
a loop of events, and the engine's end that starts one or finds the one that runs.

What runs in those processes (`packets`, `loop`, `conversation`) imports the standard library alone, so that they start
quickly and go on as they are while the engine is replaced by another version. `client` is the engine's end.
"""
