"""The keeper: a small process that holds what must outlive the engine.

It is given descriptors with names and keeps them. Where it is told to, it relays: it accepts or receives on a held
socket and carries the bytes to a container, in one thread for all ports. It lives on when the engine dies, and ends
when it holds nothing and no engine is connected.

What runs in that process (`__main__`, `process`, `loop`, `streams`, `datagrams`, `packets`) imports the standard
library and itself, nothing else of netwright and nothing that is installed beside it: so it is small, starts quickly
and goes on as it is while the engine is replaced by another version. `client` is the engine's end.
"""
