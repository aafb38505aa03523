"""What a child of a fork has of its parent's connections, which is nothing: what connections stand on; not part of the promise
of this package."""
from __future__ import annotations

import os
import socket
import weakref
from typing import Optional


class OfOneProcess:
    """Has a connection that is its process's own. Whoever derives from it calls `_is_made` at the end of its `__init__`."""

    def _is_made(self) -> None:
        _MADE.add(self)

    def _forked(self) -> None:
        """Called in the child, before anything else is done with it there. No other thread lives: a lock that one had is had for
        ever, and what it was in the middle of stays as it is."""
        raise NotImplementedError


_MADE: weakref.WeakSet[OfOneProcess] = weakref.WeakSet()


def close_inherited(connection: Optional[socket.socket]) -> None:
    """The parent's goes on."""
    if connection is not None:
        try:
            connection.close()
        except OSError:
            pass  # The program closed its descriptor before the fork.


def _in_child() -> None:
    for one in list(_MADE):
        one._forked()


os.register_at_fork(after_in_child=_in_child)
