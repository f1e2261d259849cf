"""The keeper: a small process that holds what must outlive the engine.

It is given descriptors with names and keeps them. Where it is told to, it relays: it accepts or receives on a held
socket and carries the bytes to a container, in one thread for all ports. It lives on when the engine dies, and ends
when it holds nothing and no engine is connected.

What runs in that process (`__main__`, `process`, `streams`, `datagrams`, `packets`) imports the standard library,
itself and what companions share, nothing else of netwright and nothing that is installed beside it. `client` is the
engine's end.
"""
