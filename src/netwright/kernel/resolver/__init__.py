"""The resolver: a small process that answers 127.0.0.11:53 in every sandbox, whether an engine is there or not.

It is given the sockets of each sandbox and the zone, which it swaps in memory; no socket is ever closed for a change of
names, and a killed engine loses no query. What it decides is in the package `dns`; here are only its sockets.

What runs in that process imports the standard library, `dns`, what companions share, and what speaks BPF (`kernel.bpf`,
`kernel.btf`). `client` is the engine's end, and `shortcuts` what the kernel answers by itself.
"""
