"""Group I: other users of the machine against the daemon, and a false daemon against its users.

Without a daemon there is nobody to ask, so a control here is the same request by whom it is for, or to whom it may go: it
must have the effect, under the same daemon.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from model import Result, script, snapshot
from sides import SOURCE
from world import NAME, OTHER_UID, SLOWER, UID, World, command_line, processes_of

CONTROL = SOURCE / "sdk/proto/control.proto"
NOBODYS = "says nothing of anybody's run"
MADE_UP = ["r-0000000000000000", "999999", "999999"]  # of a run, a question and a grant that nobody has


def requests_of_the_contract() -> list[str]:
    """Every request that a client can make."""
    packet = CONTROL.read_text().partition("message ClientPacket {")[2].partition("oneof request {")[2].partition("}")[0]
    return re.findall(r"^\s*\w+ (\w+) = \d+;", packet, re.MULTILINE)


def eventually(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds * SLOWER
    while not (value := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Scene:
    """A run of the account that was granted one write and waits for an answer about another; all bears a fresh token."""

    def __init__(self, w: World, side: Any) -> None:
        self.w, self.side, self.token = w, side, "api-" + secrets.token_hex(8)
        self.folder = w.make_directory(w.home / "asked")
        self.waiting = self.folder / f"waits-{self.token}"
        self.project: Optional[Path] = None
        self.neighbour = w.victim()[0]  # no agent
        granted = self.folder / f"granted-{self.token}"
        shell = f"echo said-{self.token}; : > {granted}; echo said-more; : > {self.waiting}; exec sleep 1000"
        options = ("run", "-d", "-n", self.token, "-p", "escape-asked", "-w", str(w.workspace), "--", "/bin/sh", "-c", shell)
        self.run = self.own(*options).strip()
        first = self.question(str(granted))
        self.own("allow", first, "--scope", "run")
        self.asked = self.question(str(self.waiting))
        grants = self.own_json("grants")
        self.grant = next((str(row["id"]) for row in grants if row.get("run") == self.run), "")
        self.pid = int(self.own_json("show", self.run)[0]["pid"])

    def own(self, *argv: str) -> str:
        return self.side.client_call(self.w, *argv).stdout

    def own_json(self, *argv: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.own(*argv, "--json").splitlines() if line.startswith("{")]

    def question(self, target: str) -> str:
        def found() -> Optional[str]:
            return next((one["id"] for one in self.own_json("pending") if one["action"]["target"] == target), None)

        return str(eventually(found) or "")

    def ids(self) -> list[str]:
        return [self.run, self.asked, self.grant]

    def is_ready(self) -> bool:
        return bool(self.run and self.asked and self.grant and self.pid > 0 and self.is_alive())

    def is_alive(self) -> bool:
        return self.pid in processes_of(UID) and command_line(self.pid) != ""

    def is_frozen(self) -> bool:
        """As the kernel was told: what waits for an answer never reports that it is."""
        group = Path(f"/proc/{self.pid}/cgroup").read_text().rpartition("0::")[2].strip()
        mount = next(each for each in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if Path(each + group).is_dir())
        above = [Path(mount + group), *Path(mount + group).parents]
        return any(knob.is_file() and knob.read_text() == "1\n" for knob in (each / "cgroup.freeze" for each in above))

    def end(self) -> None:
        self.own("kill", self.run)
        eventually(lambda: not self.is_alive())
        shutil.rmtree(self.folder, ignore_errors=True)


def nothing(scene: Scene) -> None:
    pass


def never(scene: Scene) -> bool:
    return False


@dataclass(frozen=True)
class Attempt:
    """One request. `body` gets the ids of run, question and grant: real ones, or such as nobody has."""

    body: Callable[[Scene, str, str, str], dict[str, Any]]
    done: Callable[[Scene], bool] = never  # seen from outside
    before: Callable[[Scene], None] = nothing
    controlled: bool = True  # whom it is for is told something, or something happens
    with_authority: int = UID


def of_run(**more: Any) -> Callable[[Scene, str, str, str], dict[str, Any]]:
    return lambda scene, run, question, grant: {"run": run, **more}


def plain(**body: Any) -> Callable[[Scene, str, str, str], dict[str, Any]]:
    return lambda scene, run, question, grant: body


def eventually_dead(scene: Scene) -> bool:
    return bool(eventually(lambda: not scene.is_alive(), 8))


def is_held(scene: Scene) -> bool:
    return bool(eventually(scene.is_frozen, 1.5))


def is_let_go(scene: Scene) -> bool:
    return bool(eventually(lambda: not scene.is_frozen(), 1.5))


def freeze(scene: Scene) -> None:
    scene.own("freeze", scene.run)
    eventually(scene.is_frozen)


def grant_is_gone(scene: Scene) -> bool:
    return scene.grant not in [str(row["id"]) for row in scene.own_json("grants")]


def write_project(scene: Scene) -> None:
    """Another project of the account's, with a policy that grants more; nobody trusted it yet."""
    w = scene.w
    secret = w.file(w.hidden / "project-trust")
    text = f'schema = 1\nname = "p"\n[files]\nread = ["{secret}"]\n'
    scene.project = w.file(w.make_directory(w.home / "work/trusting") / ".ringfence.toml", text)


