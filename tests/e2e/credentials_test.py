#!/usr/bin/env python3
"""A key that an agent uses and never has, and a port of an agent that the person's machine has.

    credentials_test.py BUILD [TEST…]

All of it is in a mount namespace of its own, in which a name of ours has an address of this machine and the only certificate
that is trusted is that of a server here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

HOST, ADDRESS = "api.example.test", "127.0.0.9"
KEY = "sk-canary-6b1f0c9d27"
MS_BIND, MS_REC, MS_PRIVATE, CLONE_NEWNS = 0x1000, 0x4000, 0x40000, 0x20000

POLICY = """schema = 1
name = "keyed"
extends = ["base"]
[files]
workspace = "rw"
[environment]
pass = ["EXAMPLE_API_KEY", "LANG"]
[network]
allow = [{{ host = "{host}", port = {port} }}, {{ host = "{address}", port = {port} }}]
[[network.credential]]
host = "{host}"
port = {port}
header = "authorization"
prefix = "Bearer "
from = "EXAMPLE_API_KEY"
base = "EXAMPLE_BASE_URL"
[priority]
class = "interactive"
"""

# Asks once for each file that appears, says what it got, and looks for the key wherever it can read. The key is told to it
# backwards, so that it has none itself.
AGENT = """
import os, sys, time, urllib.error, urllib.request
key = sys.argv[1][::-1].encode()
def ask(path):
    try:
        with urllib.request.urlopen(os.environ["EXAMPLE_BASE_URL"] + path, timeout=100) as answer:
            return f"{answer.status} {answer.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"
def holds(path):
    try:
        with open(path, "rb") as file:
            return key in file.read(1 << 20)
    except OSError:
        return False
def looked_at():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("environ", "cmdline", "mountinfo", "status"):
            yield f"/proc/{pid}/{name}"
    for place in ("/run", "/etc", "/tmp", os.environ["HOME"], os.getcwd()):
        for folder, _, names in os.walk(place):
            yield from (os.path.join(folder, name) for name in names)
seen = list(looked_at())
print("looked at", "enough" if "/run/ringfence/policy.json" in seen and "/proc/self/environ".replace("self", str(os.getpid())) in seen else seen)
print("found", [path for path in seen if holds(path)] + [name for name, value in os.environ.items() if key.decode() in value])
for number in range(1, 4):
    while not os.path.exists(f"go-{number}"):
        time.sleep(0.02)
    told = ask(f"/v1/{number}")
    open(f"answer-{number}.part", "w").write(told)
    os.rename(f"answer-{number}.part", f"answer-{number}")
