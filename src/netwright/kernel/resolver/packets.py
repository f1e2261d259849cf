"""What engine and resolver say to each other, beyond what all companions say (`companion.packets`).

Sandboxes are keyed by the name of their namespace, the host by its place (`model.listener`). VIEW, NETWORKS and MEMBERS
are lines of JSON (`dns.exchange`), on the lines after the first.

    open KEY, VIEW + descriptors     ok                  serve a sandbox: its namespace, datagram, stream, and where
                                                         there are such the raw socket and the link that lead port 53
                                                         here; in place of what was served before
    view KEY, VIEW                   ok                  let a sandbox see other names
    ahead KEY, NETWORKS              ok                  networks that come first in the view that follows, of an `open`
                                                         or a `view`; as often as it takes
    close KEY                        ok                  serve it no more; content if it is not served
    add, MEMBERS                     ok                  publish endpoints
    remove NETWORK ENDPOINT          ok                  forget one; content if it is not known
    begin                            ok                  from here on `add` and `view` fill a new zone,
    commit                           ok                  which takes the place of the old one here
    list FROM                        ok, then lines      the keys of what is served
    get KEY                          ok + descriptors    copies, as they were given, to hand over
    retire                           ok                  serve no more; what is under way is still answered
    counts FROM                      ok, then lines      for each sandbox its key and its figures (`station.Counts`)
    explain KEY, NAME, TYPE          ok, then JSON       what a sandbox would be answered, and why
    listen + descriptor              ok                  write to this pipe what should be in the engine's log, by lines
    board                            ok + descriptor     the page on which engine, resolver and kernel see what holds
                                                         (`board`); none where the kernel answers nothing by itself

`list`, `get` and `retire` stay as they are in every version: with them an engine takes over from an older resolver.
"""

VERSION = 5
"""Rises with every change of what the resolver says or does, so that an engine replaces one that lacks it."""

PAGE = 200
"""How many sandboxes one answer lists."""