def project_is_trusted(scene: Scene) -> bool:
    w, project = scene.w, scene.project
    assert project is not None
    secret = w.hidden / "project-trust"
    ran = scene.side.run_fenced(["/bin/cat", str(secret)], w, workspace=project.parent, cwd=project.parent)
    return w.tokens[str(secret)] in ran.stdout


def trust(scene: Scene, run: str, question: str, grant: str) -> dict[str, Any]:
    """What it hashes to is told by the command line, which a stranger may ask as well: it trusts for that stranger alone."""
    told = scene.side.client_call(scene.w, "policy", "trust", str(scene.project), uid=OTHER_UID).stdout
    found = re.search(r"\(([0-9a-f]{64})\)", told)
    assert found, told
    return {"file": str(scene.project), "hash": found.group(1) if run == scene.run else "0" * 64}


def launch_as_owner(scene: Scene, run: str, question: str, grant: str) -> dict[str, Any]:
    place, made = str(scene.w.workspace), str(scene.w.workspace / f"as-{scene.token}")
    return {
        "argv": [b64("touch"), b64(made)], "executable": b64("/usr/bin/touch"), "workspace": b64(place),
        "working_directory": b64(place), "policy": "escape", "stdio": "STDIO_CAPTURED", "detached": True,
        "as_user": NAME if run == scene.run else "rf-nobody-of-that-name",
    }  # fmt: skip


def ran_as_owner(scene: Scene) -> bool:
    return bool(eventually((scene.w.workspace / f"as-{scene.token}").exists, 3))


def stop_all(scene: Scene) -> None:
    scene.own("estop")
    eventually(lambda: is_latched(scene))


def is_latched(scene: Scene) -> bool:
    """Nobody is resumed then, not by root either, and this status says why."""
    return scene.side.daemon.cli("resume", scene.run).returncode == 7


def leave_home(scene: Scene) -> None:
    """Of a policy that nobody has, in which a run was started last in 1970."""
    home = kept_home(scene)
    home.mkdir(mode=0o700, parents=True)
    shutil.chown(home, UID, UID)
    note = home.with_name(f"{home.name}.used")
    note.write_text(home.name)
    os.utime(note, (0, 0))


def kept_home(scene: Scene) -> Path:
    return Path(scene.side.daemon.state_dir, "homes", str(UID), scene.token)


def home_is_gone(scene: Scene) -> bool:
    return not kept_home(scene).exists()


def answer(scene: Scene, run: str, question: str, grant: str) -> dict[str, Any]:
    return {"id": question, "verdict": "VERDICT_ALLOW", "scope": "SCOPE_ONCE"}


def written(scene: Scene) -> bool:
    return bool(eventually(scene.waiting.exists, 2))


def why(scene: Scene, run: str, question: str, grant: str) -> dict[str, Any]:
    return {"run": run, "operation": "OPERATION_WRITE", "target": b64(str(scene.waiting))}


