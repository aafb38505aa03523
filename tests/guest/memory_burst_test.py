"""An agent that takes memory faster than the machine has it, beside a program of the person's: only for a guest, whose memory
may run out.

    memory_burst_test.py BUILD_DIR
"""
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "support")]
from daemon import Daemon, eventually  # noqa: E402

MIB = 1 << 20
# Works in little memory, then needs fifteen times as much, again and again; keeps what it got.
AGENT = f"""
import time
kept = []
while True:
    for size in (8, 8, 8, 120):
        kept.append(bytearray(size * {MIB}))
        time.sleep(0.05)
"""
# Holds its memory and looks at all of it, five times a second.
PERSON = f"""
import time
held = bytearray(128 * {MIB})
while True:
    for at in range(0, len(held), 4096):
        held[at] = (held[at] + 1) % 251
    print(time.monotonic(), flush=True)
    time.sleep(0.2)
"""
POLICY = 'schema = 1\nname = "greedy"\nextends = ["offline"]\n[limits]\nmemory = "64GiB"\n'


def killed_for_memory():
    return next(int(line.split()[1]) for line in pathlib.Path("/proc/vmstat").read_text().splitlines() if line.startswith("oom_kill "))


def available():
    return next(int(line.split()[1]) * 1024 for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable:"))


class MemoryBurst(unittest.TestCase):
    build = ""

    def setUp(self):
        if not os.environ.get("RINGFENCE_GUEST"):
            raise AssertionError("this test uses up the memory of the machine: run it by scripts/guest")
        self.person = subprocess.Popen([sys.executable, "-c", PERSON], stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: (self.person.kill(), self.person.wait()))
        self.killed = killed_for_memory()

    def test_1_without_ringfence_the_kernel_ends_a_program_for_memory(self):
        agent = subprocess.Popen([sys.executable, "-c", AGENT])
        self.addCleanup(lambda: (agent.kill(), agent.wait()))
        self.assertTrue(eventually(lambda: killed_for_memory() > self.killed, 240), f"{available()} bytes are still available")

    def test_2_under_ringfence_the_agent_is_paused_before_anybody_is_ended(self):
        with Daemon(self.build) as daemon:
            policy = daemon.base / "greedy.toml"
            policy.write_text(POLICY)
            project = daemon.base / "project"
            project.mkdir()
            started = daemon.cli("run", "-d", "-p", str(policy), "-w", str(project), "--", "python3", "-c", AGENT)
            self.assertEqual(started.returncode, 0, started.stderr)
            run = started.stdout.strip()

            def why():
                facts = [json.loads(line) for line in daemon.cli("log", run, "--json").stdout.splitlines()]
                return [fact["body"] for fact in facts if fact["kind"] == "run-frozen"]

            self.assertTrue(eventually(why, 240), daemon.log())
            self.assertEqual(why()[0]["preemption"]["cause"], "memory")
            print(why()[0]["reason"])
            least = available()
            end = time.monotonic() + 10
            while time.monotonic() < end:
                least = min(least, available())
                time.sleep(0.1)
            print(f"at the least {least // MIB} MiB were available")
            self.assertEqual(killed_for_memory(), self.killed, "somebody was ended for memory")
            self.assertIsNone(self.person.poll(), "the person's program was ended")
            daemon.cli("kill", run)


class MemoryGone(unittest.TestCase):
    def test_when_all_memory_is_gone_the_kernel_ends_who_took_it_or_an_agent_and_ringfence_lives(self):
        if not os.environ.get("RINGFENCE_GUEST"):
            raise AssertionError("this test uses up the memory of the machine: run it by scripts/guest")
        rounds = 3
        with Daemon(MemoryBurst.build) as daemon:
            project = daemon.base / "project"
            project.mkdir()
            policy = daemon.base / "trial.toml"
            policy.write_text('schema = 1\nname = "trial"\nextends = ["offline"]\n')
            flags = ("-p", str(policy), "-w", str(project), "--")
            run = daemon.cli("run", "-d", *flags, "sleep", "3600").stdout.strip()
            programs = daemon.process.pid, daemon.launcher_pid()
            for _ in range(rounds):
                killed = killed_for_memory()
                # A program of the person's, in no run: nobody pauses it.
                taker = subprocess.run([sys.executable, "-c", f"kept = []\nwhile True: kept.append(bytearray(16 * {MIB}))"],
                                       timeout=240, check=False)
                self.assertEqual(taker.returncode, -9)
                self.assertGreater(killed_for_memory(), killed)
                self.assertEqual((daemon.process.pid, daemon.launcher_pid()), programs)
                self.assertIsNone(daemon.process.poll(), daemon.log())
                self.assertEqual(daemon.cli("run", *flags, "sh", "-c", "exit 3").returncode, 3)
            # Of equal ones the kernel takes agents first.
            shown = daemon.json("show", run)
            self.assertTrue(shown["state"] != "ended" or shown["exit"]["signal"] == 9, shown)
            print(f"all memory was gone {rounds} times")
            daemon.cli("kill", run)


if __name__ == "__main__":
    MemoryBurst.build = sys.argv.pop(1)
    unittest.main()
