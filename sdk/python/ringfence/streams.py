"""What goes on being told: see `Stream`."""
from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Callable, Deque, Generic, List, Optional, TypeVar

from ._wire import Connection, Packet
from .answers import LogLine
from .errors import Away, ControlError, Lagged, error_of

__all__ = ["Stream"]

T = TypeVar("T")
MAX_TURN = 256  # packets that one drain takes


class Stream(Generic[T]):
    """Values that the daemon sends as they happen, on a connection of their own. Made by `Client`; for one thread.

    To wait: `for value in stream`, or `next_within(seconds)`. With asyncio: `async for value in stream`. With any other loop:
    watch `fileno()` for reading, and then call `drain()`, which never blocks. Close it, or use it as a context manager.

    Whoever does not read for 5 s, or leaves more than 4 MiB, is disconnected by the daemon. A stream that is iterated then
    connects again, as it does when the daemon restarts: the log goes on behind the last line without a gap, questions begin with
    `Reconnected` and all that are open. Only the events of a launch cannot be had again: see `Client.launch`.
    """

    def __init__(self, begin: Optional[Callable[["Stream[T]", float], Connection]], decode: Callable[[Packet], Optional[T]],
                 timeout: float, connection: Optional[Connection] = None) -> None:
        """By `Client` alone. `begin`: connects and asks, None: it cannot be done again; `timeout`: seconds for that."""
        self._begin = begin
        self._decode = decode
        self._timeout = timeout
        self._waiting: Deque[T] = deque()
        self._connection = connection
        self._error: Optional[ControlError] = None
        self.ended = False
        """Nothing will follow."""
        self.last_seq = 0
        """Of the log: the last line that came."""
        self.connections = 0 if connection is None else 1
        """How often it was begun: 1, and once more for each time that it was connected again."""
        if connection is None:
            self.reconnect()

    def fileno(self) -> int:
        """The descriptor to watch for reading; another after `reconnect`, -1 when it is closed."""
        return -1 if self._connection is None else self._connection.fileno()

    def drain(self) -> List[T]:
        """All values that are there (of 256 packets at most: a loop that is told of the same readiness again comes back for
        the rest), [] for none. Never blocks. Raises `Away` when the connection is gone (then
        `reconnect`), `Lagged` when too much was left unread, any other `ControlError` for what the daemon refused; values that
        came before the error are returned first, and the error by the next call.
        """
        found = list(self._waiting)
        self._waiting.clear()
        try:
            for _ in range(MAX_TURN):
                packet = self._take()
                if packet is None:
                    break
                value = self._value(packet)
                if value is not None:
                    found.append(value)
        except ControlError as error:
            if not found:
                raise
            self._error = error
        return found

    def reconnect(self) -> None:
        """Connects again and asks for what follows. Blocks for the client's `timeout` at most; raises `Away` when that was not
        enough or there is nothing to be had again, `Denied` when somebody else listens there.
        """
        self._drop()
        if self._begin is None:
            self.ended = True
            raise Away("the events of a launch are told on its own connection alone; show says what became of the run")
        self._connection = self._begin(self, time.monotonic() + self._timeout)
        self.connections += 1
        self.ended = False

    def next_within(self, seconds: float) -> Optional[T]:
        """The next value; None: none came in that time, or the stream ended (`ended`). Raises as `drain` does."""
        deadline = time.monotonic() + seconds
        while not self._waiting and not self.ended:
            packet = self._take()
            if packet is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._wait(min(left, 60.0))
                continue
            value = self._value(packet)
            if value is not None:
                self._waiting.append(value)
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Ends it, and with it a run that belongs to it (`Client.launch`). May be called twice."""
        self.ended = True
        self._drop()

    def __enter__(self) -> "Stream[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> "Stream[T]":
        return self

    def __next__(self) -> T:
        while True:
            try:
                value = self.next_within(3600.0)
            except (Away, Lagged):
                self.reconnect()
                continue
            if value is not None:
                return value
            if self.ended:
                raise StopIteration

    def __aiter__(self) -> "Stream[T]":
        return self

    async def __anext__(self) -> T:
        loop = asyncio.get_running_loop()
        while True:
            try:
                if not self._waiting:
                    self._waiting.extend(self.drain())
            except (Away, Lagged):
                await loop.run_in_executor(None, self.reconnect)
                continue
            if self._waiting:
                return self._waiting.popleft()
            if self.ended:
                raise StopAsyncIteration
            readable: "asyncio.Future[None]" = loop.create_future()
            watched = self.fileno()
            loop.add_reader(watched, lambda: None if readable.done() else readable.set_result(None))
            try:
                await readable
            finally:
                loop.remove_reader(watched)

    # ---- packets

    def _take(self) -> Optional[Packet]:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self.ended:
            return None
        if self._connection is None:
            raise Away("the connection is gone")
        try:
            return self._connection.take()
        except ControlError:
            self._drop()
            raise

    def _wait(self, seconds: float) -> None:
        if self._connection is not None:
            self._connection.wait_readable(seconds)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _value(self, packet: Packet) -> Optional[T]:
        try:
            if packet.kind == "error":
                self._drop()
                raise error_of(packet.body)
            value = None if packet.kind == "done" else self._decode(packet)
        except ControlError:
            self._drop()
            raise
        finally:
            packet.close()
        if packet.last:
            self.close()
        self.last_seq = max(self.last_seq, value.seq if isinstance(value, LogLine) else 0)
        return value

    def _put(self, value: T) -> None:
        """A value of the client's own, before those that come."""
        self._waiting.append(value)
