"""The clock of the machine is set while a person is asked: only for a guest, whose clock is nobody's.

    clock_test.py BUILD_DIR
"""
import json
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "support")]
from daemon import Daemon, eventually  # noqa: E402

YEAR = 365 * 24 * 3600
TIMEOUT = 20  # seconds in which a question is to be answered
POLICY = """schema = 1
name = "careful"
extends = ["offline"]
[files]
ask = ["{asked}"]
[prompt]
timeout = "{timeout}s"
[priority]
class = "interactive"
"""


class Clock(unittest.TestCase):
    build = ""

    def setUp(self):
        if not os.environ.get("RINGFENCE_GUEST"):
            raise AssertionError("this test sets the clock of the machine: run it by scripts/guest")
        before = time.time(), time.monotonic()
        self.addCleanup(lambda: time.clock_settime(time.CLOCK_REALTIME, before[0] + time.monotonic() - before[1]))

    def test_however_it_is_set_questions_wait_their_time_and_the_log_keeps_its_order(self):
        with Daemon(self.build) as daemon:
            folder, project, policy = daemon.base / "asked", daemon.base / "project", daemon.base / "careful.toml"
            for directory in (folder, project):
                directory.mkdir()
            policy.write_text(POLICY.format(asked=folder, timeout=TIMEOUT))

            def ask(name):
                started = daemon.cli("run", "-d", "-p", str(policy), "-w", str(project), "--", "sh", "-c", f"echo x >{folder}/{name}")
                self.assertEqual(started.returncode, 0, started.stderr)
                return started.stdout.strip()

            def pending():
                return [json.loads(line)["id"] for line in daemon.cli("pending", "--json").stdout.splitlines()]

            def facts(*kinds):
                lines = [json.loads(line) for line in daemon.cli("log", "--json").stdout.splitlines()]
                return [line for line in lines if not kinds or line["kind"] in kinds]

            now = time.time()
            # Linux sets no time that is before its start: an hour after 1970 began it may be.
            jumps = [now + YEAR, now - YEAR, 3600.0, 2.0 ** 31 - 3, now + 3600]
            jumps = (jumps * 4)[:20] if os.environ.get("RINGFENCE_GUEST_WHOLE") else jumps
            for number, jump in enumerate(jumps):
                ask(f"allowed{number}")
                self.assertTrue(eventually(pending, 60), daemon.log())
                time.clock_settime(time.CLOCK_REALTIME, jump)
                asked = pending()
                self.assertEqual(len(asked), 1, "it did not wait its time")
                answered = daemon.cli("allow", str(asked[0]))
                self.assertEqual(answered.returncode, 0, answered.stderr)
                self.assertTrue(eventually((folder / f"allowed{number}").exists, 60))
            # One that nobody answers is over when its time is, though the clock goes back meanwhile.
            run = ask("expired")
            self.assertTrue(eventually(pending, 60))
            begun = time.monotonic()
            time.clock_settime(time.CLOCK_REALTIME, now - YEAR)
            self.assertTrue(eventually(lambda: not pending(), 120))
            waited = time.monotonic() - begun
            self.assertGreater(waited, TIMEOUT / 2)
            outcomes = [fact["body"]["outcome"] for fact in facts("action-answered")]
            self.assertEqual(outcomes, ["allowed"] * len(jumps) + ["expired"])
            self.assertFalse((folder / "expired").exists())
            self.assertTrue(eventually(lambda: daemon.json("show", run)["state"] == "ended", 60))
            numbers = [fact["seq"] for fact in facts()]
            self.assertEqual(numbers, sorted(numbers))
            self.assertEqual(daemon.cli("verify").returncode, 0)
            print(f"{len(jumps)} jumps; what nobody answered was over after {waited:.0f} s")


if __name__ == "__main__":
    Clock.build = sys.argv.pop(1)
    unittest.main()
