"""What engine and keeper say to each other, beyond what all companions say (`companion.packets`).

    put NAME + descriptor            ok                  hold it, in place of what has that name
    get NAME                         ok + descriptor     a copy, to hand over
    relay NAME ADDRESS PORT          ok                  carry what arrives at a held socket there
    drop NAME                        ok                  close it, end its relay and its connections; content if absent
    list FROM                        ok, then lines      `NAME ADDRESS PORT`, or `NAME - -` where nothing is relayed
    retire                           ok                  close all, with relayed connections left to end by themselves

`list`, `get` and `retire` stay as they are in every version: with them an engine takes over from an older keeper.
"""

VERSION = 1
"""Rises with every change of what the keeper says or does, so that an engine replaces a keeper that lacks it."""

PAGE = 256
"""How many held descriptors one answer lists."""
