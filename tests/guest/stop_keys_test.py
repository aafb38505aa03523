"""The keys of the emergency stop on real event devices: QEMU's keyboard, pressed by its monitor, and those of uinput.

    stop_keys_test.py BUILD_DIR
"""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.support.daemon import Daemon, eventually  # noqa: E402  (its folder is known only now)
from tests.support.stop import Stop  # noqa: E402

HOLD, PRESS = "hold ctrl+alt+end 500ms", "press pause x3 within 10s"
LONG_HOLD = "hold ctrl+alt+end 5s"
BUTTON = "button 1234:abcd f13"
EV_SYN, EV_KEY = 0, 1
LEFTCTRL, LEFTALT, END, F13, PAUSE, LETTER = 29, 56, 107, 183, 119, 30
UI_SET_EVBIT, UI_SET_KEYBIT, UI_DEV_SETUP, UI_DEV_CREATE, UI_DEV_DESTROY = 0x40045564, 0x40045565, 0x405c5503, 0x5501, 0x5502
PATIENCE = 120.0
WATCHED = 4  # the state of a trigger


def press(keys, milliseconds):
    """Asks scripts/guest to press keys of QEMU's keyboard."""
    with open("/dev/ttyS0", "w", encoding="ascii") as console:
        console.write(f"\nRINGFENCE_GUEST_KEYS {keys} {milliseconds}\n")


class Keyboard:
    """A keyboard made by uinput."""

    def __init__(self, keys, vendor=0x0001, product=0x0001):
        self.fd = os.open("/dev/uinput", os.O_WRONLY | os.O_CLOEXEC)
        fcntl.ioctl(self.fd, UI_SET_EVBIT, EV_KEY)
        for key in keys:
            fcntl.ioctl(self.fd, UI_SET_KEYBIT, key)
        fcntl.ioctl(self.fd, UI_DEV_SETUP, struct.pack("<HHHH80sI", 3, vendor, product, 1, b"Ringfence test", 0))
        fcntl.ioctl(self.fd, UI_DEV_CREATE)

    def key(self, code, value):
        os.write(self.fd, struct.pack("<qqHHi", 0, 0, EV_KEY, code, value) + struct.pack("<qqHHi", 0, 0, EV_SYN, 0, 0))

    def unplug(self):
        if self.fd >= 0:
            fcntl.ioctl(self.fd, UI_DEV_DESTROY)
            os.close(self.fd)
            self.fd = -1


class Watcher:
    """ringfence-stop-keys, and what it tells."""

    def __init__(self, build, triggers):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket, self.fired, self.devices, self.states = ours, [], {}, {}
        with theirs:
            given = theirs.fileno()
            command = f'exec "$0" "$@" 3<&{given}' if given != 3 else 'exec "$0" "$@"'
            self.process = subprocess.Popen(["/bin/sh", "-c", command, f"{build}/bin/ringfence-stop-keys", "--", *triggers], pass_fds=(given,))

    def hear(self, seconds):
        if not select.select([self.socket], [], [], seconds)[0]:
            return
        packet = self.socket.recv(16)
        if not packet:
            raise AssertionError(f"the watcher ended: {self.process.wait()}")
        if len(packet) == 1:
            self.fired.append((packet[0] & 0x7f, bool(packet[0] & 0x80), time.monotonic()))
        elif packet[0] == ord("t"):
            self.states[packet[1]] = packet[2]
        elif packet[0] == ord("d"):
            slot, present = packet[1] & 0x7f, packet[1] & 0x80
            self.devices.pop(slot, None)
            if present:
                self.devices[slot] = struct.unpack("<HHH", packet[2:])

    def until(self, holds, what):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: fired {self.fired}, devices {self.devices}, states {self.states}")
            self.hear(0.05)

    def ids(self):
        return {(vendor, product) for _, vendor, product in self.devices.values()}

    def close(self):
        self.socket.close()
        self.process.wait(PATIENCE)


