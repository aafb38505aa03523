"""The control socket of the daemon, for scripts: see `Client`."""
from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ._wire import Connection, Fields, Packet, to_bytes
from .answers import (Grant, LogLine, Pruned, Question, QuestionEvent, Reconnected, Run, RunEvent, Server, Usage, grant_of, home_of,
                      log_line_of, question_of, run_event_of, run_of, server_of, settled_of, usage_of)
from .errors import Away, Broken, ControlError, Invalid, Lost, Unsupported, error_of
from .launching import Launch, prepared
from .streams import Stream

__all__ = ["Client", "Started", "UsageRow"]

PROTOCOL = 1
MAX_ANSWERS = 65536  # packets to one request
SCOPES = {"once": "SCOPE_ONCE", "run": "SCOPE_RUN", "project": "SCOPE_PROJECT", "always": "SCOPE_ALWAYS"}


@dataclass(frozen=True)
class Started:
    """A run that began. `pid`: outside of the fence. `notes` and `weakened` (wall, reason) are for people.

    `events`: what happens to it, the last is `Ended`; None for a detached one. See `Client.launch` on closing it.
    """

    run: str
    name: str
    pid: Optional[int]
    weakened: List[Tuple[str, str]]
    notes: List[str]
    events: Optional[Stream[RunEvent]]


@dataclass(frozen=True)
class UsageRow:
    """What one run used, as `Run` has it too."""

    run: str
    name: str
    state: str
    usage: Usage


