"""Packets of the control socket, as JSON: what `Client` stands on. Not part of the promise of this package.

A packet is a JSON object of at most 64 KiB. A longer message is the one byte 0x03 and a sealed memfd, at most 8 MiB, before
the descriptors that belong to the message. What the daemon sends is bounded before it is believed, as everything is.
"""
from __future__ import annotations

import array
import base64
import binascii
import contextlib
import fcntl
import json
import os
import select
import socket
import stat
import struct
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from .errors import Away, Broken, Denied

MAX_PACKET = 64 * 1024  # bytes
MAX_INLINE = 60 * 1024  # bytes of a request that needs no memfd
MAX_MESSAGE = 8 * 1024 * 1024  # bytes
MAX_DESCRIPTORS = 8
_IN_MEMFD = b"\x03"
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def to_bytes(value: Union[str, bytes]) -> str:
    """A path, a word or a text as JSON has bytes."""
    return base64.b64encode(os.fsencode(value)).decode("ascii")


class Fields:
    """One JSON object from the daemon. Fields that are absent are empty; those of another type raise `Broken`."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise Broken("the daemon sent something else than an object")
        self.raw: Dict[str, Any] = value

    def text(self, name: str) -> str:
        """"" where it is absent."""
        value = self.raw.get(name, "")
        if not isinstance(value, str):
            raise Broken(f"the daemon sent a {name} that is no text")
        return value

    def maybe_text(self, name: str) -> Optional[str]:
        """None where it is absent or empty."""
        return self.text(name) or None

    def maybe_number(self, name: str) -> Optional[int]:
        """None where it is absent: JSON of protobuf has large numbers as text."""
        value = self.raw.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, str)) or len(str(value)) > 20:
            raise Broken(f"the daemon sent a {name} that is no number")
        try:
            return int(value)
        except ValueError:
            raise Broken(f"the daemon sent a {name} that is no number") from None

    def number(self, name: str) -> int:
        """0 where it is absent: for what has no presence in the contract."""
        return self.maybe_number(name) or 0

    def maybe_amount(self, name: str) -> Optional[float]:
        """None where it is absent."""
        value = self.raw.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Broken(f"the daemon sent a {name} that is no amount")
        return float(value)

    def flag(self, name: str) -> bool:
        """False where it is absent."""
        return self.raw.get(name) is True

    def word(self, name: str, prefix: str) -> str:
        """Of an enum: "leaves-device" for REVERSIBILITY_LEAVES_DEVICE; "unknown" where it is unspecified."""
        value = self.text(name)
        if not value.startswith(prefix):
            return "unknown"
        word = value[len(prefix):].lower().replace("_", "-")
        return "unknown" if word == "unspecified" else word

    def path(self, name: str) -> str:
        """Bytes, as `os.fsdecode` reads them."""
        return _from_bytes(self.text(name), name)

    def items(self, name: str) -> List[object]:
        """[] where it is absent."""
        value = self.raw.get(name, [])
        if not isinstance(value, list):
            raise Broken(f"the daemon sent a {name} that is no list")
        return value

    def paths(self, name: str) -> List[str]:
        """A list of bytes."""
        return [_from_bytes(one, name) for one in self.items(name)]

    def inner(self, name: str) -> Optional["Fields"]:
        """None where it is absent."""
        value = self.raw.get(name)
        return None if value is None else Fields(value)

    def inners(self, name: str) -> List["Fields"]:
        """A list of objects."""
        return [Fields(one) for one in self.items(name)]


def _from_bytes(value: object, name: str) -> str:
    try:
        if isinstance(value, str):
            return os.fsdecode(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        pass
    raise Broken(f"the daemon sent a {name} that is no base64")


@dataclass
class Packet:
    """One answer; `fds` belong to whoever takes it."""

    request: int
    last: bool
    kind: str
    body: Fields
    fds: List[int]

    def close(self) -> None:
        """Closes descriptors that nobody took."""
        close_all(self.fds)
        self.fds = []


def close_all(fds: Sequence[int]) -> None:
    """Closes each, whatever the others do."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)


