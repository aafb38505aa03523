"""An agent that uses the NPU of its machine together with others: takes a lease for each batch, lets go between two, stops at a
good moment when it is to be paused, and begins a batch anew that it lost the device in.

    ringfence run -p POLICY --read sdk/python --read examples -- python3 -m npu_agent BATCHES

POLICY has `limits.npu`. What it computes stands for a model: reading the device's node is all that it does with it.
"""
from __future__ import annotations

import os
import sys
import threading

import ringfence

NODES = "/dev/accel"
TRIES = 20


def infer(batch: int) -> int:
    """What the device makes of a batch."""
    node = os.path.join(NODES, sorted(os.listdir(NODES))[0])
    with open(node, "rb", buffering=0) as device:
        return batch * batch + sum(device.read(16))


def work(agent: ringfence.Agent, batches: int, may_go_on: threading.Event) -> int:
    """Returns how many batches are done."""
    done = tries = 0
    while done < batches and tries < TRIES:
        if not may_go_on.is_set():
            agent.ready()  # Nothing is on the device between two batches.
            may_go_on.wait()
        agent.say("inferring", percent=done * 100 // batches)
        with agent.lease("npu", wait=60) as lease:
            if not lease:
                print(f"no NPU: {lease.why}", flush=True)
                if lease.why.startswith("unavailable"):
                    return done
                tries += 1
                continue
            result = infer(done)
            if not lease:
                print(f"lost: {lease.why}", flush=True)  # Whose batch it was meanwhile, nobody knows.
                tries += 1
                continue
            print(f"batch {done} on {', '.join(lease.devices)} at {lease.percent} %: {result}", flush=True)
        done += 1
        agent.safe_point()
    return done


def main() -> int:
    batches = int(sys.argv[1])
    agent = ringfence.Agent(timeout=20)
    if agent.absent:
        print(agent.absent, file=sys.stderr)
        return 2
    may_go_on = threading.Event()
    may_go_on.set()

    @agent.on_pause
    def pause(notice: ringfence.Pause) -> bool:
        # No batch begins any more. When the one that runs is done, safe_point() or ready() says that the pause may come.
        may_go_on.clear()
        print(f"to be paused within {notice.within:g} s: {notice.why}", flush=True)
        return False

    @agent.on_resume
    def resume(notice: ringfence.Resumed) -> None:
        may_go_on.set()

    return 0 if work(agent, batches, may_go_on) == batches else 1


if __name__ == "__main__":
    sys.exit(main())
