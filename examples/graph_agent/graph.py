"""A graph of nodes with a state, as agent frameworks have it: run from node to node, kept after each, gone on with after a kill.

    graph = Graph(checkpoint)
    graph.node("draft", draft, then="publish")
    graph.node("publish", publish, then=END, before=ask_a_person)
    state = graph.run("draft", {"topic": "walls"})

A node that was interrupted begins again from its start. What it must not do twice it does with `Turn.once`, whose ids are the
same when it begins again and others at the next visit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, TypeVar, Union

import ringfence

State = Dict[str, Any]
T = TypeVar("T")
END = ""


class Interrupted(Exception):
    """A person said no to a node. The words are for the rest of the graph."""


@dataclass(frozen=True)
class Turn:
    """One visit of a node."""

    id: str
    checkpoint: ringfence.Checkpoint

    def request_id(self, what: str) -> str:
        """For whoever has the effect, so that it can tell the same request from another one."""
        return f"{self.id}/{what}"

    def once(self, what: str, effect: Callable[[str], T]) -> T:
        """An effect whose receiver knows the request id that it is given, and does nothing for one that it has seen."""
        request = self.request_id(what)
        return self.checkpoint.once(request, lambda: effect(request), unsure="again")


@dataclass(frozen=True)
class Node:
    work: Callable[[State, Turn], State]
    then: Callable[[State], str]
    before: Optional[Callable[[State, Turn], None]]


def _always(name: str) -> Callable[[State], str]:
    return lambda state: name


class Graph:
    def __init__(self, checkpoint: ringfence.Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._nodes: Dict[str, Node] = {}

    def node(self, name: str, work: Callable[[State, Turn], State], *, then: Union[str, Callable[[State], str]],
             before: Optional[Callable[[State, Turn], None]] = None) -> None:
        """`work` returns what changes in the state; `then` names the next node, or looks at the state and does. `before` asks
        whether the node may be done. Where it or `work` raises `Interrupted`, `refused` in the state has the words."""
        self._nodes[name] = Node(work, then if callable(then) else _always(then), before)

    def run(self, start: str, state: State) -> State:
        """From where the checkpoint is, else from `start`. Returns the state at the end."""
        kept = self._checkpoint.restore()
        where = kept.data if kept else {"node": start, "turn": 1, "state": state}
        while where["node"] != END:
            name, number, state = where["node"], where["turn"], where["state"]
            node, turn = self._nodes[name], Turn(f"{number}-{name}", self._checkpoint)
            try:
                if node.before is not None:
                    node.before(state, turn)
                changed = node.work(state, turn)
            except Interrupted as refusal:
                changed = {"refused": str(refusal)}
            state = {**state, **changed}
            where = {"node": node.then(state), "turn": number + 1, "state": state}
            self._checkpoint.save(where)
        return dict(where["state"])
