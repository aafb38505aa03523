"""What the daemon answers, as values. Times are RFC 3339 in UTC; None is not known, never 0; paths and words of a command line
are as `os.fsdecode` has them. Texts that come from agents are as they came: `ringfence.escape` shows them safely.

Each has `fields`: the whole answer as the contract (sdk/proto/control.proto) names it, for what has no attribute here.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional, Tuple, Union

from ._wire import Fields
from .errors import Broken

__all__ = ["Continued", "Ended", "Exit", "Governed", "Grant", "Held", "LogLine", "Pausing", "PrivateHome", "Pruned", "Question",
           "QuestionEvent", "Reconnected", "Rule", "Run", "RunEvent", "Server", "Settled", "Stopped", "Usage"]


@dataclass(frozen=True)
class Server:
    """Who answers. `admin`: whether the caller may act on everybody's runs."""

    protocol: int
    version: str
    features: List[str]
    admin: bool


@dataclass(frozen=True)
class Exit:
    """How a command ended: by `code` (its exit status) or by `signal` (a number); neither where that is not known.

    `out_of_memory`: the kernel killed it for its memory. `note`: for people; mostly empty.
    """

    code: Optional[int]
    signal: Optional[int]
    out_of_memory: bool
    note: str


@dataclass(frozen=True)
class Usage:
    """What a run used. Counters are since its start; `memory_bytes` and `pids` are now, or when it ended.

    Microseconds (`_usec`), bytes, counts, US dollars. `tokens`: of models, in and out together, as its agent reported or
    its egress saw, whichever is more. `cost_usd` is as much of their cost as is known; `cost_estimated`: some of it is
    list prices times tokens; `cost_incomplete`: of some tokens no cost is known.
    """

    cpu_usec: Optional[int]
    memory_bytes: Optional[int]
    memory_peak_bytes: Optional[int]
    pids: Optional[int]
    io_read_bytes: Optional[int]
    io_write_bytes: Optional[int]
    network_sent_bytes: Optional[int]
    network_received_bytes: Optional[int]
    npu_usec: Optional[int]
    gpu_usec: Optional[int]
    tokens: Optional[int]
    fields: Mapping[str, Any] = field(repr=False)
    cost_usd: Optional[float] = None
    cost_estimated: bool = False
    cost_incomplete: bool = False


@dataclass(frozen=True)
class Held:
    """Who holds a frozen run, and why. `by`: "governor", which lets go by itself, "person" (then `by_uid`), "agent",
    "restart", "questions", "prompts", "no-records", "another-program" or "emergency stop".
    """

    by: str
    by_uid: int
    reason: str
    since: Optional[str]


@dataclass(frozen=True)
class Pausing:
    """Who freezes a run, asked when, and within how many seconds it is frozen at the latest."""

    by_uid: int
    asked: Optional[str]
    within: float


