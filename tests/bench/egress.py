"""What passing ringfence-egress costs: egress_bench.cc with a daemon that acknowledges at once, and a program in a run of the
real daemon, which lets nothing out before the record of it is on the disk. Each in network namespaces of its own."""
import pathlib
import re
import subprocess
import tempfile

from statistics_of_ratios import interleaved, percentile, ratio
from tests.support.daemon import Daemon

FIRST_BYTE = re.compile(r"connect and first byte, (.+?) +([\d.]+) us median +([\d.]+) us p99")
STREAM = re.compile(r"one stream (\w+): +direct ([\d.]+) Gibit/s, through ([\d.]+) Gibit/s")
WAYS = {"a loopback port": "a port of this machine that the policy gives", "an address, redirected": "an address",
        "a name, redirected": "a name, resolved for each connection", "a name, CONNECT": "a name, over the HTTP proxy"}

ADDRESS, PORT = "198.51.100.1", 7004
POLICY = f'schema = 1\nname = "connects"\nextends = ["base"]\n[priority]\nclass = "interactive"\n[files]\nworkspace = "rw"\n' \
         f'[network]\nallow = [{{ host = "{ADDRESS}", port = {PORT} }}]\n'
WORLD = ["unshare", "--net", "sh", "-c", f'ip link set lo up && ip address add {ADDRESS}/32 dev lo && exec "$@"', "sh"]
SERVER = f"""
import socket
server = socket.create_server(("{ADDRESS}", {PORT}), backlog=64)
print("ready", flush=True)
while True:
    client, _ = server.accept()
    if client.recv(1):
        client.send(b"!")
    client.close()
"""
CALLER = f"""
import socket, sys, time
print("ready", flush=True)
for line in sys.stdin:
    took = []
    for _ in range(int(line)):
        begun = time.perf_counter()
        with socket.create_connection(("{ADDRESS}", {PORT}), 20) as connection:
            connection.send(b"?")
            assert connection.recv(1) == b"!"
        took.append((time.perf_counter() - begun) * 1000)
    print(*took, flush=True)
"""


def without_a_disk(build, quick):
    """Rows of egress_bench.cc: what the egress itself adds."""
    times, streams = {}, {}
    for _ in range(2 if quick else 15):
        words = ("10", "2") if quick else ("200", "256")
        result = subprocess.run([str(pathlib.Path(build) / "bin/egress_bench"), *words], capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            raise RuntimeError(f"egress_bench: {result.stderr}")
        for what, middle, _ in FIRST_BYTE.findall(result.stdout):
            times.setdefault(what, []).append(float(middle))
        for way, direct, through in STREAM.findall(result.stdout):
            streams.setdefault(way, []).append((float(through), float(direct)))
    direct = times["direct"]
    for what, name in WAYS.items():
        yield (f"connect and first byte through an egress, {name}, against direct", "", ratio(times[what], direct),
               f"median µs {percentile(times[what], 0.5):.0f} and {percentile(direct, 0.5):.0f}; acknowledged without a disk")
    for way in ("down", "up"):
        through, straight = zip(*streams[way])
        yield (f"throughput of one stream {way} through an egress against direct", "", ratio(through, straight),
               f"median Gibit/s {percentile(through, 0.5):.1f} and {percentile(straight, 0.5):.1f}")


class Caller:
    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"a program that connects did not start: {self.process.stderr.read()}")

    def measure(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        took = [float(word) for word in self.process.stdout.readline().split()]
        if len(took) != count:
            raise RuntimeError(f"a connection failed: {self.process.stderr.read()}")
        return took

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def with_the_log(build, policies, quick):
    """The row of the real daemon: nothing that the program says goes out before the record of its connection is durable."""
    (policies[-1] / "connects.toml").write_text(POLICY)
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-", dir="/var/tmp") as workspace, \
            Daemon(build, policies=policies, wrapper=WORLD) as daemon:
        python = ["/usr/bin/python3", "-B", "-c"]
        world = ["nsenter", f"--target={daemon.process.pid}", "--net", *python]
        server = subprocess.Popen([*world, SERVER], stdout=subprocess.PIPE, text=True)
        callers = {}
        try:
            server.stdout.readline()
            fence = [str(daemon.bin / "ringfence"), "run", "-p", "connects", "-w", workspace, "--"]
            callers = {"outside": Caller([*world, CALLER]), "inside": Caller([*fence, *python, CALLER], daemon.environment)}
            took = interleaved(callers, 2 if quick else 60, lambda name: callers[name].measure(3 if quick else 10))
        finally:
            for caller in callers.values():
                caller.close()
            server.kill()
            server.wait()
    middle = {name: [percentile(one, 0.5) for one in took[name]] for name in took}
    slowest = percentile([one for some in took["inside"] for one in some], 0.99)
    return ("connect, ask and first byte of an answer, of a program in a run, against outside", "",
            ratio(middle["inside"], middle["outside"]),
            f"median ms {percentile(middle['inside'], 0.5):.2f} and {percentile(middle['outside'], 0.5):.2f}; p99 {slowest:.1f}; its record is on the disk before it asks")


def measured(build, policies, quick):
    """Rows of the main table."""
    yield from without_a_disk(build, quick)
    yield with_the_log(build, policies, quick)
