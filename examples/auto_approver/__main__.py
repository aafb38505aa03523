"""Answers the questions of agents by a table, for the hours in which nobody is there.

    auto_approver RULES [--run RUN] [--socket PATH]

RULES has one rule a line; the first that matches answers:

    # operation  pattern                      answer
    write        /home/ada/project/out/*      allow
    write        /home/ada/project/*          deny   write below out/ instead
    connect      *                            deny   there is no network before I am back
    exec         git push*                    deny   push when I am back

A pattern is for a path, for host:port, for the words of a command line or for the name of a tool; * stands for anything, / included. What no rule is
about is denied with words. Whatever the rules say, this program allows once, never for longer, and only what can be taken
back (`can_be_taken_back`): the rest is denied and left to a person.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import shlex
import sys
from dataclasses import dataclass
from typing import List, Optional, Tuple

import ringfence

OPERATIONS = ("read", "write", "exec", "connect", "call")
RULE = re.compile(r"(?P<operation>\w+)\s+(?P<pattern>\S.*?)\s+(?:allow|deny\s+(?P<words>\S.*))")
MAKES = ("mkdir", "mkdirat", "open", "openat", "openat2", "creat")  # calls that may make something new


@dataclass(frozen=True)
class Rule:
    operation: str
    pattern: str
    allows: bool
    words: str  # to the agent that is denied


def read_rules(path: str) -> List[Rule]:
    """Raises `SystemExit` with file and line for what is no rule: a table that is half understood answers nothing."""
    rules = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            rule = RULE.fullmatch(line.strip())
            if rule is None or rule["operation"] not in OPERATIONS:
                raise SystemExit(f"{path}:{number}: not a rule: OPERATION PATTERN allow, or OPERATION PATTERN deny WORDS")
            rules.append(Rule(rule["operation"], rule["pattern"], rule["words"] is None, rule["words"] or ""))
    return rules


def subject_of(question: ringfence.Question) -> str:
    return shlex.join(question.argv) if question.operation == "exec" else question.target


def can_be_taken_back(question: ringfence.Question) -> bool:
    """What only makes something that was not there, or only reads. Programs, tools, connections, and what changes, removes or
    replaces something are not; nor is a card of several questions, which would be allowed as one."""
    if question.batch > 1 or question.second:
        return False
    if question.reversible == "undoable":
        return True
    if question.operation == "read":
        return True
    return question.operation == "write" and question.what in MAKES and not os.path.lexists(question.target)


def decide(question: ringfence.Question, rules: List[Rule]) -> Tuple[bool, str]:
    """Whether it is allowed; else what the agent is told."""
    subject = subject_of(question)
    rule: Optional[Rule] = next((one for one in rules if one.operation == question.operation and fnmatch.fnmatchcase(subject, one.pattern)),
                                None)
    if rule is None:
        return False, "no rule of the automatic approver is about this, and nobody is there: go on without it"
    if not rule.allows:
        return False, rule.words
    if not can_be_taken_back(question):
        return False, "this cannot be taken back, so a person must allow it: go on without it, or ask when one is there"
    return True, ""


def answer(client: ringfence.Client, question: ringfence.Question, rules: List[Rule]) -> None:
    allows, words = decide(question, rules)
    try:
        if allows:
            client.allow(question)
        else:
            client.deny(question.id, words)  # Whatever came on its card since.
    except ringfence.errors.AlreadyAnswered:
        return  # Somebody was faster, or it does not wait any more.
    except ringfence.errors.Invalid:
        return  # It has changed since, and comes again as it is now.
    verdict = "allowed" if allows else "denied"
    print(f"{verdict} {question.run} {question.operation} {ringfence.escape(subject_of(question))}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="auto_approver", description="Answers the questions of agents by a table.")
    parser.add_argument("rules")
    parser.add_argument("--run", default="", help="id or name of the only one that is answered")
    parser.add_argument("--socket", help="of the daemon; $RINGFENCE_SOCKET without it")
    options = parser.parse_args()
    rules = read_rules(options.rules)
    client = ringfence.Client(options.socket)
    try:
        with client.watch(options.run) as events:
            print(f"auto_approver: {len(rules)} rules", flush=True)
            for event in events:
                if isinstance(event, ringfence.Question):
                    answer(client, event, rules)
    except ringfence.ControlError as error:
        print(f"auto_approver: {ringfence.escape(error.message)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