class Connection:
    """One connection, which never blocks beyond the deadline (of `time.monotonic`) that a call names."""

    def __init__(self, path: str, deadline: float) -> None:
        """Raises `Away` when nobody listens, `Denied` when it is somebody who is neither root nor this user."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            # Of connecting too: a queue of callers that nobody takes from.
            left = max(deadline - time.monotonic(), 0.001)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(left), int(left % 1 * 1e6) or 1))
            self._socket.connect(path)
            self._socket.setblocking(False)
            credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            uid = struct.unpack("3i", credentials)[1]
        except PermissionError as error:
            self._socket.close()
            raise Denied(f"connecting to {path}: {error.strerror}", "denied") from error
        except (OSError, ValueError) as error:
            self._socket.close()
            raise Away(f"no daemon listens at {path}: {error}") from error
        if uid not in (0, os.geteuid()):
            self._socket.close()
            raise Denied(f"{path} is served by uid {uid}, which is neither root nor you; not talking to it", "denied")

    def fileno(self) -> int:
        """For a poll of somebody else."""
        return self._socket.fileno()

    def close(self) -> None:
        """May be called twice."""
        self._socket.close()

    def send(self, message: Mapping[str, Any], fds: Sequence[int], deadline: float) -> None:
        """Raises `Away` when it did not leave, `ValueError` when it is too long. Borrows `fds`."""
        data = json.dumps(message, ensure_ascii=True, allow_nan=False).encode("ascii")
        if len(data) <= MAX_INLINE:
            return self._send(data, list(fds), deadline)
        if len(data) > MAX_MESSAGE:
            raise ValueError(f"the request has {len(data)} bytes; at most {MAX_MESSAGE} are taken (is the environment that large?)")
        memfd = os.memfd_create("ringfence-request", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            written = 0
            while written < len(data):
                written += os.write(memfd, data[written:])
            fcntl.fcntl(memfd, fcntl.F_ADD_SEALS, _SEALS)
            self._send(_IN_MEMFD, [memfd, *fds], deadline)
        finally:
            os.close(memfd)

    def _send(self, data: bytes, fds: List[int], deadline: float) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        while True:
            try:
                self._socket.sendmsg([data], rights)
                return
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError as error:
                raise Away(f"the daemon closed the connection: {error.strerror}") from error

    def _wait(self, events: int, deadline: float) -> None:
        if not self._poll(events, deadline - time.monotonic()):
            raise Away("the daemon did not answer in time")

    def _poll(self, events: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._socket, events)
        return seconds > 0 and bool(poll.poll(seconds * 1000))

    def wait_readable(self, seconds: float) -> None:
        """Returns when there is something to take, or the time is over."""
        self._poll(select.POLLIN, seconds)

    def receive(self, deadline: float) -> Packet:
        """The next answer. Raises `Away` when none comes in time or ever, `Broken` when it is none."""
        while True:
            packet = self.take()
            if packet is not None:
                return packet
            self._wait(select.POLLIN, deadline)

    def take(self) -> Optional[Packet]:
        """The next answer that is there; None: there is none now. Raises as `receive` does, and never waits."""
        for reset in (False, True):
            try:
                data, rights, flags, _ = self._socket.recvmsg(
                    MAX_PACKET + 1, socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC)
                break
            except BlockingIOError:
                return None
            except ConnectionResetError:
                if reset:
                    raise Away("the daemon closed the connection") from None
                # Said once by a socket that was closed before all was read; what it said before is still there.
            except OSError as error:
                raise Away(f"the daemon closed the connection: {error.strerror}") from error
        fds = _descriptors(rights)
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(data) > MAX_PACKET:
                raise Broken(f"the daemon sent a packet of more than {MAX_PACKET} bytes or {MAX_DESCRIPTORS} descriptors")
            if not data:
                raise Away("the daemon closed the connection")
            if data == _IN_MEMFD:
                if not fds:
                    raise Broken("the daemon sent half an answer")
                data = _content(fds[0])
                os.close(fds.pop(0))
            request, last, kind, body = _parsed(data)
        except BaseException:
            close_all(fds)
            raise
        return Packet(request, last, kind, body, fds)


def _descriptors(rights: Sequence[Tuple[int, int, bytes]]) -> List[int]:
    found = array.array("i")
    for level, kind, data in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[:len(data) - len(data) % found.itemsize])
    return list(found)


def _content(fd: int) -> bytes:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_MESSAGE:
        raise Broken(f"the daemon sent an answer of more than {MAX_MESSAGE} bytes")
    try:
        sealed = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        sealed = 0
    if sealed & _SEALS != _SEALS:
        raise Broken("the daemon sent an answer that somebody could still change")
    data = b""
    while len(data) < status.st_size:
        part = os.pread(fd, status.st_size - len(data), len(data))
        if not part:
            raise Broken("the daemon sent half an answer")
        data += part
    return data


def _parsed(data: bytes) -> Tuple[int, bool, str, Fields]:
    try:
        message = Fields(json.loads(data))
    except (ValueError, RecursionError):
        raise Broken("the daemon sent a packet that is no answer") from None
    request, last = message.number("id"), message.flag("last")
    for kind, body in message.raw.items():
        if isinstance(body, dict):
            return request, last, kind, Fields(body)
    raise Broken("the daemon sent an answer without content")