@dataclass(frozen=True)
class Run:
    """One run. `state`: "starting", "running", "frozen", "stopping" or "ended". `pid`: outside of the fence; None before
    and after. `says`: its agent's own words on what it does; None: it said nothing. `pausing`: somebody freezes it, and it goes on
    until its agent's moment; its `state` is "running" then.
    """

    id: str
    name: str
    state: str
    exit: Optional[Exit]
    uid: int
    caller_uid: int
    pid: Optional[int]
    command: List[str]
    workspace: str
    policy_name: str
    policy_hash: str
    started: Optional[str]
    ended: Optional[str]
    usage: Usage
    held: Optional[Held]
    weakened: List[Tuple[str, str]]
    """Walls that its policy waived, each with the reason."""
    says: Optional[str]
    pausing: Optional[Pausing]
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Rule:
    """The line of a policy that asked."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Question:
    """What an agent wants to do, and waits to be told whether it may.

    `operation`: "read", "write", "exec", "connect" or "call". `target`: an absolute path, a program, "host:port" or the name of a
    tool; `second`: where a rename or link goes; `argv`: of a program, or one JSON object, the input of a tool; `cwd`: of a
    program; `what`: the call, such as "unlinkat", or "guard" where the agent asks itself. `reversible`: "undoable",
    "irreversible", "leaves-device" or "unknown". `deadline`: then it is denied, this once. `digest`: of all that an answer is
    for. `batch`: how many questions are on this card, 1 alone. `scopes`: for how long it can be allowed beside "once". `note`:
    what to know of who asks, mostly empty; of a "guard", the agent's own words, quoted.
    """

    id: int
    run: str
    run_name: str
    operation: str
    target: str
    second: str
    argv: List[str]
    cwd: str
    what: str
    rule: Optional[Rule]
    why: str
    digest: str
    asked: Optional[str]
    deadline: Optional[str]
    reversible: str
    batch: int
    scopes: List[str]
    note: str
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Settled:
    """A question that waits no more. `outcome`: "allowed", "denied", "rewritten", "expired", "stopped" or "withdrawn"."""

    id: int
    run: str
    outcome: str


@dataclass(frozen=True)
class Reconnected:
    """The connection was lost and made again: what was open before is asked anew below, or was settled unseen."""


QuestionEvent = Union[Question, Settled, Reconnected]


@dataclass(frozen=True)
class Grant:
    """An answer that goes on allowing. `scope`: "run" (then `run`), "project" (then `workspace`) or "always". `hits`: how often
    it allowed something. `until`: None is no end but the scope's. `ended`: None while it is in force. `policy_text`: as a
    policy would say it.
    """

    id: int
    scope: str
    run: str
    workspace: str
    operation: str
    target: str
    argv: List[str]
    policy_text: str
    issued: Optional[str]
    by_uid: int
    hits: int
    until: Optional[str]
    ended: Optional[str]
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class PrivateHome:
    """What is kept of HOME for the runs of one user (`uid`) under the policy of one name. `last_used`: a run was started in it
    or ended. `bytes`: on the disk; with `more` at least that. `fate`: "goes"; or it stays, as "in-use" by a live run, "recent"
    (used since then) or "stuck", which `why` explains.
    """

    uid: int
    policy: str
    last_used: Optional[str]
    bytes: int
    more: bool
    fate: str
    why: str


@dataclass(frozen=True)
class Pruned:
    """What became of private homes: `removed` of them are gone. `left`: what could not be removed, and why."""

    homes: List[PrivateHome]
    removed: int
    removed_bytes: int
    left: List[str]


@dataclass(frozen=True)
class LogLine:
    """One fact. `seq` counts them; `run` is "" where it is about none; `body`: what the fact says, by its `kind`."""

    seq: int
    at: str
    run: str
    kind: str
    body: Mapping[str, Any]
    hash: str


@dataclass(frozen=True)
class Ended:
    """The run ended; nothing follows."""

    run: str
    exit: Exit


@dataclass(frozen=True)
class Stopped:
    """The command stopped by this signal, as Ctrl-Z does."""

    run: str
    signal: int


@dataclass(frozen=True)
class Continued:
    """The command that was stopped goes on."""

    run: str


@dataclass(frozen=True)
class Governed:
    """The run is held without its owner having asked for it, or let go on, and why."""

    run: str
    held: bool
    reason: str


RunEvent = Union[Ended, Stopped, Continued, Governed, Question, Settled]


# ---- from fields


def server_of(fields: Fields) -> Server:
    """Of hello."""
    return Server(fields.number("protocol"), fields.text("version"), [str(one) for one in fields.items("features")], fields.flag("admin"))


def exit_of(fields: Fields) -> Exit:
    """Of ExitStatus."""
    return Exit(fields.maybe_number("code"), fields.maybe_number("signal"), fields.flag("out_of_memory"), fields.text("note"))


def usage_of(fields: Fields) -> Usage:
    """Of Usage."""
    number = fields.maybe_number
    return Usage(
        cpu_usec=number("cpu_usec"), memory_bytes=number("memory_bytes"), memory_peak_bytes=number("memory_peak_bytes"),
        pids=number("pids"), io_read_bytes=number("io_read_bytes"), io_write_bytes=number("io_write_bytes"),
        network_sent_bytes=number("network_sent_bytes"), network_received_bytes=number("network_received_bytes"),
        npu_usec=number("npu_usec"), gpu_usec=number("gpu_usec"), tokens=number("tokens"), fields=fields.raw,
        cost_usd=fields.maybe_amount("cost_usd"), cost_estimated=fields.flag("cost_estimated"),
        cost_incomplete=fields.flag("cost_incomplete"))


def run_of(fields: Fields) -> Run:
    """Of RunDetails."""
    how, held, pausing = fields.inner("exit"), fields.inner("held"), fields.inner("pausing")
    return Run(
        id=fields.text("id"), name=fields.text("name"), state=fields.text("state"), exit=exit_of(how) if how else None,
        uid=fields.number("uid"), caller_uid=fields.number("caller_uid"), pid=fields.number("pid") or None,
        command=fields.paths("command"), workspace=fields.path("workspace"), policy_name=fields.text("policy_name"),
        policy_hash=fields.text("policy_hash"), started=fields.maybe_text("started"), ended=fields.maybe_text("ended"),
        usage=usage_of(fields.inner("usage") or Fields({})),
        held=Held(held.text("by"), held.number("by_uid"), held.text("reason"), held.maybe_text("since")) if held else None,
        weakened=[(one.text("wall"), one.text("reason")) for one in fields.inners("weakened")],
        says=fields.maybe_text("says"),
        pausing=Pausing(pausing.number("by_uid"), pausing.maybe_text("asked"), pausing.number("within_ms") / 1000) if pausing else None,
        fields=fields.raw)


def question_of(fields: Fields) -> Question:
    """Of PendingItem."""
    action, rule = fields.inner("action") or Fields({}), fields.inner("rule")
    return Question(
        id=fields.number("id"), run=fields.text("run"), run_name=fields.text("run_name"),
        operation=action.word("operation", "OPERATION_"), target=action.path("target"), second=action.path("second"),
        argv=action.paths("argv"), cwd=action.path("cwd"), what=action.text("what"),
        rule=Rule(rule.text("file"), rule.number("line"), rule.text("text")) if rule else None, why=fields.text("why"),
        digest=fields.text("digest"), asked=fields.maybe_text("asked"), deadline=fields.maybe_text("deadline"),
        reversible=fields.word("reversible", "REVERSIBILITY_"), batch=max(1, fields.number("batch")),
        scopes=[one.word("scope", "SCOPE_") for one in fields.inners("offers")], note=fields.text("chain_note"), fields=fields.raw)


def settled_of(fields: Fields) -> Settled:
    """Of PendingGone."""
    return Settled(fields.number("id"), fields.text("run"), fields.word("settlement", "SETTLEMENT_"))


def grant_of(fields: Fields) -> Grant:
    """Of GrantRow."""
    return Grant(
        id=fields.number("id"), scope=fields.word("scope", "SCOPE_"), run=fields.text("run"), workspace=fields.path("workspace"),
        operation=fields.word("operation", "OPERATION_"), target=fields.path("target"), argv=fields.paths("argv"),
        policy_text=fields.text("policy_text"), issued=fields.maybe_text("issued"), by_uid=fields.number("by_uid"),
        hits=fields.number("hits"), until=fields.maybe_text("until"), ended=fields.maybe_text("ended"), fields=fields.raw)


def home_of(fields: Fields) -> PrivateHome:
    """Of PrivateHome."""
    return PrivateHome(
        uid=fields.number("uid"), policy=fields.text("policy"), last_used=fields.maybe_text("last_used"), bytes=fields.number("bytes"),
        more=fields.flag("more"), fate=fields.text("fate"), why=fields.text("why"))


def log_line_of(fields: Fields) -> LogLine:
    """Of LogLine."""
    try:
        body = Fields(json.loads(fields.text("body_json") or "{}")).raw
    except (ValueError, RecursionError):
        raise Broken("the daemon sent a line of the log that is no JSON") from None
    return LogLine(fields.number("seq"), fields.text("at"), fields.text("run"), fields.text("kind"), body, fields.text("hash"))


def run_event_of(fields: Fields) -> Optional[RunEvent]:
    """Of RunEvent; None: one that this version does not know."""
    run = fields.text("run")
    ended, asked, settled, governed = (fields.inner(name) for name in ("ended", "asked", "settled", "governed"))
    if ended:
        return Ended(run, exit_of(ended))
    if asked:
        return question_of(asked)
    if settled:
        return settled_of(settled)
    if governed:
        return Governed(run, governed.flag("held"), governed.text("reason"))
    if "stopped_by" in fields.raw:
        return Stopped(run, fields.number("stopped_by"))
    return Continued(run) if fields.flag("continued") else None
