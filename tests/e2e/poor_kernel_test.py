#!/usr/bin/env python3
"""A kernel without Landlock, a machine without the memory controller: a launch that needs it is refused by the wall's name,
one that only prefers it runs and is shown as weakened. Without the cpu controller background runs are idle by themselves.
Without packet rules nothing gets out but by the proxy; with them, in the same place, everything does.

    poor_kernel_test.py BUILD [TEST…]

The daemon is started by a small program that takes the facility away from itself: a filter that answers ENOSYS, a mount
namespace in which the controller's hierarchy is not mounted.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal  # noqa: E402
from tests.support.daemon import Daemon  # noqa: E402

WITHOUT_LANDLOCK = r"""
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char** argv) {
  (void)argc;
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),           BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 444, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 446, 1, 0),  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 1;
  FILE* pid = fopen(PID_FILE, "w");
  if (!pid || fprintf(pid, "%d", getpid()) < 0 || fclose(pid) != 0) return 1;
  execv(REAL, argv);
  return 1;
}
"""
WITHOUT_A_HIERARCHY = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>
int main(int argc, char** argv) {
  (void)argc;
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", 0, MS_REC | MS_PRIVATE, 0) != 0) return 1;
  if (umount2(HIERARCHY, MNT_DETACH) != 0) return 1;
  FILE* pid = fopen(PID_FILE, "w");
  if (!pid || fprintf(pid, "%d", getpid()) < 0 || fclose(pid) != 0) return 1;
  execv(REAL, argv);
  return 1;
}
"""
# A network of its own, in which an address that no network has is this machine's; with PROTOCOL also a filter by which the kernel
# has no netlink of that protocol.
IN_OWN_NETWORK = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped)
int main(int argc, char** argv) {
  (void)argc;
  if (unshare(CLONE_NEWNET) != 0 || system("ip link set lo up && ip address add " ADDRESS "/32 dev lo") != 0) return 1;
#ifdef PROTOCOL
  struct sock_filter code[] = {LOAD(nr), UNLESS(SYS_socket, 5), LOAD(args[0]), UNLESS(AF_NETLINK, 3), LOAD(args[2]), UNLESS(PROTOCOL, 1),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 1;
#endif
  FILE* pid = fopen(PID_FILE, "w");
  if (!pid || fprintf(pid, "%d", getpid()) < 0 || fclose(pid) != 0) return 1;
  execv(REAL, argv);
  return 1;
}
"""
ADDRESS = "198.51.100.7"  # for documentation: RFC 5737
WITHOUT_PACKET_RULES = "#define PROTOCOL 12 /* NETLINK_NETFILTER */\n" + IN_OWN_NETWORK
# Interactive: the other branch is idle, and a busy machine starves it.
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


def hierarchy_of(controller: str) -> str:
    """Where the controller has a hierarchy of its own; empty: nowhere."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, options = line.split()[:4]
        if kind == "cgroup" and controller in options.split(","):
            return point
    return ""


def poor_build(build: str, folder: Path, source: str, hierarchy: str) -> Path:
    """Programs of which ringfenced starts the real one poorer than it was started."""
    real = folder / "real"
    real.mkdir(parents=True)
    (folder / "bin").mkdir()
    for name in ("ringfenced", "ringfence-launcher", "ringfence-egress"):
        shutil.copy(Path(build, "bin", name), real / name)
    shutil.copy(Path(build, "bin", "ringfence"), real / "ringfence")
    # The client belongs into the daemon's mount namespace: a workspace of another one is refused.
    client = folder / "bin" / "ringfence"
    client.write_text(f"""#!/bin/sh
exec nsenter -t "$(cat {real}/pid)" -m /bin/sh -c 'cd "$0" && exec {real}/ringfence "$@"' "$PWD" "$@"
""")
    client.chmod(0o755)
    subprocess.run(["cc", "-x", "c", f'-DREAL="{real / "ringfenced"}"', f'-DPID_FILE="{real / "pid"}"', f'-DHIERARCHY="{hierarchy}"',
                    f'-DADDRESS="{ADDRESS}"', "-o", str(folder / "bin" / "ringfenced"), "-"], input=source, text=True,
                   check=True)
    return folder


def doctor(bench: Bench) -> dict[str, Any]:
    """What the doctor says of the daemon's kernel; it ends with 1 because something is missing."""
    result = bench.cli("doctor", "--json")
    equal(result.returncode, 1, result.stderr)
    return json.loads(result.stdout)


def expect_poor(bench: Bench, wall: str, word: str) -> None:
    strict, tolerant = bench.workspace / "strict.toml", bench.workspace / "tolerant.toml"
    strict.write_text(POLICY)
    tolerant.write_text(POLICY + f'[walls]\n{wall} = "best-effort"\n')
    refused = bench.cli("run", "-p", str(strict), "--", "/bin/true")
    equal((refused.returncode, refused.stderr.splitlines()[-1]), (125, f"ringfence: not started: {wall}"), refused.stderr)
    assert word in refused.stderr, refused.stderr
    ran = bench.cli("run", "-p", str(tolerant), "--", "/bin/sh", "-c", "exit 6")
    equal(ran.returncode, 6, ran.stderr)
    assert f"weakened: {wall}: " in ran.stderr and word in ran.stderr, ran.stderr
    shown = bench.show(bench.last_run()["id"])
    equal([one["wall"] for one in shown["weakened"]], [wall], shown["weakened"])
    assert "weakened" in bench.cli("ps", "-a").stdout


def test_without_landlock(bench: Bench) -> None:
    expect_poor(bench, "landlock", "Landlock")
    equal(doctor(bench)["landlock_abi"], 0)


def test_without_the_memory_controller(bench: Bench) -> None:
    expect_poor(bench, "limits", "memory")
    assert "memory" not in doctor(bench)["cgroup"]["controllers"]


def test_without_the_cpu_controller(bench: Bench) -> None:
    background, interactive = bench.workspace / "background.toml", bench.workspace / "interactive.toml"
    interactive.write_text(POLICY)
    background.write_text(POLICY.replace("interactive", "background"))
    # An agent that takes itself out of the class, and then one of its children.
    agent = ("import os, sys; told = [os.sched_getscheduler(0)]\n"
             "try: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)); told += ['let go']\n"
             "except PermissionError: told += ['refused']\n"
             "pid = os.fork()\n"
             "if pid == 0: os._exit(os.sched_getscheduler(0))\n"
             "print(*told, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))")
    for policy, expected in ((background, "5 refused 5"), (interactive, "0 let go 0")):
        ran = bench.cli("run", "-p", str(policy), "--", "/usr/bin/python3", "-c", agent)
        equal((ran.returncode, ran.stdout.strip()), (0, expected), ran.stderr)
    started = bench.cli("run", "-d", "-p", str(background), "--", "/bin/sleep", "600")
    equal(started.returncode, 0, started.stderr)
    pid = bench.show(bench.last_run()["id"])["pid"]
    equal(os.sched_getscheduler(pid), os.SCHED_IDLE)  # read from outside
    autogroup = Path(f"/proc/{pid}/autogroup")
    if autogroup.exists():
        assert autogroup.read_text().rstrip().endswith(" nice 19"), autogroup.read_text()
    equal(bench.cli("kill", "--all").returncode, 0)
    [placement] = [check for check in json.loads(bench.cli("doctor", "--json").stdout)["checks"] if check["name"] == "placement"]
    assert placement["ok"] and "thread by thread" in placement["detail"], placement


REACHING = """
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
def plain():
    return socket.create_connection((address, port), 3)
def proxied():
    proxy = socket.create_connection(("127.0.0.1", 9480), 60)
    proxy.sendall(f"CONNECT {address}:{port} HTTP/1.1\\r\\nHost: {address}:{port}\\r\\n\\r\\n".encode())
    return proxy
for way in (proxied, plain):
    try:
        print(way.__name__, way().makefile("rb").read().split(b"\\r\\n")[-1].decode())
    except OSError:
        print(way.__name__, "nothing")
"""
WELCOMING = """
import socket, sys
listener = socket.create_server((sys.argv[1], 0))
print(listener.getsockname()[1], flush=True)
while True:
    with listener.accept()[0] as connection:
        connection.sendall(b"welcome")
"""


def reached(bench: Bench) -> list[str]:
    """What an agent hears by the proxy and without it of a server that its policy allows."""
    server = subprocess.Popen(["nsenter", "-t", str(bench.daemon.process.pid), "-n", sys.executable, "-c", WELCOMING, ADDRESS],
                              stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        policy = bench.workspace / "reaching.toml"
        policy.write_text(f'schema = 1\nname = "reaching"\nextends = ["base"]\n[files]\nworkspace = "rw"\n[network]\n'
                          f'allow = [{{ host = "{ADDRESS}", port = {port} }}]\n[priority]\nclass = "interactive"\n')
        ran = bench.cli("run", "-p", str(policy), "--", "/usr/bin/python3", "-c", REACHING, ADDRESS, str(port))
        equal(ran.returncode, 0, ran.stderr)
        return ran.stdout.splitlines()
    finally:
        server.kill()
        server.wait()


def network_check(bench: Bench) -> str:
    [check] = [check for check in json.loads(bench.cli("doctor", "--json").stdout)["checks"] if check["name"] == "network"]
    return check["detail"]


def test_without_packet_rules(bench: Bench) -> None:
    equal(reached(bench), ["proxied welcome", "plain nothing"])
    assert "only programs that use a proxy get out" in network_check(bench), network_check(bench)


def test_with_packet_rules(bench: Bench) -> None:
    equal(reached(bench), ["proxied welcome", "plain welcome"])
    equal(network_check(bench), "every connection of a run is led to its egress")


# What is taken away: the program, the controller whose hierarchy it unmounts, the test.
TRIALS = {"without_landlock": (WITHOUT_LANDLOCK, "", test_without_landlock),
          "without_the_memory_controller": (WITHOUT_A_HIERARCHY, "memory", test_without_the_memory_controller),
          "without_the_cpu_controller": (WITHOUT_A_HIERARCHY, "cpu", test_without_the_cpu_controller),
          "without_packet_rules": (WITHOUT_PACKET_RULES, "", test_without_packet_rules),
          "with_packet_rules": (IN_OWN_NETWORK, "", test_with_packet_rules)}


def main() -> int:
    failed = 0
    wanted = sys.argv[2:] or list(TRIALS)
    for name in wanted:
        source, controller, test = TRIALS[name]
        hierarchy = hierarchy_of(controller) if controller else ""
        if controller and not hierarchy:
            # One hierarchy for all controllers: none of them can be taken away alone.
            print(f"none  {name}: the layout is unified", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="ringfence-poor-") as folder:
            daemon = Daemon(poor_build(sys.argv[1], Path(folder), source, hierarchy))
            log = ""
            try:
                with daemon:
                    try:
                        test(Bench(daemon))
                    finally:
                        log = daemon.log()
                left = daemon.leftovers()
                assert not left, f"left behind: {left}"
                print(f"ok    {name}", flush=True)
            except (AssertionError, RuntimeError, OSError, LookupError, TypeError, ValueError) as wrong:
                failed += 1
                print(f"FAIL  {name}\n      {type(wrong).__name__}: {wrong}\n--- the daemon said:\n{log}---", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