"""


class Service(threading.Thread):
    """HTTPS under HOST; keeps the head of every request, and says nothing of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "ca-certificates.crt", folder / "key.pem")
        self.listener = socket.create_server((ADDRESS, 0))
        self.port = self.listener.getsockname()[1]
        self.heads: list[str] = []
        self.start()

    def run(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            try:
                with self.context.wrap_socket(connection, server_side=True) as client:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        piece = client.recv(4096)
                        assert piece, head
                        head += piece
                    self.heads.append(head.decode())
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell")
            except (OSError, AssertionError):
                connection.close()


def in_own_namespace(folder: Path) -> None:
    """The rest of this process and all that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {HOST}\n")
    certificates = folder / "certificates"
    certificates.mkdir(mode=0o755)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(folder / "key.pem"),
                    "-out", str(certificates / "ca-certificates.crt")], check=True, capture_output=True)
    (folder / "ca-certificates.crt").write_bytes((certificates / "ca-certificates.crt").read_bytes())
    for ok in (libc.unshare(CLONE_NEWNS), libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
               libc.mount(str(folder / "hosts").encode(), b"/etc/hosts", None, MS_BIND, None),
               libc.mount(str(certificates).encode(), b"/etc/ssl/certs", None, MS_BIND, None)):
        assert ok == 0, os.strerror(ctypes.get_errno())


def holders(bench: Bench) -> Iterator[str]:
    """What of the daemon's and its runs' has the key in it: files of the daemon, command lines and environments of processes."""
    places = [bench.daemon.run_dir, bench.daemon.state_dir, bench.daemon.log_path, bench.workspace]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file()]
    assert len(files) > 3 and any(file.suffix for file in files), files
    processes = [Path(f"/proc/{pid}/{name}") for pid in bench.daemon.processes() for name in ("environ", "cmdline")]
    for file in [*files, *processes]:
        try:
            if KEY.encode() in file.read_bytes():
                yield str(file)
        except OSError:
            continue


def outer_egress(bench: Bench) -> int:
    for pid in bench.daemon.processes():
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ringfence-egress\0outer\0"):
                return pid
        except OSError:
            continue
    return 0


FOLDER: Path


def test_a_key_is_used_for_its_host_and_is_nowhere_inside_nor_in_what_is_kept(bench: Bench) -> None:
    service = Service(FOLDER)
    policy = bench.daemon.base / "keyed.toml"
    policy.write_text(POLICY.format(host=HOST, address=ADDRESS, port=service.port))
    (bench.workspace / "agent.py").write_text(AGENT)
    person = {"EXAMPLE_API_KEY": KEY, "LANG": "C.UTF-8"}
    command = ("/usr/bin/python3", "-u", "agent.py", KEY[::-1])

    refused = bench.cli("run", "-p", str(policy), "-e", f"COPY=x{KEY}", "--", *command, env=person)
    equal((refused.returncode, refused.stderr.splitlines()[-1]), (4, "ringfence: not started: policy"), refused.stderr)
    assert "COPY would bring the value of EXAMPLE_API_KEY" in refused.stderr and KEY not in refused.stderr, refused.stderr

    started = bench.cli("run", "-d", "-p", str(policy), "--", *command, env=person)
    equal(started.returncode, 0, started.stderr)
    run = started.stdout.strip()

    def answer(number: int) -> str:
        (bench.workspace / f"go-{number}").touch()
        file = bench.workspace / f"answer-{number}"
        assert eventually(file.exists, 100), bench.cli("logs", run).stdout + bench.daemon.log()
        return file.read_text()

    equal(answer(1), "200 well", bench.cli("log", run, "--json").stdout)
    equal(bench.cli("logs", run).stdout.splitlines(), ["looked at enough", "found []"])
    head = service.heads[0].split("\r\n")
    equal(head[0], "GET /v1/1 HTTP/1.1")
    assert f"authorization: Bearer {KEY}" in head, head
    equal(list(holders(bench)), [])

    # Its value is in memory alone: an egress that runs keeps it over a restart of the daemon, one that begins after it has none.
    bench.daemon.kill_daemon()
    bench.daemon.start()
    equal(answer(2), "200 well")
    assert f"authorization: Bearer {KEY}" in service.heads[1].split("\r\n"), service.heads[1]
    before = outer_egress(bench)
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: outer_egress(bench) not in (0, before), 30), bench.daemon.log()
    without = answer(3)
    assert without.startswith("502 ") and "no credential" in without and KEY not in without, without
    equal(len(service.heads), 2)

    equal(bench.ended(run), {"code": 0})
    equal(list(holders(bench)), [])
    for words in (("log", "--json"), ("show", run, "--json"), ("show", run), ("ps", "-a", "--json")):
        told = bench.cli(*words)
        equal(told.returncode, 0, told.stderr)
        assert KEY not in told.stdout + told.stderr, words


SERVER = """
import http.server, os, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"from inside {os.environ['RINGFENCE_RUN']}".encode())
for port in map(int, sys.argv[1:]):
    if os.fork() == 0:
        http.server.HTTPServer(("127.0.0.1", port), Page).serve_forever()
os.wait()
"""


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def page_at(port: int) -> str:
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.makefile("rb").read().decode().rpartition("\r\n\r\n")[2]
    except OSError:
        return ""


def listening(port: int) -> list[str]:
    """Local addresses, as the kernel writes them."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and int(address.rpartition(":")[2], 16) == port:
                found.append(address)
    return found


def test_a_published_port_is_there_for_this_machine_alone_and_gone_with_its_run(bench: Bench) -> None:
    published, kept = free_ports(2)
    policy = bench.daemon.base / "serving.toml"
    policy.write_text('schema = 1\nname = "serving"\nextends = ["base"]\n[files]\nworkspace = "rw"\n'
                      f'[network]\npublish = [{published}]\n[priority]\nclass = "interactive"\n')
    (bench.workspace / "server.py").write_text(SERVER)
    run = bench.detached(f"exec /usr/bin/python3 server.py {published} {kept}", "-p", str(policy))
    assert eventually(lambda: page_at(published) == f"from inside {run}", 60), bench.cli("logs", run).stdout + bench.daemon.log()
    equal(listening(published), [f"0100007F:{published:04X}"])
    equal((page_at(kept), listening(kept)), ("", []))
    equal(bench.cli("kill", run).returncode, 0)
    bench.ended(run)
    assert eventually(lambda: not listening(published), 30), listening(published)
    equal(page_at(published), "")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ringfence-keys-") as made:
        FOLDER = Path(made)
        FOLDER.chmod(0o755)
        in_own_namespace(FOLDER)
        status = run_tests(globals())
    sys.exit(status)
