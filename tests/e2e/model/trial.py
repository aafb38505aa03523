"""What is seen of the daemon against what the model has, after each operation."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

from tests.e2e.model.operations import Mismatch, Operations
from tests.e2e.model.reference import ROOT, Reference
from tests.e2e.model.world import USERS, Seen, World, now, size_of
from tests.support.daemon import eventually

PATIENCE = 90.0  # seconds until what must be seen is seen; the machine may be busy


def let_time_pass(model: Reference, seen: Seen) -> str:
    """What time ended, where it may have; what it has not, where it must have."""
    for number, question in list(model.questions.items()):
        if question.ends[0] <= now() and number not in seen.cards:
            model.expire(number)
        elif question.ends[1] + 5 < now():
            return f"question {number} is open after its time"
    for number, grant in list(model.grants.items()):
        if grant.ends and grant.ends[0] <= now() and number not in seen.grants:
            del model.grants[number]
        elif grant.ends and grant.ends[1] + 5 < now():
            return f"grant {number} is in force after its time"
    return ""


def cards_of(model: Reference) -> dict[int, tuple[str, list[str], int]]:
    cards = {}
    for number, question in sorted(model.questions.items()):
        card = model.card(question)
        if card[0] is question:
            cards[number] = (question.run, [one.path for one in card], len(question.asks))
    return cards


def sizes_differ(model: Reference) -> str:
    for path, wanted in model.sizes.items():
        size = size_of(path)
        if not wanted <= size <= wanted + model.unsure.get(path, 0):
            return f"{path} has {size} bytes instead of {wanted}"
    return ""


def difference(model: Reference, world: World, seen: Seen) -> str:
    """In words; "": there is none."""
    late = let_time_pass(model, seen)
    for (name, ask), code in world.said.items():
        model.hear(name, ask, code)
    runs = {name: ("frozen" if run.held else "running", run.held) for name, run in model.runs.items()}
    grants = {number: (one.scope, one.run, one.workspace, one.path, one.by, one.ends is not None) for number, one in model.grants.items()}
    pairs = [("runs", runs, seen.runs), ("questions", cards_of(model), seen.cards), ("grants", grants, seen.grants),
             ("latch", model.latched, seen.latched)]
    for uid in (ROOT, *USERS):
        mine = [{name for name, run in model.runs.items() if model.sees(uid, run.owner)},
                {number for number, card in cards_of(model).items() if model.sees(uid, model.runs[card[0]].owner)},
                {number for number, one in model.grants.items() if model.sees(uid, one.owner)}]
        pairs.append((f"what uid {uid} sees", mine, seen.shown[uid]))
    said = {key: code for key, (code, _) in model.said.items()}
    heard = {key: code for key, code in world.said.items() if key[0] not in model.ended}
    pairs.append(("what agents say", said, heard))
    for what, wanted, got in pairs:
        if wanted != got:
            return f"{what}: the model has {wanted}, there are {got}"
    return late or sizes_differ(model) or ends_differ(model, world)


def ends_differ(model: Reference, world: World) -> str:
    """Of those that have just ended: how, and that nobody of theirs is left to hold the pipe that we read."""
    for name in [name for name in world.agents if name not in model.runs]:
        if not world.agents[name].gone:
            return f"somebody of {name} is there although it is over"
        if name not in model.ended:
            continue
        wanted, how = model.ended[name][0], world.how_ended(name)
        if wanted not in ("", "?") and how != wanted or wanted == "" and how is None:
            return f"{name} ended with {how!r} instead of {wanted!r}"
    return ""


class Trial:
    pause = 0.0005  # seconds between two looks

    def __init__(self, world: World) -> None:
        self.world, self.operations = world, Operations(world)
        self.trace: list[str] = []
        self.counts: Counter[str] = Counter()

    def look(self) -> Seen:
        return self.world.look()

    def settle(self, states: list[Reference]) -> None:
        """Waits until what is seen is one of those states, and goes on from it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            seen, differences, met = self.look(), [], []
            for state in states:
                model = state.copied()
                differences.append(difference(model, self.world, seen))
                if not differences[-1]:
                    met.append(model)
            if met:
                return self.go_on_from(self.that_knows_its_last(met))
            if time.monotonic() > deadline:
                raise Mismatch("\n    or ".join(differences))
            time.sleep(self.pause)

    def that_knows_its_last(self, met: list[Reference]) -> Reference:
        """They look the same; what may differ is a question that was asked and is over."""
        numbers = {model.last_question for model in met}
        if len(numbers) == 1:
            return met[0]
        last = max(number for number in numbers if number == min(numbers) or self.world.was_asked(number))
        return next(model for model in met if model.last_question == last)

    def go_on_from(self, model: Reference) -> None:
        for path in model.unsure:
            model.sizes[path] = size_of(path)
        model.unsure, model.said = {}, {}
        wanted = {one.path for one in model.questions.values()} | {path for _, path in model.owed.values()}
        for path in [path for path in model.sizes if "/new-" in path and path not in wanted]:  # Each is asked for once.
            self.world.finished[path] = model.sizes.pop(path)
        self.world.said.clear()
        for name in [name for name in self.world.agents if name not in model.runs]:
            self.world.forget(name)
        timed = {grant.path for number, grant in self.operations.model.grants.items() if grant.ends and number not in model.grants}
        self.operations.avoided.update({path: now() + 1.5 for path in timed})
        self.operations.model = model

    def step(self, kind: str, seed: int, with_fault: bool) -> bool:
        """Whether it did anything."""
        chance = random.Random(seed)
        self.operations.victim = self.operations.victim_of = ""
        if with_fault:
            self.operations.choose_victim(chance)
        victim = self.operations.victim
        self.trace.append(f"{kind} …")
        did = getattr(self.operations, kind)(chance)
        if did is None:
            self.trace.pop()
            return False
        what, states = did
        self.trace[-1] = what + (f", and {' of '.join(filter(None, (victim, self.operations.victim_of)))} is killed" if victim else "")
        if len(states) > 1:
            self.counts["with more than one outcome"] += 1
        self.counts[f"kills of {victim}" if victim else kind] += 1
        # The daemon may not have met the next one yet, and say what was so before.
        if victim == "stop" and not eventually(self.world.agrees_on_stop, 20, 0.002):
            raise Mismatch("ringfence-stop, the daemon and the kernel do not agree on whether everything is stopped")
        self.settle(states)
        return True