class StopKeys(unittest.TestCase):
    build = ""

    def test_a_chord_on_the_keyboard_stops_the_agents_of_a_daemon_and_latches(self):
        with Daemon(self.build) as daemon:
            runs = [daemon.cli("run", "-d", "-p", policy, "-w", str(self.workspace(daemon)), "--", "sleep", "3600")
                    for policy in ("coding", "offline")]
            self.assertEqual([run.returncode for run in runs], [0, 0], runs)
            names = [run.stdout.strip() for run in runs]

            def keys():
                checks = json.loads(daemon.cli("doctor", "--json").stdout)["checks"]
                return next(one["detail"] for one in checks if one["name"] == "emergency keys")

            self.assertTrue(eventually(lambda: re.match(rf"[1-9]\d* keyboards? (is|are) watched: {re.escape(HOLD)}", keys()), PATIENCE, 0.2), keys())
            press("ctrl-alt-end", 1500)
            with Stop(daemon) as stop:
                self.assertTrue(eventually(lambda: stop.ask("status")["latched"], PATIENCE, 0.05))
                status = stop.ask("status")
                self.assertEqual((status["trigger"], status["by"], status["verified"]), (f"keys: {HOLD}", None, True), status)
            frozen = {group: "frozen 1" in (group / "cgroup.events").read_text().splitlines() for name in names for group in self.groups(daemon, name)}
            self.assertGreaterEqual(len(frozen), 4, "two runs, each with a group of its agent")
            self.assertTrue(all(frozen.values()), frozen)
            self.assertTrue(eventually(lambda: [run["state"] for run in daemon.json_runs()] == ["frozen"] * 2, PATIENCE), daemon.log())
            refused = daemon.cli("run", "-w", str(self.workspace(daemon)), "--", "true")
            self.assertEqual((refused.returncode, refused.stderr.splitlines()[-1]), (7, "ringfence: not started: latched"))
            self.assertEqual(daemon.cli("rearm").returncode, 0)
        self.assertEqual(daemon.leftovers(), [])

    @staticmethod
    def workspace(daemon):
        folder = daemon.base / "workspace"
        folder.mkdir(exist_ok=True)
        return folder

    @staticmethod
    def groups(daemon, run):
        return [path.parent for branch in daemon.groups() for path in pathlib.Path(branch, run).glob("**/cgroup.events")]

    def setUp(self):
        if not os.environ.get("RINGFENCE_GUEST"):
            raise AssertionError("this test presses keys of the machine: run it by scripts/guest")

    def watch(self, *triggers):
        watcher = Watcher(self.build, triggers)
        self.addCleanup(watcher.close)
        watcher.until(lambda: len(watcher.states) >= len(triggers), "the watcher says what it watches")
        return watcher

    def plug(self, watcher, *arguments, **ids):
        keyboard = Keyboard(*arguments, **ids)
        self.addCleanup(keyboard.unplug)
        count = len(watcher.devices)
        watcher.until(lambda: len(watcher.devices) > count, "a keyboard that is plugged in is watched")
        return keyboard

    def unplug(self, watcher, keyboard):
        count = len(watcher.devices)
        keyboard.unplug()
        watcher.until(lambda: len(watcher.devices) < count, "a keyboard that is pulled out is missed")

    def test_a_real_keyboard_fires_when_the_chord_is_held_and_only_then(self):
        watcher = self.watch(HOLD, PRESS)
        watcher.until(lambda: watcher.states.get(0) == WATCHED, "QEMU's keyboard is found")
        press("ctrl-alt-end", 100)
        for _ in range(3):
            press("a", 50)
            press("pause", 50)
        watcher.until(lambda: watcher.fired, "Pause was pressed three times")
        self.assertEqual([(trigger, found) for trigger, found, _ in watcher.fired], [(1, False)])
        press("ctrl-alt-end", 1500)
        watcher.until(lambda: len(watcher.fired) > 1, "the chord was held")
        self.assertEqual(watcher.fired[1][:2], (0, False))

    def test_a_keyboard_may_be_pulled_out_while_it_is_held(self):
        watcher = self.watch(LONG_HOLD)
        keyboard = self.plug(watcher, [LEFTCTRL, LEFTALT, END])
        for key in (LEFTCTRL, LEFTALT, END):
            keyboard.key(key, 1)
        self.unplug(watcher, keyboard)
        keyboard = self.plug(watcher, [LEFTCTRL, LEFTALT, END])
        other = self.plug(watcher, [END], product=2)
        self.assertEqual(watcher.fired, [])
        # A chord over two keyboards.
        keyboard.key(LEFTCTRL, 1)
        keyboard.key(LEFTALT, 1)
        begun = time.monotonic()
        other.key(END, 1)
        watcher.until(lambda: watcher.fired, "the chord was held on two keyboards")
        self.assertGreaterEqual(watcher.fired[0][2] - begun, 5)

    def test_a_button_is_bound_to_its_device(self):
        watcher = self.watch(BUTTON)
        before = dict(watcher.devices)
        elsewhere = Keyboard([F13], product=3)
        self.addCleanup(elsewhere.unplug)
        button = self.plug(watcher, [F13], vendor=0x1234, product=0xABCD)
        self.assertEqual(len(watcher.devices), len(before) + 1, "nothing is wanted of the other one")
        elsewhere.key(F13, 1)
        elsewhere.key(F13, 0)
        button.key(F13, 1)
        watcher.until(lambda: watcher.fired, "the button was pressed")
        self.assertEqual(watcher.fired[0][:2], (0, False))
        button.unplug()
        watcher.until(lambda: watcher.states[0] != WATCHED, "the button is missed")
        self.assertEqual(len(watcher.fired), 1)

    def test_events_that_the_kernel_dropped_are_made_up_for(self):
        watcher = self.watch(LONG_HOLD)
        keyboard = self.plug(watcher, [LEFTCTRL, LEFTALT, END, LETTER])
        with stopped(watcher.process.pid):
            for _ in range(500):
                keyboard.key(END, 1)
                keyboard.key(END, 0)
            begun = time.monotonic()
            for key in (LEFTCTRL, LEFTALT, END):
                keyboard.key(key, 1)
        watcher.until(lambda: watcher.fired, "the chord is held")
        self.assertGreaterEqual(watcher.fired[0][2] - begun, 5)
        # And the other way: what was let go among the lost events is not held.
        keyboard.key(END, 0)
        time.sleep(0.2)
        keyboard.key(END, 1)
        with stopped(watcher.process.pid):
            for _ in range(500):
                keyboard.key(LEFTALT, 0)
                keyboard.key(LEFTALT, 1)
            keyboard.key(LEFTCTRL, 0)
        deadline = time.monotonic() + 7
        while time.monotonic() < deadline:
            watcher.hear(0.1)
        self.assertEqual(len(watcher.fired), 1)

    def test_other_keys_do_not_reach_the_watcher(self):
        watcher = self.watch(HOLD)
        keyboard = self.plug(watcher, [LEFTCTRL, LEFTALT, END, LETTER])
        ran = context_switches(watcher.process.pid)
        for _ in range(200):
            keyboard.key(LETTER, 1)
            keyboard.key(LETTER, 0)
        keyboard.key(END, 1)
        keyboard.key(END, 0)
        with stopped(watcher.process.pid):
            woken = context_switches(watcher.process.pid) - ran
        self.assertLess(woken, 50, "the watcher was woken by keys that are none of its")


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    status = pathlib.Path(f"/proc/{pid}/stat")
    while status.read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "T":
        time.sleep(0.01)
    yield
    os.kill(pid, signal.SIGCONT)


def context_switches(pid):
    return sum(int(count) for count in re.findall(r"ctxt_switches:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")))


if __name__ == "__main__":
    StopKeys.build = os.path.abspath(sys.argv.pop(1))
    unittest.main(failfast=True)
