"""A worker thread of the machine, and the batch that it is at work on."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from netwright.kernel import netns
from netwright.kernel.nft import Nft
from netwright.kernel.nft_elements import NftElements
from netwright.kernel.procfs import Procfs
from netwright.kernel.stack import Stack

T = TypeVar("T")


class Worker:
    """What one worker thread keeps: its namespace, its conversation with the kernel, its nftables context, a procfs."""

    def __init__(self) -> None:
        self.home_descriptor = netns.current()
        self.home = Stack(None, self.home_descriptor)
        self.elements = NftElements()
        self.procfs = Procfs()
        self._nft: Nft | None = None

    @property
    def nft(self) -> Nft:
        """The nftables context, made when first needed: with the iptables backend it never is."""
        if self._nft is None:
            self._nft = Nft()
        return self._nft

    def close(self) -> None:
        """Let go of what is open."""
        self.home.close()
        self.elements.close()
        self.procfs.close()
        os.close(self.home_descriptor)


@dataclass(slots=True)
class Batch:
    """A worker at work on one batch, with the namespaces that the batch has needed so far."""

    worker: Worker
    visited: dict[str, Stack] = field(default_factory=dict)

    @property
    def home(self) -> Stack:
        """The engine's own stack."""
        return self.worker.home

    def stack(self, path: str | None) -> Stack:
        """Return the stack pinned at a path, or the engine's own for None."""
        if path is None:
            return self.home
        found = self.visited.get(path)
        if found is None:
            found = Stack.pinned(path, self.worker.home_descriptor)
            self.visited[path] = found
        return found

    def inside(self, path: str | None, act: Callable[[int | None], T]) -> T:
        """Run a function in the namespace pinned at a path, or at home for None.

        It is given a descriptor of the procfs in which to look for that namespace's files; None is the machine's.
        """
        descriptor = self.stack(path).descriptor
        if descriptor is None:
            return act(None)
        procfs = self.worker.procfs.root()
        with netns.visit(descriptor, self.worker.home_descriptor):
            return act(procfs)

    def leave(self, path: str) -> None:
        """Let go of a namespace."""
        if (stack := self.visited.pop(path, None)) is not None:
            stack.close()

    def close(self) -> None:
        """Let go of all namespaces."""
        for path in list(self.visited):
            self.leave(path)
