"""A small internet in the suite's own network namespace: addresses, names, and services that count who reaches them."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import Callable, Optional

ALLOWED, FORBIDDEN, RESOLVER, METADATA = "93.184.216.34", "93.184.216.35", "127.0.0.53", "169.254.169.254"


def make_network(base: Path) -> None:
    """Once, by root, in a network namespace that only the suite is in; names are asked of the suite's own resolver."""
    for words in (["link", "set", "lo", "up"], *(["address", "add", f"{a}/32", "dev", "lo"] for a in (ALLOWED, FORBIDDEN, METADATA))):
        subprocess.run(["ip", *words], check=True)
    for name, text in {"resolv.conf": f"nameserver {RESOLVER}\n", "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n"}.items():
        copy = base / name
        copy.write_text(text)
        os.chmod(copy, 0o644)
        subprocess.run(["mount", "--bind", str(copy), f"/etc/{name}"], check=True)


class Service:
    """A server at an address and port. `visits` counts connections, `heard` keeps the first bytes of each."""

    def __init__(self, address: str, port: int, answer: Callable[[bytes], bytes] = lambda heard: b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nreached") -> None:
        self.visits, self.heard = 0, []
        self._answer = answer
        self._wake, self._waker = os.pipe()
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self._socket.listen(64)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._wake], [], [])
            if self._wake in ready:
                return
            peer, _ = self._socket.accept()
            self.visits += 1
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        with peer:
            peer.settimeout(5)
            try:
                heard = peer.recv(65536)
                self.heard.append(heard)
                peer.sendall(self._answer(heard))
            except OSError:
                pass

    def close(self) -> None:
        os.write(self._waker, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._wake)
        os.close(self._waker)


class Resolver:
    """Answers A queries from a table and keeps every name that was asked. A list of addresses is gone through, the last one stays."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names, self.asked = names, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((RESOLVER, 53))
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._wake], [], [])
            if self._wake in ready:
                return
            query, peer = self._socket.recvfrom(4096)
            answer = self._answer(query)
            if answer:
                self._socket.sendto(answer, peer)

    def _answer(self, query: bytes) -> Optional[bytes]:
        labels, at = [], 12
        while at < len(query) and query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode(errors="replace"))
            at += 1 + query[at]
        if at + 5 > len(query):
            return None
        name, kind = ".".join(labels).lower(), struct.unpack("!H", query[at + 1 : at + 3])[0]
        self.asked.append(name)
        question = query[12 : at + 5]
        addresses = self.names.get(name, [])
        if kind != 1 or not addresses:
            code = 0 if addresses else 3
            return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 0, 0, 0) + question
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(address)
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + record

    def close(self) -> None:
        os.write(self._waker, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._wake)
        os.close(self._waker)
