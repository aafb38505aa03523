"""Somebody who watches what is pending, and answers:

    person = Person(bench, lambda question: ["deny", "--say", "not now"])
    …
    person.leave()
"""

from __future__ import annotations

import json
import subprocess
import threading
from typing import Any, Callable

from tests.support.cli_bench import Bench

Question = dict[str, Any]


class Person:
    """`answer` gives the verb of the command line and what follows the number of the question."""

    def __init__(self, bench: Bench, answer: Callable[[Question], list[str]]) -> None:
        self.bench, self.answer = bench, answer
        self.questions: list[Question] = []
        self.outcomes: dict[int, str] = {}
        self.problems: list[str] = []
        self._watch = subprocess.Popen([bench.program, "pending", "--watch", "--json"], env=bench.daemon.environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._watches, daemon=True)
        self._thread.start()

    def _watches(self) -> None:
        assert self._watch.stdout is not None
        for line in self._watch.stdout:
            event = json.loads(line)
            if "outcome" in event:
                self.outcomes[event["id"]] = event["outcome"]
                continue
            self.questions.append(event)
            try:
                verb, *rest = self.answer(event)
            except (LookupError, ValueError) as unexpected:  # nobody must wait for somebody who does not know what to say
                self.problems.append(f"{unexpected!r}: {event}")
                verb, rest = "deny", []
            result = self.bench.cli(verb, str(event["id"]), *rest, "--digest", event["digest"])
            if result.returncode != 0:
                self.problems.append(result.stderr)

    def leave(self) -> None:
        self._watch.terminate()
        self._watch.wait(20)
        self._thread.join(20)
