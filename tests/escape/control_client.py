"""A program of whatever uid that says what it likes to a control socket: stands alone, for it runs as that uid.

    control_client.py SOCKET [CONNECTS BECOMES] < REQUEST

With two uids it connects as the first and speaks as the second, which only root can.

REQUEST is the JSON of one request without its number. Prints JSON of what came back: `said`, the packets
and what the descriptors beside them hold, and `decoded`, what of that may be base64.
"""

from __future__ import annotations

import array
import base64
import json
import os
import re
import socket
import sys
import time

PATIENCE = 20.0  # seconds, for an answer to its last packet
MOST = 1 << 20  # bytes of a descriptor


def contents(descriptor: int) -> bytes:
    """That it came, and what a file or a memfd holds."""
    try:
        return b"[a descriptor]" + os.pread(descriptor, MOST, 0)
    except OSError:
        return b"[a descriptor]"
    finally:
        os.close(descriptor)


def receive(peer: socket.socket, until: float) -> bytes:
    """One packet and what came with it; empty: no more in time."""
    peer.settimeout(max(until - time.monotonic(), 0.01))
    try:
        packet, ancillary, _, _ = peer.recvmsg(1 << 17, socket.CMSG_SPACE(256 * 4))
    except OSError:
        return b""
    beside = b""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            for descriptor in array.array("i", data[: len(data) - len(data) % 4]):
                beside += contents(descriptor)
    return packet + beside


def decoded(text: bytes) -> bytes:
    """What of it may be base64."""
    found = b""
    for word in re.findall(rb"[A-Za-z0-9+/]{8,}={0,2}", text):
        try:
            found += base64.b64decode(word[: len(word) // 4 * 4]) + b"\n"
        except ValueError:
            continue
    return found


def main() -> int:
    request = json.load(sys.stdin)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        connects, becomes = (int(uid) for uid in sys.argv[2:4] or ("-1", "-1"))
        if connects >= 0:
            os.setgroups([])
            os.setegid(connects)
            os.seteuid(connects)
        peer.connect(sys.argv[1])
        if connects >= 0:
            os.seteuid(0)
            os.setresgid(becomes, becomes, becomes)
            os.setresuid(becomes, becomes, becomes)
        got = b""
        until = time.monotonic() + PATIENCE
        for number, each in enumerate(({"hello": {"protocol": 1}}, request), 1):
            peer.sendmsg([json.dumps({"id": str(number), **each}).encode()], beside(each))
            got = b""  # of the last one alone
            answer = receive(peer, until)
            while answer:
                got += answer + b"\n"
                if b'"last":true' in answer.replace(b" ", b"") or b"[a descriptor]" in answer:
                    break
                answer = receive(peer, until)
    texts = {"said": got, "decoded": decoded(got)}
    print(json.dumps({name: text.decode(errors="replace").replace("\0", "") for name, text in texts.items()}))
    return 0


def beside(request: dict[str, object]) -> list[tuple[int, int, bytes]]:
    """What a launch brings: its workspace, and nothing where standard input, output and error would be."""
    if "run" not in request:
        return []
    places = [os.open(".", os.O_PATH | os.O_DIRECTORY)]
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", places).tobytes())]


if __name__ == "__main__":
    sys.exit(main())
