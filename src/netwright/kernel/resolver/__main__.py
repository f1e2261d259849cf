"""Starts the resolver: `python -I -S .../resolver/__main__.py SOCKET-PATH`.

Descriptor 0 is the listening socket, descriptor 1 the first connection of the engine that starts it. The path is for
the eyes of whoever lists processes. An isolated Python without site packages knows only its own library; the tree that
this file lies in is added behind it.
"""

import os
import sys

sys.path.append(os.path.abspath(f"{__file__}/../../../.."))  # noqa: PTH100 - as in the keeper

from netwright.kernel.resolver.process import main

main()
