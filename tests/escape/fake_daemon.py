"""Somebody who says to be the daemon: stands alone, for it runs as whatever uid it is started with.

    fake_daemon.py SOCKET… RECORD

Listens at each path and writes one line to RECORD for whatever it is told. Answers nothing. Prints "ready" when it listens.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys


def main() -> int:
    *paths, record = sys.argv[1:]
    selector = selectors.DefaultSelector()
    os.umask(0)
    for path in paths:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.bind(path)
        listening.listen(64)
        selector.register(listening, selectors.EVENT_READ, True)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            ready: socket.socket = key.fileobj  # type: ignore[assignment]
            if key.data:
                selector.register(ready.accept()[0], selectors.EVENT_READ, False)
                continue
            try:
                told = ready.recv(1 << 17)
            except OSError:
                told = b""
            if told:
                with open(record, "ab") as file:
                    file.write(b"%d bytes\n" % len(told))
            else:
                selector.unregister(ready)
                ready.close()


if __name__ == "__main__":
    sys.exit(main())