ATTEMPTS: dict[str, list[Attempt]] = {
    "hello": [Attempt(plain(protocol=1), controlled=False)],
    "doctor": [Attempt(plain(), controlled=False)],
    "verify": [Attempt(plain(), controlled=False)],
    "list": [Attempt(plain(all=True))],
    "show": [Attempt(of_run())],
    "attach": [Attempt(of_run())],
    "logs": [Attempt(of_run())],
    "log": [Attempt(of_run()), Attempt(plain())],
    "usage": [Attempt(of_run()), Attempt(plain())],
    "pending": [Attempt(of_run()), Attempt(plain())],
    "grants": [Attempt(of_run(ended=True)), Attempt(plain(ended=True))],
    "why": [Attempt(why)],
    "price": [Attempt(of_run())],
    "prune": [Attempt(plain(older_than_sec=20 * 365 * 86400), home_is_gone, leave_home)],
    "focus": [Attempt(lambda scene, run, *_: {"pid": scene.neighbour if run == scene.run else 1})],
    "freeze": [Attempt(of_run(), is_held)],
    "resume": [Attempt(of_run(), is_let_go, freeze)],
    "signal": [Attempt(of_run(signal=15), eventually_dead)],
    "detach": [Attempt(of_run())],
    "stop": [Attempt(of_run(), eventually_dead)],
    "kill": [Attempt(of_run(), eventually_dead), Attempt(plain(all=True), eventually_dead)],
    "answer": [Attempt(answer, written)],
    "revoke_grant": [Attempt(lambda scene, run, question, grant: {"id": grant}, grant_is_gone)],
    "trust": [Attempt(trust, project_is_trusted, write_project)],
    "run": [Attempt(launch_as_owner, ran_as_owner, with_authority=0)],
    "rearm": [Attempt(plain(), lambda scene: not is_latched(scene), stop_all)],
}


def heard(scene: Scene, uid: int, verb: str, body: dict[str, Any], *become: int) -> Optional[dict[str, str]]:
    """All that the daemon answers somebody of that uid, or who connected as one and is another."""
    program = scene.w.base / "control_client.py"
    if not program.exists():
        shutil.copy(Path(__file__).with_name("control_client.py"), program)
    done = subprocess.run(
        ["/usr/bin/python3", "-IB", str(program), str(scene.side.daemon.run_dir / "control.sock"), *map(str, become)],
        input=json.dumps({verb: body}),
        cwd=scene.w.workspace,
        user=uid,
        group=uid,
        extra_groups=[],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=30 * SLOWER,
    )
    answer = json.loads(done.stdout) if done.returncode == 0 else {}
    return answer if answer.get("said") else None


def without_ids(text: str, run: str) -> str:
    return re.sub(r"(process|question|grant) \d+", r"\1 ID", text).replace(run, "ID")


def tried(scene: Scene, verb: str, attempt: Attempt, name: str) -> list[Result]:
    """By a stranger, and then by whom it is for. A stranger must hear what is said of what nobody has."""
    if not scene.is_ready():
        return [Result(name, None, f"nothing to try it on: {scene.ids()} {scene.pid}")]
    attempt.before(scene)
    real, made_up = (attempt.body(scene, *ids) for ids in (scene.ids(), MADE_UP))
    results = []
    for uid in (OTHER_UID, attempt.with_authority):
        of_nobody = heard(scene, uid, verb, made_up) if real != made_up else None
        answer = heard(scene, uid, verb, real)
        if answer is None or (of_nobody is None and real != made_up):
            results.append(Result(name, None, "no answer", is_control=uid != OTHER_UID))
            continue
        told = any(each in text for text in answer.values() for each in (scene.token, f"uid {UID}"))
        if of_nobody:
            told = told or without_ids(answer["said"], scene.run) != without_ids(of_nobody["said"], MADE_UP[0])
        done = attempt.done(scene)
        note = f"heard {told}, done {done}: {answer['said'][-120:]!r} for {(of_nobody or answer)['said'][-120:]!r}"
        if uid == OTHER_UID:
            results.append(Result(name, told or done, note))
        elif not attempt.controlled:
            results.append(Result(name, None, control="none", why=NOBODYS, is_control=True))
        else:
            results.append(Result(name, told if attempt.done is never else done, note, is_control=True))
    return results