class Client:
    """The control socket: who runs, what they ask, and what is done about it; with the rights of this process, as for the
    command line. For one thread; after a fork the child makes its own.

        client = ringfence.Client()
        for run in client.runs():
            print(run.id, run.state, ringfence.escape(run.name))

    Every call blocks for at most `timeout` seconds and raises a `ringfence.errors.ControlError` when it did not do what was
    asked: never None for an error. A connection that was lost is made again for the next call; what may be asked twice
    without harm is, anything else raises `ringfence.errors.Lost`. What is told as it happens comes by a `Stream`, which fits any
    loop. Answers are bounded (8 MiB and 65,536 packets each) and checked, also those of the daemon.
    """

    def __init__(self, path: Optional[str] = None, timeout: float = 30.0) -> None:
        """`path`: of the socket; without it $RINGFENCE_SOCKET, else /run/ringfence/control.sock. `timeout`: seconds.
        Connects when it is first needed.
        """
        self._path = path if path is not None else os.environ.get("RINGFENCE_SOCKET") or "/run/ringfence/control.sock"
        self._timeout = timeout
        self._connection: Optional[Connection] = None
        self._server: Optional[Server] = None
        self._id = 0

    # ---- who is there

    def hello(self) -> Server:
        """The daemon that answers, on a new connection. Raises `Away` when there is none, `Denied` when it is served by
        somebody who is neither root nor this user, `Unsupported` when it speaks another protocol.
        """
        self.close()
        self._connection, self._server = self._connect(time.monotonic() + self._timeout)
        return self._server

    def close(self) -> None:
        """Closes the connection; the next call makes another. Streams have their own."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- runs

    def runs(self, *, ended: bool = False) -> List[Run]:
        """The live runs that the caller may see; with `ended` also those that ended and are still kept."""
        answers = self._ask("list", {"all": ended}, repeatable=True)
        return [run_of(row) for answer in answers for row in _expect(answer, "list").inners("runs")]

    def show(self, run: str) -> Run:
        """One run, by id or name. Raises `NotFound`."""
        return run_of(_expect(self._ask("show", {"run": run}, repeatable=True)[-1], "details"))

    def usage(self, run: str = "") -> List[UsageRow]:
        """What is used now by one run (id or name; `NotFound`), or by all live ones. See `Usage` for the units."""
        answers = self._ask("usage", {"run": run}, repeatable=True)
        return [UsageRow(row.text("run"), row.text("name"), row.text("state"), usage_of(row.inner("usage") or Fields({})))
                for answer in answers for row in _expect(answer, "usage").inners("rows")]

    def launch(self, launch: Launch) -> Started:
        """Starts a command inside a fence; returns when it runs.

        Raises `OSError` when the workspace cannot be opened, `NotFound` for a program that is not there, `PolicyInvalid`,
        `Latched`, or a `ControlError` whose `token` names the wall or step that refused. `Lost`: the daemon went away
        meanwhile; the run exists if `show(error.run)` finds it, or one of `runs()` is it where its id was not told.

        A run with `stdio` that is not detached belongs to `Started.events`: when that is closed or this process ends, the run is
        ended too (SIGHUP, after 5 s kill). Any other goes on.
        """
        deadline = time.monotonic() + self._timeout
        named, sent = "", False
        with prepared(launch) as (request, fds):
            connection = self._connect(deadline)[0]
            try:
                number = self._send(connection, "run", request, fds, deadline)
                sent = True
                while True:
                    packet = self._receive(connection, number, deadline)
                    packet.close()
                    if packet.kind != "run_named":
                        break
                    named = packet.body.text("run")
                accepted = _expect(packet, "run_accepted")
            except Away as error:
                connection.close()
                if not sent:
                    raise
                raise Lost(f"{error.message}; {named or 'the run'} may have been started", run=named) from error
            except BaseException:
                connection.close()
                raise
        events: Optional[Stream[RunEvent]] = None
        if packet.last:
            connection.close()
        else:
            events = Stream(None, _run_event, self._timeout, connection)
        return Started(accepted.text("run"), accepted.text("name"), accepted.number("pid") or None,
                       [(one.text("wall"), one.text("reason")) for one in accepted.inners("weakened")],
                       [str(note) for note in accepted.items("notes")], events)

    def freeze(self, run: str, *, now: bool = False) -> List[str]:
        """Holds a run (id or name) where it stands. Returns the ids acted on. Raises `NotFound`, `Denied`, `Invalid`.

        Returns at once. A run whose agent asked for a moment of its own goes on until then, after the `preempt_grace` of its policy
        at the latest: `show(run).pausing`. With `now`, or asked for again meanwhile, it is frozen at once; `resume` takes it back.
        """
        return self._act("freeze", run, repeatable=True, body={"at_once": True} if now else None)

    def resume(self, run: str) -> List[str]:
        """Lets a frozen run go on, whoever froze it, or one that is pausing. Raises as `freeze` does, `Latched` after the emergency
        stop, and `Lost`."""
        return self._act("resume", run, repeatable=False)

    def stop(self, run: str) -> List[str]:
        """Asks a run to end (SIGTERM, after a while SIGKILL). Returns at once; raises as `freeze` does."""
        return self._act("stop", run, repeatable=True)

    def kill(self, run: str) -> List[str]:
        """Ends everything that a run started, at once. Raises as `freeze` does."""
        return self._act("kill", run, repeatable=True)

    # ---- questions

    def pending(self, run: str = "") -> List[Question]:
        """The questions that wait, of one run (id or name) or of all that the caller may see."""
        answers = self._ask("pending", {"run": run}, repeatable=True)
        return [question_of(answer.body) for answer in answers if answer.kind == "pending"]

    def watch(self, run: str = "") -> Stream[QuestionEvent]:
        """Questions as they are asked, changed (the same id again) and settled, of one run or of all that the caller may see;
        those that wait already come first.
        """
        return Stream(lambda stream, deadline: self._begin_watch(stream, run, deadline), _question_event, self._timeout)

    def allow(self, question: Question, *, scope: str = "once", seconds: int = 0) -> None:
        """Says yes. `scope`: "once", "run", "project" or "always"; `seconds`: an end to what holds for more than once, 0 is none
        but the scope's. Counts for the question as it was shown: one that has changed since is refused as `Invalid`.

        Raises `AlreadyAnswered`, `Denied` (also for yeses that need a login session), `NotFound`, `Lost`.
        """
        if scope not in SCOPES:
            raise Invalid(f"{scope!r} is no scope; it is one of {', '.join(SCOPES)}", "invalid")
        self._answer(question, {"verdict": "VERDICT_ALLOW", "scope": SCOPES[scope], "duration_sec": str(int(seconds))})

    def deny(self, question: Union[Question, int], say: str = "") -> None:
        """Says no, this once: the call fails with EPERM. `say`: why, to the agent; at most 1 KiB. `question`: it, or its id,
        which denies whatever it is now. Raises as `allow` does.
        """
        self._answer(question, {"verdict": "VERDICT_DENY", "say": say})

    def rewrite(self, question: Question, *, argv: Optional[Sequence[str]] = None, path: Optional[str] = None,
                host: Optional[str] = None, input: Optional[Mapping[str, Any]] = None) -> None:
        """Has something else done in its place, this once; a call that was held just succeeds, an agent that asked itself is told.
        One of `argv` (for a program), `path` (absolute, for a file), `host` ("host" or "host:port", for a connection) and `input`
        (for the call of a tool: what it is called with instead). Raises as `allow` does.
        """
        instead: Dict[str, Any] = {}
        if argv is not None:
            instead["argv"] = [to_bytes(word) for word in argv]
        if path is not None:
            instead["path"] = to_bytes(path)
        if host is not None:
            instead["host"] = host
        if input is not None:
            instead["content"] = to_bytes(json.dumps(dict(input), ensure_ascii=False))
        if len(instead) != 1:
            raise Invalid("a rewriting has one of argv, path, host and input", "invalid")
        self._answer(question, {"verdict": "VERDICT_REWRITE", "rewrite": instead})

    def grants(self, run: str = "", *, ended: bool = False) -> List[Grant]:
        """Answers that go on allowing, of one run or of all that the caller may see; with `ended` also the last that ended."""
        answers = self._ask("grants", {"run": run, "ended": ended}, repeatable=True)
        return [grant_of(row) for answer in answers for row in _expect(answer, "grants").inners("rows")]

    def revoke(self, grant: Union[Grant, int]) -> None:
        """Takes one back: what it allowed is asked again. Raises `NotFound` for one that is not in force, and `Lost`."""
        self._ask("revoke_grant", {"id": grant.id if isinstance(grant, Grant) else grant}, repeatable=False)

    # ---- private homes

    def prune(self, *, older_than: int = 30 * 86400, dry_run: bool = False) -> Pruned:
        """Removes private homes of the caller, of everybody for an administrator, that no live run uses and that none was started
        or ended in for `older_than` seconds. With `dry_run` nothing is removed, and `Pruned.homes` says what would be.

        Many files take their time: after `Lost` what was decided goes on.
        """
        if older_than < 0:
            raise Invalid("older_than is a time before now", "invalid")
        answers = self._ask("prune", {"older_than_sec": str(int(older_than)), "dry_run": dry_run}, repeatable=False)
        first, last = _expect(answers[0], "prune"), _expect(answers[-1], "prune")
        return Pruned([home_of(home) for home in first.inners("homes")], last.number("removed"), last.number("removed_bytes"),
                      [str(one) for one in last.items("left")])

    # ---- the log

    def log(self, run: str = "", *, since_seq: int = 0, follow: bool = False) -> Stream[LogLine]:
        """The facts after `since_seq` (0: all), of one run (id or name) or of all that the caller may see; then, with
        `follow`, as they happen. Iterated, it goes on over restarts of the daemon without a gap and without a line twice.
        """
        def begin(stream: Stream[LogLine], deadline: float) -> Connection:
            since = max(since_seq, stream.last_seq)
            return self._begin("log", {"run": run, "since_seq": str(since), "follow": follow}, deadline)

        return Stream(begin, lambda packet: log_line_of(_expect(packet, "log_line")), self._timeout)

    # ---- how

    def _act(self, verb: str, run: str, *, repeatable: bool, body: Optional[Mapping[str, Any]] = None) -> List[str]:
        if not run:
            raise Invalid("no run is named", "invalid")
        answer = self._ask(verb, {"run": run, **(body or {})}, repeatable=repeatable)[-1]
        return [str(one) for one in _expect(answer, "done").items("runs")]

    def _answer(self, question: Union[Question, int], answer: Dict[str, Any]) -> None:
        if isinstance(question, Question):
            answer.update(id=str(question.id), digest=question.digest)
        else:
            answer.update(id=str(question))
        self._ask("answer", answer, repeatable=False)

    def _ask(self, verb: str, body: Mapping[str, Any], *, repeatable: bool) -> List[Packet]:
        """All answers to one request. On a connection that was there before and is gone, it is asked again."""
        deadline = time.monotonic() + self._timeout
        was_there = self._server is not None
        pause = 0.02
        while True:
            sent = False
            try:
                if self._connection is None:
                    self._connection, self._server = self._connect(deadline)
                number = self._send(self._connection, verb, body, (), deadline)
                sent = True
                return self._answers(self._connection, number, deadline)
            except Away as error:
                self.close()
                if sent and not repeatable:
                    raise Lost(f"{error.message}; whether {verb} was done is not known") from error
                if not was_there or time.monotonic() + pause >= deadline:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 1.0)
            except ControlError as error:
                if isinstance(error, (Broken, Invalid)):
                    self.close()  # So does the daemon.
                raise

    def _answers(self, connection: Connection, number: int, deadline: float) -> List[Packet]:
        found: List[Packet] = []
        while len(found) < MAX_ANSWERS:
            packet = self._receive(connection, number, deadline)
            packet.close()
            found.append(packet)
            if packet.last:
                return found
        raise Broken(f"the daemon sent more than {MAX_ANSWERS} answers to one request")

    def _connect(self, deadline: float) -> Tuple[Connection, Server]:
        connection = Connection(self._path, deadline)
        try:
            number = self._send(connection, "hello", {"protocol": PROTOCOL}, (), deadline)
            server = server_of(_expect(self._receive(connection, number, deadline), "hello"))
            if server.protocol != PROTOCOL:
                raise Unsupported(f"the daemon speaks protocol {server.protocol}; this package speaks {PROTOCOL}", "unsupported")
        except BaseException:
            connection.close()
            raise
        return connection, server

    def _begin(self, verb: str, body: Mapping[str, Any], deadline: float) -> Connection:
        """A connection of its own on which that was asked. Waits for a daemon that restarts."""
        pause = 0.02
        while True:
            try:
                connection, self._server = self._connect(deadline)
                self._send(connection, verb, body, (), deadline)
                return connection
            except Away:
                if time.monotonic() + pause >= deadline or self._server is None:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 1.0)

    def _begin_watch(self, stream: Stream[QuestionEvent], run: str, deadline: float) -> Connection:
        connection = self._begin("pending", {"run": run, "watch": True}, deadline)
        if stream.connections:
            stream._put(Reconnected())
        return connection

    def _send(self, connection: Connection, verb: str, body: Mapping[str, Any], fds: Sequence[int], deadline: float) -> int:
        self._id += 1
        try:
            connection.send({"id": str(self._id), verb: body}, fds, deadline)
        except ValueError as error:
            raise Invalid(str(error), "invalid") from error
        except Away:
            # Why it closed the connection is still there to be read.
            packet = connection.take()
            if packet is not None:
                packet.close()
                if packet.kind == "error":
                    raise error_of(packet.body) from None
            raise
        return self._id

    @staticmethod
    def _receive(connection: Connection, number: int, deadline: float) -> Packet:
        while True:
            packet = connection.receive(deadline)
            if packet.request not in (0, number):
                packet.close()
                continue
            if packet.kind == "error":
                packet.close()
                raise error_of(packet.body)
            return packet


def _expect(packet: Packet, kind: str) -> Fields:
    if packet.kind != kind:
        raise Broken(f"the daemon answered {packet.kind[:40]!r} where {kind!r} belongs")
    return packet.body


def _question_event(packet: Packet) -> Optional[QuestionEvent]:
    if packet.kind == "pending":
        return question_of(packet.body)
    return settled_of(_expect(packet, "pending_gone"))


def _run_event(packet: Packet) -> Optional[RunEvent]:
    return run_event_of(_expect(packet, "run_event"))
