"""Ringfence installed as a systemd service, used by an ordinary user: only for a guest, which is thrown away afterwards.

The installed tree is in /payload/installed; see scripts/guest.
"""
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from daemon import eventually  # noqa: E402  (its folder is known only now)

USER = "alice"
PROJECT = f"/home/{USER}/project"
# In a login session of its own. Without a terminal su's would be one of a job, in which nobody is.
PERSON = ["env", "XDG_SESSION_CLASS=user", "su", "-l", USER, "-c"]


def run(*command, user=None):
    prefix = ["runuser", "-u", user, "--"] if user else []
    return subprocess.run([*prefix, *command], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/", timeout=240)


def must(*command, user=None):
    result = run(*command, user=user)
    if result.returncode != 0:
        log = run("journalctl", "-u", "ringfenced", "-n", "30", "--no-pager").stdout
        raise AssertionError(f"{' '.join(command)}: {result.returncode}: {result.stdout}{result.stderr}\n{log}")
    return result.stdout.strip()


def main_pid(service="ringfenced"):
    return int(must("systemctl", "show", "-P", "MainPID", service))


def stop_status():
    """What ringfence-stop says, and who it is; None when it is not there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stop:
        stop.settimeout(60)
        try:
            stop.connect("/run/ringfence/stop.sock")
        except OSError:
            return None
        stop.send(b"status")
        pid = struct.unpack("iII", stop.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return {**json.loads(stop.recv(65536)), "pid": pid}


def check(name):
    report = json.loads(run("ringfence", "doctor", "--json").stdout)
    return next(one for one in report["checks"] if one["name"] == name)


def is_frozen(group):
    """As the kernel says."""
    return "frozen 1" in (group / "cgroup.events").read_text().splitlines()


def state_of(run_id):
    result = run("ringfence", "show", run_id, "--json", user=USER)
    return json.loads(result.stdout).get("state") if result.returncode == 0 else None


def install():
    """Before other tests begin: new accounts replace /etc/passwd, which the escape suite covers with its own."""
    if not os.environ.get("RINGFENCE_GUEST"):
        raise AssertionError("this test changes the machine it runs on: run it by scripts/guest")
    must("cp", "-a", "/payload/installed/.", "/")
    # An emulated machine is slow at times, and a daemon that takes long to come back is an emergency.
    pathlib.Path("/etc/ringfence").mkdir(exist_ok=True)
    pathlib.Path("/etc/ringfence/ringfence.toml").write_text('dead_man_after = "30m"\n')
    must("systemd-sysusers")
    must("useradd", "-m", "-s", "/bin/bash", USER)
    must("mkdir", PROJECT, user=USER)
    must("systemctl", "daemon-reload")


class Service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        must("systemctl", "start", "ringfenced")
        # What the keys of another test, or a first try of this one, left behind.
        run(*PERSON, "ringfence rearm")
        run("systemctl", "stop", "person.service")

    def start(self):
        return must("ringfence", "run", "-d", "-p", "coding", "-w", PROJECT, "--", "sleep", "3600", user=USER)

    def test_1_a_user_runs_a_command_and_gets_its_output_and_status(self):
        result = run("ringfence", "run", "-p", "coding", "-w", PROJECT, "--", "sh", "-c", "echo made >note; id -u; exit 9", user=USER)
        self.assertEqual((result.returncode, result.stdout), (9, must("id", "-u", USER) + "\n"), result.stderr)
        self.assertEqual(pathlib.Path(PROJECT, "note").read_text(), "made\n")

    def test_2_a_restart_of_the_service_keeps_every_run(self):
        run_id = self.start()
        must("systemctl", "restart", "ringfenced")
        self.assertEqual(state_of(run_id), "running")

    def test_3_a_stopped_service_leaves_its_runs_and_the_next_start_adopts_them(self):
        run_id = self.start()
        agent = json.loads(must("ringfence", "show", run_id, "--json", user=USER))["pid"]
        must("systemctl", "stop", "ringfenced")
        os.kill(agent, 0)
        must("systemctl", "start", "ringfenced")
        self.assertEqual(state_of(run_id), "running")

    def test_4_a_killed_daemon_is_restarted_and_adopts_its_runs(self):
        run_id, before = self.start(), main_pid()
        os.kill(before, 9)
        self.assertTrue(eventually(lambda: main_pid() not in (0, before) and state_of(run_id) == "running", 120))

    def test_5_a_kill_ends_every_run_and_the_log_verifies(self):
        must("ringfence", "kill", "--all", user=USER)
        self.assertTrue(eventually(lambda: not must("ringfence", "ps", "--json", user=USER), 60))
        must("ringfence", "verify")

    def test_6_the_unit_is_as_hardened_as_its_children_allow(self):
        shown = must("systemctl", "show", "ringfenced", "-p", "NoNewPrivileges,Delegate,KillMode,Slice,WatchdogUSec")
        for line in ("NoNewPrivileges=yes", "Delegate=yes", "KillMode=process", "Slice=-.slice", "WatchdogUSec=20s"):
            self.assertIn(line, shown.splitlines())

    def test_7_the_memory_of_the_program_with_the_focus_is_kept_from_the_top_down_and_given_back(self):
        uid = must("id", "-u", USER)
        must("systemd-run", f"--uid={USER}", f"--slice=user-{uid}.slice", "--unit=person", "-p", "MemoryAccounting=yes", "sleep", "3600")
        program = must("systemctl", "show", "-P", "MainPID", "person.service")
        top = pathlib.Path("/sys/fs/cgroup/user.slice")
        groups = [top, top / f"user-{uid}.slice", top / f"user-{uid}.slice" / "person.service"]

        def kept():
            return [int((group / "memory.low").read_text()) for group in groups]

        before = kept()
        told = json.loads(must("ringfence", "focus", program, "--json", user=USER))
        self.assertIn("memory", [part["what"] for part in told["protected"]], told)
        self.assertTrue(all(now > 0 for now in kept()), kept())
        self.assertEqual(run("ringfence", "focus", str(main_pid()), user=USER).returncode, 4)  # root's
        self.assertTrue(all(now > 0 for now in kept()), kept())
        must("systemctl", "restart", "ringfenced")
        self.assertEqual(kept(), before)
        must("ringfence", "focus", program, user=USER)
        os.kill(main_pid(), 9)  # it can put nothing back; the next one does
        self.assertTrue(eventually(lambda: kept() == before, 120), kept())
        must("systemctl", "stop", "person.service")

    def test_8_the_doctor_sees_the_groups_of_the_persons_programs_and_what_keeps_agents_off_the_processors(self):
        self.assertTrue(check("foreground")["detail"][0].isdigit(), check("foreground"))
        self.assertIn("cpu.idle", check("placement")["detail"])

    def test_9_an_emergency_stop_outlives_both_services_and_is_ended_by_its_person_alone(self):
        self.assertEqual(must("systemctl", "is-active", "ringfence-stop", "ringfenced").split(), ["active", "active"])
        self.assertEqual(stop_status()["pid"], main_pid("ringfence-stop"), "systemd's own serves, and none of the daemon's")
        self.assertEqual([stop_status()[ready] for ready in ("realtime", "memory_locked", "kept")], [True] * 3)
        self.assertTrue(eventually(lambda: " watched: hold " in check("emergency keys")["detail"], 60), check("emergency keys"))
        run_id = self.start()
        agent = pathlib.Path("/sys/fs/cgroup/ringfence-background", run_id, "agent")
        self.assertTrue(eventually(lambda: state_of(run_id) == "running", 60))
        stopped = json.loads(must("ringfence", "estop", "--json", user=USER))
        self.assertEqual((stopped["verified"], stopped["runs"], [one["run"] for one in stopped["evidence"]]), (True, 1, [run_id]), stopped)
        self.assertTrue(is_frozen(agent))

        must("systemctl", "restart", "ringfenced")
        self.assertEqual(state_of(run_id), "frozen")
        refused = run("ringfence", "run", "-p", "coding", "-w", PROJECT, "--", "true", user=USER)
        self.assertEqual((refused.returncode, refused.stderr.splitlines()[-1]), (7, "ringfence: not started: latched"))

        before = main_pid("ringfence-stop")
        os.kill(before, 9)
        self.assertTrue(eventually(lambda: main_pid("ringfence-stop") not in (0, before) and stop_status(), 120))
        self.assertTrue(stop_status()["latched"])
        self.assertTrue(is_frozen(agent), "somebody let go of the run")
        must("systemctl", "restart", "ringfence-stop")
        self.assertTrue(is_frozen(agent), "somebody let go of the run")
        self.assertTrue(stop_status()["latched"])

        # Not from a service: a person has to be there.
        for words in (("rearm",), ("resume", run_id)):
            refused = run("ringfence", *words, user=USER)
            self.assertEqual(refused.returncode, 4, refused)
            self.assertIn("login session", refused.stderr)
        self.assertIn("only from a login session", check("logind")["detail"])
        self.assertTrue(eventually(lambda: check("emergency stop")["detail"].startswith("ready"), 60), check("emergency stop"))
        must(*PERSON, "ringfence rearm")
        self.assertFalse(stop_status()["latched"])
        self.assertTrue(is_frozen(agent), "re-arming resumes nothing")
        must(*PERSON, f"ringfence resume {run_id}")
        self.assertFalse(is_frozen(agent))
        # Its person may end it so as well, with what this unit leaves to the program of its rights.
        killed = json.loads(must("ringfence", "estop", "--kill", "--json", user=USER))
        self.assertEqual([killed[name] for name in ("killed", "killed_runs", "killed_left", "verified")], [True, 1, 0, True], killed)
        self.assertTrue(eventually(lambda: state_of(run_id) == "ended", 60))
        must(*PERSON, "ringfence rearm")


if __name__ == "__main__":
    unittest.main(verbosity=2)