def tried_apart(w: World, side: Any, verb: str, attempt: Attempt, name: str) -> list[Result]:
    scene = Scene(w, side)
    try:
        return tried(scene, verb, attempt, name)
    finally:
        if scene.project:
            shutil.rmtree(scene.project.parent, ignore_errors=True)
        if verb == "rearm":
            side.daemon.cli("rearm")
        scene.end()


@script("API-01")
def each_request_of_a_stranger(w: World, side: Any) -> list[Result]:
    """Two users and every request of the contract, aimed at what the other one has, with its right ids."""
    contract = requests_of_the_contract()
    assert len(contract) > 20 and set(contract) == ATTEMPTS.keys(), f"the contract has {sorted(set(contract) ^ ATTEMPTS.keys())}"
    if not side.fenced:
        return []
    shared, results = Scene(w, side), []  # of what changes nothing
    for verb, attempts in ATTEMPTS.items():
        for number, attempt in enumerate(attempts):
            name = verb + ("" if number == 0 else f"-{number + 1}")
            if attempt.done is never:
                results += tried(shared, verb, attempt, name)
            else:
                results += tried_apart(w, side, verb, attempt, name)
    shared.end()
    return results


@script("API-02")
def another_than_who_connected(w: World, side: Any) -> list[Result]:
    """A stranger's connection in the hands of somebody else, as after an exec of a set-id program or a socket that was handed
    over. The control is the other way round: whoever connected is who asks."""
    if not side.fenced:
        return []
    scene, results = Scene(w, side), []
    for name, connects, becomes in (("stranger-first", OTHER_UID, UID), ("owner-first", UID, OTHER_UID)):
        answer = heard(scene, 0, "list", {"all": True}, connects, becomes)
        told = scene.run in answer["said"] if answer else None
        results.append(Result(name, told, str(answer)[-200:], is_control=connects == UID))
    scene.end()
    return results


@script("API-10")
def asked_to_write_somewhere(w: World, side: Any) -> list[Result]:
    """A path in each field that the daemon takes as text of ours: it opens none of them, neither to write nor to read."""
    why = "no request names a file to be written"
    if not side.fenced:
        return [Result("paths", None, why, "none", why)]
    scene, results = Scene(w, side), []
    for kind in ("there", "absent"):
        for verb in ("verify", "trust", "log", "show", "run", "why"):
            path = w.root_only / f"{kind}-{verb}"
            secret = w.secret(f"{kind}-{verb}")
            if kind == "there":
                path.write_text(secret)
            before, name = snapshot(path), str(path)
            bodies: dict[str, dict[str, Any]] = {
                "verify": {"against": name},
                "trust": {"file": name, "hash": "0" * 64},
                "log": {"run": name},
                "show": {"run": name},
                "run": {**launch_as_owner(scene, "", "", ""), "as_user": "", "policy_file": {"file": name, "path": b64(name)}},
                "why": {"run": scene.run, "operation": "OPERATION_WRITE", "target": b64(name)},
            }  # fmt: skip
            answer = heard(scene, UID, verb, bodies[verb])
            effect = snapshot(path) != before or (answer is not None and any(secret in text for text in answer.values()))
            results.append(Result(f"{verb}-{kind}", effect if answer else None, str(answer)[-200:]))
    scene.end()
    return results


@script("AUD-05")
def refused_without_a_record(w: World, side: Any) -> list[Result]:
    """What the filter refuses by itself is in no log. That is so, and said: one without the other is the effect."""
    why = "without a fence nothing is refused"
    if not side.fenced:
        return [Result("said", None, why, "none", why)]
    kinds = []
    for numbers in (("39", "39"), ("425", "425")):  # getpid, io_uring_setup
        side.run(w, "numbers", *numbers)
        run = json.loads(side.client_call(w, "ps", "-a", "--json").stdout.splitlines()[-1])["id"]
        logged = side.client_call(w, "log", run, "--json").stdout.splitlines()
        facts = [json.loads(line)["kind"] for line in logged]
        kinds.append([kind for kind in facts if kind != "alarm-raised"])  # that the suite starts one program so often
    silent = "run-ended" in kinds[0] and kinds[0] == kinds[1]
    said = "leaves no record" in (SOURCE / "SECURITY.md").read_text()
    return [Result("said", silent != said, f"{kinds}")]
