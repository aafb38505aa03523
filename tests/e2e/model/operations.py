"""One random operation at a time: done to the daemon, and said to the model as the states that may follow.

A method that can do nothing at the moment returns None and counts for nothing. With a fault, the request is on its way when
its victim is killed: what was answered all the same must hold, what was not may or may not have happened.
"""

from __future__ import annotations

import os
import random
import socket
from typing import Any

from tests.e2e.model.agents import Agent
from tests.e2e.model.reference import BY_STOP, ROOT, Question, Reference, Run
from tests.e2e.model.wire import Connection, Gone, ask_stop, text
from tests.e2e.model.world import TERMS, USERS, World, now

MOST_RUNS = 6
MOST_ASKS = 55        # questions a minute of one run that have a card of their own are 64 at most
MOST_GRANTS = 14      # or nobody would have to ask
MOST_DEATHS = 4       # of the guard of a run, in MOST_DEATHS_IN seconds; one that dies oftener is ended
MOST_DEATHS_IN = 11.0
VERDICTS = {"allow": "VERDICT_ALLOW", "deny": "VERDICT_DENY", "rewrite": "VERDICT_REWRITE"}
LASTING = ("run", "project", "always")
SECOND_PRESS = 4.0    # seconds; ringfence-stop counts three

WEIGHTS = {
    "launch": 9, "ask": 26, "make": 10, "write": 6, "answer": 24, "answer_settled": 3, "revoke": 5, "revoke_settled": 1, "freeze": 7,
    "resume": 8, "freeze_all": 1, "resume_all": 1, "stop": 2, "kill": 2, "kill_all": 0.1, "leave": 4, "vanish": 2, "babble": 1, "stare": 1, "estop": 0.7, "rearm": 5,
}
FAULTS = {"daemon": 4, "launcher": 2, "warden": 4, "egress": 1, "stop": 1, "both": 0.3}


class Mismatch(Exception):
    pass


