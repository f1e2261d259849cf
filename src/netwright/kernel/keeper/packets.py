"""What engine and keeper say to each other, beyond what all companions say (`companion.packets`).

    put, lines + descriptors         ok                  hold each under the `NAME` of its line, in place of what has it
    get NAME                         ok + descriptor     a copy, to hand over
    relay, lines                     ok                  carry what arrives at held sockets: `NAME ADDRESS PORT` each
    drop, lines                      ok                  close each `NAME`, end its relay; content if absent
    list FROM                        ok, then lines      `NAME ADDRESS PORT`, or `NAME - -` where nothing is relayed
    retire                           ok                  close all, with relayed connections left to end by themselves

What has lines may have many: a range of a thousand ports is a few packets. `put` holds all of them or none.
`list`, `get` and `retire` stay as they are in every version: with them an engine takes over from an older keeper.
"""

VERSION = 2
"""Rises with every change of what the keeper says or does, so that an engine replaces a keeper that lacks it."""

PAGE = 256
"""How many held descriptors one answer lists."""

AT_ONCE = 250
"""How many lines a request may have."""
