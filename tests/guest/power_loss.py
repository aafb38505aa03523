"""The power goes at a random moment while agents start and end and are stopped, again and again: what was answered is there
afterwards, the log verifies, and an emergency stop is in force when the machine is back.

Only in a guest whose disk outlives it, for each cut a boot of half a minute:
    RINGFENCE_GUEST_CUTS=20 scripts/guest 6.1 python3 -B tests/guest/power_loss.py
What a person was told is kept outside, by scripts/guest, which hands it to the next boot: the disk that is tried cannot vouch for itself.
What the guest's kernel had not written is lost with it; what its disk was told to keep is kept.
"""
import itertools
import json
import os
import pathlib
import random
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from daemon import eventually  # noqa: E402  (its folder is known only now)
from service_test import PERSON, PROJECT, USER, install, must, run, stop_status  # noqa: E402

CUTS = int(os.environ.get("RINGFENCE_GUEST_CUTS") or 0)
WORKERS = 2
PATIENCE = 240  # seconds: an emulated machine is slow at times
STATES = ("open", "stopping", "latched", "rearming")  # of the emergency stop, as a person was told


class Told:
    """What was answered since this boot, said aloud as soon as it was."""

    def __init__(self, boot):
        self.boot, self.ended, self.state = boot, [0] * WORKERS, "open"
        self.lock = threading.Lock()

    def say(self):
        with self.lock:
            print(f"RINGFENCE_GUEST_TOLD {self.boot}:{','.join(map(str, self.ended))}:{self.state}:", flush=True)


def told_before():
    """Boot, how many runs of each worker had ended, state of the stop; None at the first boot."""
    found = re.search(r"ringfence\.told=(\d+):([\d,]+):(\w+):", pathlib.Path("/proc/cmdline").read_text())
    return (int(found[1]), [int(count) for count in found[2].split(",")], found[3]) if found else None


def name_of(boot, worker, number):
    return f"cut-{boot}-{worker}-{number}"


def check(boot, ended, state):
    must("ringfence", "verify")
    facts = [json.loads(line) for line in must("ringfence", "log", "--json").splitlines()]
    names = {fact["run"]: fact["body"]["name"] for fact in facts if fact["kind"] == "run-admitted"}
    over = {names.get(fact["run"]): fact["body"] for fact in facts if fact["kind"] == "run-ended"}
    lost = [name for worker, count in enumerate(ended) for number in range(count)
            if over.get(name := name_of(boot, worker, number), {}).get("exit") != {"code": 9}]
    assert not lost, f"answered, and not in the log: {lost}"
    left = must("ringfence", "ps", "--json")
    assert not left, f"still there after the machine was off: {left}"
    latched = stop_status()["latched"]
    assert latched or state != "latched", "the emergency stop was answered, and is not in force"
    assert not latched or state != "open", "an emergency stop that nobody asked for"
    if latched:
        refused = run("ringfence", "run", "-p", "coding", "-w", PROJECT, "--", "true", user=USER)
        assert (refused.returncode, refused.stderr.splitlines()[-1]) == (7, "ringfence: not started: latched"), refused
        must(*PERSON, "ringfence rearm")
    print(f"cut {boot + 1}: {sum(ended)} ends and \"{state}\" had been answered; {len(facts)} facts verify, {'latched' if latched else 'open'}", flush=True)


def work(told, worker):
    for number in itertools.count():
        result = run("ringfence", "run", "-n", name_of(told.boot, worker, number), "-p", "coding", "-w", PROJECT, "--", "sh", "-c", "exit 9", user=USER)
        if result.returncode != 9:
            return  # Stopped.
        told.ended[worker] = number + 1
        told.say()


def stop_and_go_on(told, chance):
    """A third of the boots is cut while everything is stopped, a third may be anywhere."""
    # Whoever is stopped before its first end starts nothing more.
    if told.boot % 3 == 0 or not eventually(lambda: sum(told.ended) > 0, PATIENCE):
        return
    while True:
        time.sleep(chance.uniform(0.5, 4))
        told.state = "stopping"
        told.say()
        must("ringfence", "estop", user=USER)
        told.state = "latched"
        told.say()
        if told.boot % 3 == 1:
            return
        time.sleep(chance.uniform(0, 2))
        told.state = "rearming"
        told.say()
        must(*PERSON, "ringfence rearm")
        told.state = "open"
        told.say()


def main():
    before = told_before()
    boot = before[0] + 1 if before else 0
    if boot == 0:
        install()
        must("systemctl", "enable", "ringfence-stop", "ringfenced")
        must("sync")
    must("systemctl", "start", "ringfenced")
    assert eventually(lambda: stop_status() and run("ringfence", "ps").returncode == 0, PATIENCE)
    if before:
        check(*before)
    if boot == CUTS:
        print(f"{CUTS} passed, 0 failed, 0 skipped", flush=True)
        return 0
    chance, told = random.Random(boot), Told(boot)
    told.say()
    for task, arguments in [*((work, (told, worker)) for worker in range(WORKERS)), (stop_and_go_on, (told, chance))]:
        threading.Thread(target=task, args=arguments, daemon=True).start()
    assert eventually(lambda: sum(told.ended) > 0, PATIENCE), "no run has ended"
    print(f"RINGFENCE_GUEST_CUT {chance.randint(0, 10_000)}", flush=True)
    time.sleep(PATIENCE)
    print("power loss: nobody cut the power", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