class Operations:
    def __init__(self, world: World) -> None:
        self.world, self.model = world, Reference()
        self.serial = 0
        self.deaths: dict[str, list[float]] = {}
        self.victim = ""          # who is killed while the next request is on its way
        self.victim_of = ""       # the run whose guard it is
        self.avoided: dict[str, float] = {}  # files whose rules are changing with time, until then
        self.why = ""             # what the last answer said, of an error
        self.stopped_at: dict[int, float] = {}  # when each user last stopped everything
        self.unsettled = 0.0      # after a crash rules reach guards when the next daemon has found them
        self.judging: dict[str, float] = {}  # runs whose next warden may be judging anew, until when

    def next(self) -> int:
        self.serial += 1
        return self.serial

    @property
    def daemon_died(self) -> bool:
        return self.victim in ("daemon", "both")

    # ---- to the daemon

    def deliver(self, uid: int, fds: list[int] | None = None, client: Connection | None = None, **request: object) -> str | None:
        """The code of the error, "" for none, None where nobody heard an answer."""
        client = client or self.world.connections[uid]
        heard = client.kept() if self.victim else client
        number = client.send(fds, **request)
        self.strike_now(heard)
        packet = self.answer_to(heard, number)
        if self.victim:
            heard.close()
        if packet is None:
            return None
        if "run_accepted" in packet:
            self.world.ids[packet["run_accepted"]["name"]] = packet["run_accepted"]["run"]
        self.why = packet.get("error", {}).get("message", "")
        return str(packet.get("error", {}).get("code", ""))

    def answer_to(self, client: Connection, number: int) -> dict[str, Any] | None:
        for _ in range(2):  # A reset is told before what was received.
            try:
                while int((packet := client.receive()).get("id", 0)) != number:
                    pass
                return packet
            except Gone as gone:
                if not self.victim:
                    raise Mismatch(f"the daemon is gone: {gone}") from gone
        return None

    def strike(self, heard: Connection | None) -> str:
        """Kills the victim; `heard`: where an answer would come."""
        if self.victim in ("warden", "egress"):
            self.deaths.setdefault(self.victim_of, []).append(now())
        return self.world.kill(self.victim, self.victim_of)

    def strike_now(self, heard: Connection | None = None) -> None:
        if self.victim and (wrong := self.strike(heard)):
            raise Mismatch(wrong)

    def follows(self, code: str | None, wanted: str | None, after: list[Reference]) -> list[Reference]:
        """What may be the case after an answer. Nobody heard one: it may have happened, or not."""
        if code is None:
            return [*after, self.model.copied()]
        if code != (wanted or ""):
            raise Mismatch(f"the answer was {code or 'done'!r} ({self.why}) instead of {wanted or 'done'!r}")
        return after if not code else [self.model.copied()]

    def finish(self, states: list[Reference]) -> list[Reference]:
        if self.victim == "launcher":
            for state in states:
                for run in state.runs.values():
                    run.orphaned = True
                for name in set(state.ended) - set(self.model.ended):
                    if state.ended[name][0] == "signal 9":
                        state.ended[name] = ("", state.ended[name][1])
        if self.victim in ("launcher", "warden"):
            names = {*self.model.runs} if self.victim == "launcher" else {self.victim_of}
            self.judging.update({name: now() + 5 for name in names})
            for state in states:
                state.lose_wardens(names, self.model)
        # The next warden judges anew what its agent is still waiting for, in its own time.
        anew = [(state, state.judged_anew({name for name, until in self.judging.items() if until > now()})) for state in states]
        states += [after for before, after in anew if len(after.questions) < len(before.questions)]
        if self.victim == "both":
            for state in states:
                for name in set(state.ended) - set(self.model.ended):
                    state.ended[name] = ("", state.ended[name][1])
                state.end_all()
        return states

    # ---- choices

    def a_user(self, chance: random.Random, owner: int) -> int:
        """Mostly one who may."""
        return chance.choices([owner, ROOT, USERS[0] if owner == USERS[1] else USERS[1]], [6, 2, 1])[0]

    def a_run(self, chance: random.Random, *, held: bool | None = None) -> Run | None:
        runs = [run for _, run in sorted(self.model.runs.items()) if held is None or bool(run.held) == held]
        return chance.choice(runs) if runs else None

    def grants_on(self, path: str) -> bool:
        """Whether time may decide about that file just now."""
        timed = any(grant.path == path and grant.ends and now() > grant.ends[0] - 0.3 for grant in self.model.grants.values())
        return timed or self.avoided.get(path, 0.0) > now()

    # ---- runs

    def launch(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        if len(self.model.runs) >= MOST_RUNS:
            return None
        owner, kind = chance.choice(USERS), chance.choices(list(TERMS), [6, 2, 2, 1, 1])[0]
        workspace = str(chance.choice(self.world.workspaces(owner)))
        run = Run(f"agent-{self.next()}", owner, workspace, kind, TERMS[kind], chance.random() < 0.3, now())
        return self.launch_run(run, vanishes=chance.random() < 0.1)

    def launch_run(self, run: Run, *, vanishes: bool = False) -> tuple[str, list[Reference]]:
        agent = Agent()
        workspace = os.open(run.workspace, os.O_PATH | os.O_DIRECTORY)
        fds = [workspace, agent.its_input, agent.its_output, agent.its_output]
        client = Connection(self.world.address, run.owner) if run.attached or vanishes else None
        self.world.agents[run.name] = agent
        after = self.model.copied()
        wanted = after.launch(run)
        code: str | None = None
        try:
            if vanishes and client:
                client.send(fds, run=self.world.launch_request(run))
                client.close()
                if run.attached and not wanted:
                    after.end(run.name, "?")
                self.strike_now()
                states = [after, *([self.model.copied()] if self.victim else [])]
            else:
                code = self.deliver(run.owner, fds, client, run=self.world.launch_request(run))
                if code == "busy" and "the name service" in self.why:
                    wanted = code  # Nobody says in time who that user is: nothing was begun.
                states = self.follows(None if code and self.victim == "launcher" else code, wanted, [after])
        finally:
            os.close(workspace)
            agent.started()
        if run.attached and client and not code and not self.daemon_died and not vanishes:
            self.world.attached[run.name] = client
        elif client:
            client.close()
        if self.victim and code != "" and run.name in after.runs:
            ended = after.copied()  # Built and not released: it never begins, and is known as refused.
            ended.end(run.name, "?")
            states.append(ended)
        how = "".join([", attached" if run.attached else "", ", and vanishes" if vanishes else ""])
        return f"uid {run.owner} launches {run.name} ({run.kind}{how})", self.finish(states)

    def leave(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        run = self.a_run(chance, held=False)
        return self.leave_with(run, chance.randrange(90)) if run else None

    def leave_with(self, run: Run, status: int) -> tuple[str, list[Reference]]:
        self.world.agents[run.name].tell(0, "x", status)
        after = self.model.copied()
        after.end(run.name, f"code {status}")
        self.strike_now()
        return f"{run.name} ends with {status}", self.finish([after])

    def vanish(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        # With the daemon's death nobody knows whether the signal waits for a run that is held, which would end it when it is resumed.
        names = sorted(name for name in self.world.attached if name in self.model.runs and self.model.runs[name].held not in (
            {BY_STOP, "person", "restart"} if self.daemon_died else {BY_STOP}))
        if not names:
            return None
        name = chance.choice(names)
        self.world.attached.pop(name).close()
        after = self.model.copied()
        after.end(name, "" if self.victim == "launcher" else "signal 1")  # It may be lost with the launcher, and another one follows.
        states = [after]
        self.strike_now()
        if self.daemon_died:
            states.append(self.model.copied())  # Nobody noticed.
        return f"the client of {name} vanishes", self.finish(states)

    def act(self, chance: random.Random, verb: str, held: bool | None) -> tuple[str, list[Reference]] | None:
        run = self.a_run(chance, held=held if chance.random() < 0.9 else None)
        name = run.name if run else ""
        owner = run.owner if run else USERS[0]
        if chance.random() < 0.05:
            ended = [(name, how) for name, how in list(self.model.ended.items())[-50:] if name in self.world.ids]
            if ended:
                name, (_, owner) = chance.choice(ended)
        if not name or (verb == "stop" and run and run.held == BY_STOP):
            return None  # It has its signal when it is resumed, or is killed after a while.
        if verb == "stop" and run and run.held and self.daemon_died:
            return None  # Nobody knows whether the signal waits for it, which would end it when somebody resumes it.
        return self.act_on(self.a_user(chance, owner), verb, name, self.world.ids[name] if chance.random() < 0.7 else name)

    def act_on(self, uid: int, verb: str, name: str, selector: str) -> tuple[str, list[Reference]]:
        after = self.model.copied()
        wanted = after.act(uid, verb, name)
        if verb == "resume" and name in after.runs and self.model.runs[name].held == BY_STOP:
            self.unsettled = now() + 3  # Its guards were held as well, and hear now of what became of grants.
        if verb == "stop" and self.victim == "launcher" and not wanted and name in after.ended:
            after.ended[name] = ("", after.ended[name][1])  # Its signal may be lost with the launcher; after a while it is killed.
        code = self.deliver(uid, **{verb: {"run": selector}})
        states = self.follows(code, wanted, [after])
        if self.daemon_died and verb in ("freeze", "resume") and code is None and name in after.runs and not wanted:
            found = self.model.copied()  # The kernel holds it (or still does), and the log does not say who.
            found.runs[name].held = "restart"
            states.append(found)
        return f"uid {uid}: {verb} {name}", self.finish(states)

    def freeze(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        return self.act(chance, "freeze", False)

    def resume(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        return self.act(chance, "resume", True)

    def stop(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        return self.act(chance, "stop", None)

    def kill(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        return self.act(chance, "kill", None)

    def act_on_all(self, chance: random.Random, verb: str) -> tuple[str, list[Reference]] | None:
        if self.daemon_died and verb == "kill":
            return None  # Whoever is not dead yet may be found alive or on its way.
        uid = chance.choice((ROOT, *USERS))
        after = self.model.copied()
        suited = sorted(after.suits(uid, verb), key=lambda name: self.world.ids[name])  # as the daemon goes through them
        refused = [code for code in (after.act(uid, verb, name) for name in suited) if code]
        code = self.deliver(uid, **{verb: {"all": True}})
        states = self.follows(code, refused[0] if refused else None, [after])
        if self.daemon_died and code is None and not refused:
            states += self.parts_of(uid, verb, suited)
        return f"uid {uid}: {verb} all", self.finish(states)

    def parts_of(self, uid: int, verb: str, names: list[str]) -> list[Reference]:
        """Some were done and recorded; of those after them the kernel holds some, and the log does not say who."""
        states = []
        for recorded in range(len(names) + 1):
            for held in range(recorded, len(names) + 1):
                state = self.model.copied()
                for name in names[:recorded]:
                    state.act(uid, verb, name)
                for name in names[recorded:held]:
                    state.runs[name].held = "restart"
                states.append(state)
        return states

    def freeze_all(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        return self.act_on_all(chance, "freeze")

    def resume_all(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        return self.act_on_all(chance, "resume")

    def kill_all(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        return self.act_on_all(chance, "kill")

    # ---- what agents do

    def wants(self, run: Run, path: str) -> tuple[str, list[Reference]] | None:
        first = self.model.asked_for(run.name, path)
        if self.grants_on(path) or (first and self.model.card(first)[0] is not first):
            return None  # Of those that join one within a card nobody sees when they have.
        number = self.next()
        after = self.model.copied()
        became = after.ask(run.name, number, path, now())
        states = [after]
        if became in ("allowed", "asked") and self.unsettled > now():  # Its warden has these rules, or those before.
            other = self.model.copied()
            if became == "allowed":
                other.grants = {}
                other.ask(run.name, number, path, now())
                other.grants = dict(self.model.grants)
            else:
                other.tell(other.runs[run.name], number, 0, path)
            states.append(other)
        if became == "joined" and first and first.ends[0] < now() + 60:  # Perhaps that one is over before the ask is there.
            other = self.model.copied()
            other.expire(first.number)
            other.ask(run.name, number, path, now())
            states.append(other)
        if self.victim == "both":
            states.append(self.model.copied())  # Nobody had heard of it.
        if self.may_cut_off(run.name):
            for state in states:
                state.cut_off(run.name, self.model)
        self.world.agents[run.name].tell(number, "w", path)
        self.strike_now()
        return f"{run.name} wants {os.path.basename(path)} as its {number}: {became}", self.finish(states)

    def asker(self, chance: random.Random) -> Run | None:
        run = self.a_run(chance, held=False)
        if run is None or run.asked >= (8 if run.terms.unattended else MOST_ASKS) or run.refused > 20:
            return None
        return None if run.terms.per_minute < MOST_ASKS and now() - run.began > 40 else run

    def ask(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        run = self.asker(chance)
        return self.wants(run, str(chance.choice(self.world.shared(run.owner)))) if run else None

    def make(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        run = self.asker(chance)
        return self.wants(run, str(self.world.asked(run.owner) / f"new-{self.next()}")) if run else None

    def write(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        """Nobody is asked about the workspace."""
        run = self.a_run(chance, held=False)
        if run is None:
            return None
        number, path = self.next(), f"{run.workspace}/free-{chance.randrange(20)}"
        after = self.model.copied()
        after.tell(after.runs[run.name], number, 0, path)
        if self.may_cut_off(run.name):
            after.cut_off(run.name, self.model)
        self.world.agents[run.name].tell(number, "w", path)
        self.strike_now()
        return f"{run.name} writes {os.path.basename(path)} as its {number}", self.finish([after])

    # ---- answers

    def answer(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        if not self.model.questions:
            return None
        question = self.model.questions[chance.choice(sorted(self.model.questions))]
        if question.ends[0] - 0.4 < now():
            return None  # Time may be faster.
        return self.answered(chance, question.number, question)

    def answer_settled(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        settled = [number for number in list(self.model.closed)[-40:]]
        return self.answered(chance, chance.choice([*settled, self.model.last_question + 1000]), None)

    def answered(self, chance: random.Random, number: int, question: Question | None) -> tuple[str, list[Reference]] | None:
        run = self.model.runs[question.run] if question else None
        uid = self.a_user(chance, run.owner if run else chance.choice(USERS))
        verdict = chance.choices(["allow", "deny", "rewrite"], [5, 3, 2])[0]
        request: dict[str, Any] = {"id": number, "verdict": VERDICTS[verdict]}
        said: dict[str, Any] = {}
        if verdict == "allow":
            scope = chance.choice(LASTING) if chance.random() < 0.3 and len(self.model.grants) < MOST_GRANTS else "once"
            request["scope"], said["scope"] = f"SCOPE_{scope.upper()}", scope
            if scope != "once" and chance.random() < 0.2:
                request["duration_sec"], said["ends"] = 1, (now() + 0.9, now() + 8.0)
        if verdict == "rewrite":
            goal = f"{run.workspace}/instead-{chance.randrange(5)}" if run else "/tmp/instead"
            request["rewrite"], said["path"] = {"path": text(goal)}, goal
        if question and chance.random() < 0.4:
            first = self.model.card(question)[0].number
            request["digest"], said["whole"] = self.world.digest(first)[:chance.choice([16, 40, 64])], True
            if chance.random() < 0.1:
                request["digest"], said["stale"] = "0" * 64, True
        return self.answer_as(uid, question, request, verdict, said)

    def answer_as(self, uid: int, question: Question | None, request: dict[str, Any], verdict: str,
                  said: dict[str, Any]) -> tuple[str, list[Reference]]:
        """`said`: of the request, what the model must know."""
        text_of = f"uid {uid}: {verdict} {request['id']}{f' {said}' if said else ''}"
        stale, number = said.pop("stale", False), request["id"]
        after = self.model.copied()
        wanted = after.answer(uid, number, verdict, **said)
        if stale and not wanted:
            wanted = "invalid"
        code = self.deliver(uid, answer=request)
        if self.victim:
            self.unsettled = now() + 5
        states = self.follows(code, wanted, [after])
        if question and not code and self.may_cut_off(question.run):
            after.cut_off(question.run, self.model)
        for path in (one.path for one in after.grants.values() if one.ends and one.number not in self.model.grants):
            self.avoided[path] = now() + 2.6
        return text_of, self.finish(states)

    def may_cut_off(self, name: str) -> bool:
        """Whether the warden of that run dies with this operation. The next launcher ends those that the dead one had started."""
        return self.victim == "launcher" or (self.victim == "warden" and self.victim_of == name)

    # ---- grants

    def revoke(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        lasting = [number for number, grant in sorted(self.model.grants.items()) if not grant.ends]
        if not lasting or any(run.held == BY_STOP for run in self.model.runs.values()):
            return None  # Guards that are held take no rules, and are waited for.
        number = chance.choice(lasting)
        return self.revoked(self.a_user(chance, self.model.grants[number].owner), number)

    def revoke_settled(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        gone = [number for number in range(1, self.model.last_grant + 3) if number not in self.model.grants]
        return self.revoked(chance.choice((ROOT, *USERS)), chance.choice(gone))

    def revoked(self, uid: int, number: int) -> tuple[str, list[Reference]]:
        after = self.model.copied()
        wanted = after.revoke(uid, number)
        code = self.deliver(uid, revoke_grant={"id": number})
        if self.victim:
            self.unsettled = now() + 5
        if code == "unavailable" and not wanted:
            code, self.unsettled = "", now() + 5  # It is revoked, and some guard has not said in time that it knows.
        return f"uid {uid}: revoke grant {number}", self.finish(self.follows(code, wanted, [after]))

    # ---- the emergency stop

    def estop(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        if not self.world.can_stop or self.victim in ("both", "warden", "egress"):
            return None  # A guard that is held as well comes back when its run goes on.
        # One of somebody's soon after another would kill: all of root's, and of a user what is theirs.
        calm = [uid for uid in USERS if now() - self.stopped_at.get(uid, 0.0) > SECOND_PRESS]
        if not calm:
            return None
        uid = chance.choice(calm)
        self.stopped_at[uid] = now()
        if self.victim == "stop":
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
                peer.connect(self.world.stop_address)
                peer.send(b"stop on its way")
                self.strike_now()
        else:
            receipt = ask_stop(self.world.stop_address, uid, "stop by the model")
            if not receipt.get("latched"):
                raise Mismatch(f"a stop was answered with {receipt}")
            self.strike_now()
        after = self.model.copied()
        after.stop_all(None if self.victim == "stop" else uid, now())
        states = [after, *([self.model.copied()] if self.victim == "stop" else [])]
        return f"uid {uid} stops everything", self.finish(states)

    def rearm(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        if not self.world.can_stop or self.victim or (not self.model.latched and chance.random() < 0.9):
            return None  # Cut off in the middle it is taken up by the next daemon, or was never asked for.
        uid = chance.choice((ROOT, *USERS))
        after = self.model.copied()
        if after.stopped_by is None and not after.met:
            uid = ROOT  # Of a stop that was cut off nobody may know who asked for it.
        wanted = after.rearm(uid)
        code = self.deliver(uid, rearm={})
        return f"uid {uid} re-arms", self.finish(self.follows(code, wanted, [after]))

    # ---- clients that are no use

    def babble(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            peer.connect(self.world.address)
            peer.send(chance.choice([b"{", b"\x01\xff\xff", b"{}", b'{"id":1,"hello":{"protocol":1},"x":1}', chance.randbytes(100)]))
        self.strike_now()
        return "a client sends rubbish and vanishes", self.finish([self.model.copied()])

    def stare(self, chance: random.Random) -> tuple[str, list[Reference]] | None:
        client = Connection(self.world.address, chance.choice((ROOT, *USERS)))
        client.send(pending={"watch": True})
        client.send(log={"follow": True})
        self.strike_now()
        client.close()
        return "a client watches, reads nothing and vanishes", self.finish([self.model.copied()])

    # ---- faults

    def choose_victim(self, chance: random.Random) -> None:
        victims = {victim: weight for victim, weight in FAULTS.items() if victim != "stop" or self.world.can_stop}
        self.victim = chance.choices(list(victims), list(victims.values()))[0]
        if self.victim not in ("warden", "egress"):
            return
        dead = {name: [at for at in times if now() - at < MOST_DEATHS_IN] for name, times in self.deaths.items()}
        runs = [name for name, run in sorted(self.model.runs.items())  # Guards of those that a stop held, too, come back when they go on.
                if run.held not in (BY_STOP, "restart") and len(dead.get(name, [])) < MOST_DEATHS and (self.victim == "warden" or run.terms.egress)]
        self.victim, self.victim_of = (self.victim, chance.choice(runs)) if runs else ("", "")
