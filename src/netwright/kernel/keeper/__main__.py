"""Starts the keeper: `python -I -S .../keeper/__main__.py SOCKET-PATH`.

Descriptor 0 is the listening socket, descriptor 1 the first connection of the engine that starts it. The path is for
the eyes of whoever lists processes. An isolated Python without site packages knows only its own library; the tree that
this file lies in is added behind it.
"""

import os
import sys

sys.path.append(os.path.abspath(f"{__file__}/../../../.."))  # noqa: PTH100 - pathlib would be a tenth of the process

from netwright.kernel.keeper.process import main

main()
