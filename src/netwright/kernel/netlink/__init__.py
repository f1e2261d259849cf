"""Netlink by hand: the few message kinds of the hot path, encoded and sent without waiting in between."""
