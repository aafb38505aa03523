"""A graph of an agent: notes about each topic, then publishing them, which a person is asked about; killed at any moment and
started again, it goes on where it was.

    graph_agent --topics FILE --ledger FILE --publish FILE

    ringfence run -p FILE --read "$PWD" -e PYTHONPATH="$PWD/sdk/python" -- \\
      /usr/bin/python3 "$PWD/examples/graph_agent" --topics topics --ledger ledger --publish ~/published/notes

The model is a stand-in, so that the loop can be looked at. Before it publishes it asks: a policy FILE with a rule for the tool
"publish" makes that a question to a person, who may also name another file. Those are words between friends. A FILE that asks
before what is at --publish changes (files.ask) holds the write itself, whatever this program does or forgets.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Dict, List

import ringfence
from graph import END, Graph, Interrupted, State, Turn

AGENT = ringfence.Agent(unfenced="allow")


class Ledger:
    """Somebody else's service, as far as this agent is concerned: it remembers request ids, so that a request that is made
    twice has its effect once."""

    def __init__(self, path: str) -> None:
        self._path = path

    def lines(self) -> List[str]:
        if not os.path.exists(self._path):
            return []
        with open(self._path, encoding="utf-8") as file:
            return [line for line in file.read().splitlines(keepends=True) if line.endswith("\n")]

    def add(self, request: str, text: str) -> int:
        """The number of the line that the request has, new or from before."""
        lines = self.lines()
        for number, line in enumerate(lines):
            if line.split("\t", 1)[0] == request:
                return number
        with open(self._path, "a", encoding="utf-8") as file:
            file.truncate(sum(len(line.encode()) for line in lines))  # Half a line of a process that was killed.
            file.write(f"{request}\t{text}\n")
            file.flush()
            os.fsync(file.fileno())
        return len(lines)


class Notes:
    """The nodes."""

    def __init__(self, topics: str, ledger: str, publish: str) -> None:
        self._topics, self._ledger, self._publish = topics, Ledger(ledger), publish

    def plan(self, state: State, turn: Turn) -> State:
        with open(self._topics, encoding="utf-8") as file:
            return {"left": [line.strip() for line in file if line.strip()], "noted": 0}

    def note(self, state: State, turn: Turn) -> State:
        topic = state["left"][0]
        AGENT.say(f"noting {topic}")
        text = turn.once("model", lambda request: self._think(request, topic))
        turn.once("ledger", lambda request: self._ledger.add(request, text))
        return {"left": state["left"][1:], "noted": state["noted"] + 1}

    def _think(self, request: str, topic: str) -> str:
        AGENT.report_usage("stand-in", input_tokens=20, output_tokens=10, id=request)
        return f"What there is to know about {topic}."

    def ask(self, state: State, turn: Turn) -> None:
        self._permission(state, turn)

    def _permission(self, state: State, turn: Turn) -> Dict[str, str]:
        """Asks a person once, also when the node begins again: a yes is kept, with what they put in place of what was asked."""
        wanted = {"file": self._publish}

        def ask(request: str) -> Dict[str, str]:
            AGENT.say("waiting for a person")
            verdict = AGENT.guard("call", "publish", input=wanted, words=f"{state['noted']} notes are ready", id=request)
            if not verdict:
                raise Interrupted(verdict.say or verdict.rule or verdict.outcome)
            return {**wanted, **(verdict.input or {})}

        return turn.once("permission", ask)

    def publish(self, state: State, turn: Turn) -> State:
        AGENT.say("publishing")
        text = "".join(line.split("\t", 1)[1] for line in self._ledger.lines())
        try:
            with open(self._permission(state, turn)["file"], "w", encoding="utf-8") as file:
                file.write(text)
        except PermissionError as error:
            denial = AGENT.why()
            raise Interrupted(denial.say if denial is not None and denial.say else str(error)) from error
        return {"published": True}


def build(checkpoint: ringfence.Checkpoint, notes: Notes) -> Graph:
    graph = Graph(checkpoint)
    graph.node("plan", notes.plan, then="note")
    graph.node("note", notes.note, then=lambda state: "note" if state["left"] else "publish")
    graph.node("publish", notes.publish, then=END, before=notes.ask)
    return graph


def main() -> int:
    parser = argparse.ArgumentParser(prog="graph_agent", description="Notes about topics, published when a person says yes.")
    parser.add_argument("--topics", required=True, help="a file with one topic a line")
    parser.add_argument("--ledger", required=True, help="where the notes are kept")
    parser.add_argument("--publish", required=True, help="where they are published")
    options = parser.parse_args()
    with ringfence.Checkpoint("graph_agent", agent=AGENT) as checkpoint:
        state = build(checkpoint, Notes(options.topics, options.ledger, options.publish)).run("plan", {})
    AGENT.flush()
    refused = state.get("refused")
    print(f"{state['noted']} notes, " + (f"not published: {refused}" if refused else "published"), flush=True)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
