"""What an agent waits for before each use of a tool when its hook asks Ringfence and the policy knows the answer: the same tool
with the hook before it and without, by turns, in one fence. Called as agents call it, through a shell."""
import json
import statistics

from statistics_of_ratios import percentile, ratio
from tests.support.daemon import Daemon

USE = """
import json, random, subprocess, sys, time
hook, rounds = sys.argv[1], int(sys.argv[2])
event = json.dumps({"session_id": "s", "cwd": "/", "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "c",
                    "tool_input": {"command": "git status --short"}})
def asked():
    told = subprocess.run(["/bin/sh", "-c", hook + " claude --wait 60"], input=event, capture_output=True, text=True, check=True)
    assert '"allow"' in told.stdout, told.stdout + told.stderr
def unasked(): pass
def tool(): subprocess.run(["/bin/sh", "-c", "git status --short"], stdout=subprocess.DEVNULL, check=True)
found = {"asked": [], "unasked": []}
chance = random.Random(1)
for _ in range(rounds):
    order = [asked, unasked]
    chance.shuffle(order)
    for one in order:
        began = time.perf_counter()
        one()
        tool()
        found[one.__name__].append((time.perf_counter() - began) * 1000)
print(json.dumps(found))
"""
POLICY = """schema = 1
name = "hooked"
extends = ["offline"]
[[tools.rule]]
match = ["Bash"]
decide = "allow"
[priority]
class = "interactive"
"""


def rows(build, quick):
    rounds = 5 if quick else 300
    with Daemon(build) as daemon:
        workspace = daemon.base / "project"
        workspace.mkdir()
        (workspace / "use.py").write_text(USE)
        policy = daemon.base / "hooked.toml"
        policy.write_text(POLICY)
        result = daemon.cli("run", "-p", str(policy), "--read", str(daemon.bin), "--", "/bin/sh", "-c",
                            f"git init -q . && exec /usr/bin/python3 -B use.py {daemon.bin}/ringfence-hook {rounds}", cwd=workspace)
        if result.returncode != 0:
            raise RuntimeError(f"hooks: {result.stderr}")
        found = json.loads(result.stdout)
    asked, unasked = found["asked"], found["unasked"]
    more = statistics.median(one - other for one, other in zip(asked, unasked))
    yield ("a tool with ringfence-hook before it, allowed by policy, against no hook", "",
           ratio(asked, unasked), f"median ms {percentile(asked, 0.5):.2f} and {percentile(unasked, 0.5):.2f}, the hook {more:.2f}; {rounds} rounds")
