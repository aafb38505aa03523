#!/usr/bin/env python3
"""The Python client against a control socket that answers as the test wants: well, in part, too much, or with nonsense.

    python_client_test.py ROOT
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import random
import select
import socket
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Callable
from unittest import mock

sys.path[:0] = [str(Path(sys.argv[1]) / "sdk" / "python"), sys.argv[1]]
import ringfence  # type: ignore[import-not-found]  # noqa: E402
from ringfence import errors  # type: ignore[import-not-found]  # noqa: E402
from tests.support.packet_server import PacketServer  # noqa: E402

SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
HELLO = {"hello": {"protocol": 1, "version": "0.1.0", "features": ["questions"], "admin": True}}
Answer = Callable[["Peer", int, str, dict[str, Any]], None]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def memfd(content: bytes, seals: int = SEALS) -> int:
    fd = os.memfd_create("answer", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, content)
    if seals:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


class Peer:
    """One connection, seen from the daemon."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def say(self, call: int, *, last: bool = True, **answer: Any) -> None:
        self.sock.send(json.dumps({"id": str(call), "last": last, **answer}).encode())

    def raw(self, data: bytes, *fds: int) -> None:
        socket.send_fds(self.sock, [data], list(fds))
        for fd in fds:
            os.close(fd)

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)


class Daemon:
    """Says hello by itself; everything else is the test's."""

    def __init__(self, path: str, answer: Answer) -> None:
        self.answer = answer
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.greeting: dict[str, Any] = HELLO
        self.server = PacketServer(path, self._serve)

    @property
    def connections(self) -> int:
        return self.server.connections

    def _serve(self, sock: socket.socket) -> None:
        peer = Peer(sock)
        while True:
            try:
                packet, fds, _, _ = socket.recv_fds(sock, 70000, 8)
                if not packet:
                    return
                if packet == b"\x03":
                    packet = os.pread(fds[0], os.fstat(fds[0]).st_size, 0)
                for fd in fds:
                    os.close(fd)
                message = json.loads(packet)
                call = int(message.pop("id"))
                verb, body = next(iter(message.items()))
                self.seen.append((verb, {**body, "descriptors": len(fds)}))
                if verb == "hello":
                    peer.say(call, **self.greeting)
                else:
                    self.answer(peer, call, verb, body)
            except OSError:
                return


class Trial(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ringfence-client-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = str(self.folder / "control.sock")

    def daemon(self, answer: Answer) -> Daemon:
        daemon = Daemon(self.path, answer)
        self.addCleanup(daemon.server.close)
        return daemon

    def client(self, timeout: float = 20) -> Any:
        client = ringfence.Client(self.path, timeout)
        self.addCleanup(client.close)
        return client

    # ---- answers

    def test_answers_become_values_and_what_is_not_known_is_none(self) -> None:
        run = {"id": "r-1", "name": "a", "state": "frozen", "command": [b64("sh"), base64.b64encode(b"\xff").decode()], "workspace": b64("/p"),
               "usage": {"cpu_usec": "12"}, "held": {"by": "person", "by_uid": 5, "reason": "asked"}, "exit": {"code": 0}}
        self.daemon(lambda peer, call, verb, body: peer.say(call, list={"runs": [run, {}]}))
        first, empty = self.client().runs()
        self.assertEqual((first.usage.cpu_usec, first.usage.memory_bytes, first.usage.tokens), (12, None, None))
        self.assertEqual((first.command, first.workspace, first.pid), (["sh", "\udcff"], "/p", None))
        self.assertEqual((first.held.by, first.held.by_uid, first.exit.code, first.exit.signal), ("person", 5, 0, None))
        self.assertEqual((empty.exit, empty.started, empty.says, empty.pausing), (None, None, None, None))

    def test_a_freeze_says_whether_it_may_wait_and_a_run_that_is_pausing_for_how_long(self) -> None:
        asked = []

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            asked.append((verb, body))
            if verb == "show":
                peer.say(call, details={"id": "r-1", "state": "running", "pausing": {"by_uid": 5, "asked": "then", "within_ms": "11200"}})
            else:
                peer.say(call, done={"count": 1, "runs": ["r-1"], "pausing": ["r-1"]})

        self.daemon(answer)
        client = self.client()
        self.assertEqual((client.freeze("r-1"), client.freeze("r-1", now=True)), (["r-1"], ["r-1"]))
        self.assertEqual(asked, [("freeze", {"run": "r-1"}), ("freeze", {"run": "r-1", "at_once": True})])
        pausing = client.show("r-1").pausing
        self.assertEqual((pausing.by_uid, pausing.asked, pausing.within), (5, "then", 11.2))

    def test_a_prune_says_what_went_and_what_stayed_and_is_never_asked_twice(self) -> None:
        asked = []

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            asked.append(body)
            home = {"uid": 5, "policy": "coding", "last_used": "then", "bytes": "4096", "fate": "goes"}
            if body.get("dry_run"):
                return peer.say(call, prune={"homes": [home]})
            peer.say(call, last=False, prune={"homes": [home, {"policy": "web", "fate": "in-use", "why": "a run"}]})
            if body["older_than_sec"] == "7":
                return peer.close()
            peer.say(call, prune={"removed": "1", "removed_bytes": "4096", "left": ["a mount"]})

        self.daemon(answer)
        client = self.client()
        pruned = client.prune(older_than=90)
        self.assertEqual([(home.policy, home.fate, home.bytes, home.more) for home in pruned.homes],
                         [("coding", "goes", 4096, False), ("web", "in-use", 0, False)])
        self.assertEqual((pruned.removed, pruned.removed_bytes, pruned.left, pruned.homes[1].last_used), (1, 4096, ["a mount"], None))
        self.assertEqual(client.prune(dry_run=True).removed, 0)
        self.assertEqual(asked, [{"older_than_sec": "90", "dry_run": False}, {"older_than_sec": "2592000", "dry_run": True}])
        self.assertRaises(errors.Lost, client.prune, older_than=7)
        self.assertEqual(len(asked), 3)
        self.assertRaises(errors.Invalid, client.prune, older_than=-1)

    def test_a_long_answer_comes_in_a_sealed_memory_file_and_no_other(self) -> None:
        fine = json.dumps({"id": "2", "last": True, "details": {"id": "r-1", "notes": ["x" * 100_000]}}).encode()
        answers = {"sealed": fine, "open": fine, "huge": b" " * (8 * 1024 * 1024 + 1)}

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            content = answers[body["run"]].replace(b'"2"', f'"{call}"'.encode(), 1)
            peer.raw(b"\x03", memfd(content, 0 if body["run"] == "open" else SEALS))

        self.daemon(answer)
        client = self.client()
        self.assertEqual(client.show("sealed").id, "r-1")
        with self.assertRaisesRegex(errors.Broken, "could still change"):
            client.show("open")
        with self.assertRaisesRegex(errors.Broken, "more than 8388608 bytes"):
            client.show("huge")

    def test_what_is_no_answer_is_a_named_error_and_the_next_call_connects_again(self) -> None:
        nonsense = [b"\x01\x02", b"[1]", b"{}", b"[" * 60000, b'{"id":"x","last":true,"details":{}}', b'{"id":true,"details":{}}', b"x" * 65537,
                    b'{"id":"1","last":true}', b"\x03", b'{"id":0,"last":true,"details":{"usage":[]}}',
                    b'{"id":0,"last":true,"details":{"usage":{"cpu_usec":"1e9"}}}', b'{"id":0,"last":true,"details":{"command":["%"]}}',
                    b'{"id":0,"last":true,"details":{"command":7}}', b'{"id":0,"last":true,"list":{}}', b"\xff\xfe"]

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            if body["run"] == "fine":
                return peer.say(call, details={"id": "r-1"})
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            peer.raw(nonsense[int(body["run"])])

        daemon, client = self.daemon(answer), self.client()
        for number, packet in enumerate(nonsense):
            with self.assertRaises(errors.Broken, msg=packet[:60]):
                client.show(str(number))
            self.assertEqual(client.show("fine").id, "r-1", packet[:60])
        self.assertGreater(daemon.connections, 5)

    def test_answers_that_are_damaged_anywhere_raise_nothing_but_named_errors(self) -> None:
        question = {"id": "7", "run": "r-1", "action": {"operation": "OPERATION_EXEC", "target": b64("/bin/ls"), "argv": [b64("ls")]},
                    "rule": {"file": "f", "line": 3}, "reversible": "REVERSIBILITY_LEAVES_DEVICE", "offers": [{"scope": "SCOPE_RUN"}]}
        run = {"id": "r-1", "command": [b64("sh")], "usage": {"cpu_usec": "12"}, "held": {"by": "person"}, "exit": {"code": 0},
               "weakened": [{"wall": "net"}]}
        grant = {"id": "3", "scope": "SCOPE_ALWAYS", "target": b64("/a"), "argv": [], "hits": "9"}
        whole = {"list": {"runs": [run]}, "pending": question, "grants": {"rows": [grant]}, "details": run,
                 "usage": {"rows": [{"run": "r-1", "usage": {"tokens": "5"}}]}, "done": {"runs": ["r-1"]},
                 "log_line": {"seq": "1", "kind": "k", "body_json": '{"a":[1]}'}, "error": {"code": "denied", "exit_code": 4}}
        dice = random.Random(7)
        wrong = [None, True, -1, 1e300, "", "x" * 3000, [], {}, [[]], {"a": {}}, "9" * 30, "\ud800"]

        def damaged(value: Any) -> Any:
            if dice.random() < 0.15:
                return dice.choice(wrong)
            if isinstance(value, dict):
                return {name: damaged(one) for name, one in value.items()}
            return [damaged(one) for one in value] if isinstance(value, list) else value

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            kind = {"show": "details", "revoke_grant": "done", "log": "log_line", "freeze": "done"}.get(verb, verb)
            packet = {"id": str(call), "last": True, kind if dice.random() < 0.9 else "error": damaged(whole[kind])}
            data = json.dumps(packet).encode()
            at = dice.randrange(len(data))
            peer.raw(data if dice.random() < 0.7 else data[:at] + bytes([dice.randrange(256)]) + data[at + 1:])

        def line() -> Any:
            with client.log() as log:
                return log.next_within(0.2)

        self.daemon(answer)
        client = self.client(0.2)
        calls = [client.runs, client.pending, client.grants, client.usage, lambda: client.show("r-1"), lambda: client.freeze("r-1"),
                 lambda: client.revoke(3), line]
        outcomes = {"value": 0, "error": 0}
        for number in range(2000):
            try:
                calls[number % len(calls)]()
                outcomes["value"] += 1
            except ringfence.ControlError:
                outcomes["error"] += 1
        self.assertGreater(min(outcomes.values()), 200, outcomes)

    def test_descriptors_that_nobody_asked_for_are_closed(self) -> None:
        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            content = json.dumps({"id": str(call), "last": True, "details": {"id": "r-1"}}).encode()
            peer.raw(content, *[memfd(b"") for _ in range(int(body["run"]))])

        self.daemon(answer)
        client = self.client()
        client.show("1")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            self.assertEqual(client.show("8").id, "r-1")
            with self.assertRaises(errors.Broken):
                client.show("9")
        client.show("1")
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before + 2)  # The other end lives in this process too.

    def test_refusals_are_named_and_keep_what_the_daemon_said(self) -> None:
        codes = {"not-found": errors.NotFound, "denied": errors.Denied, "busy": errors.Busy, "gone": errors.AlreadyAnswered,
                 "policy": errors.PolicyInvalid, "unavailable": errors.Unavailable, "new": errors.ControlError, "invalid": errors.Invalid}

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            peer.say(call, error={"code": body["run"], "message": "no", "token": "wall", "exit_code": 125, "json": "{}"})

        daemon, client = self.daemon(answer), self.client()
        for code, kind in codes.items():
            with self.assertRaises(errors.ControlError) as caught:
                client.show(code)
            self.assertIs(type(caught.exception), kind)
            told = caught.exception
            self.assertEqual((told.code, told.message, told.token, told.exit_code, told.json), (code, "no", "wall", 125, "{}"))
        self.assertEqual([verb for verb, _ in daemon.seen].count("show"), len(codes), "a refusal is not asked again")
        daemon.answer = lambda peer, call, verb, body: peer.say(call, error={"code": "unavailable", "token": "latched", "exit_code": 7})
        self.assertRaises(errors.Latched, client.resume, "r-1")

    # ---- connections

    def test_nobody_there_is_said_at_once_and_a_silent_daemon_after_the_timeout(self) -> None:
        with self.assertRaises(errors.Away) as caught:
            self.client(60).runs()
        self.assertEqual(caught.exception.exit_code, 3)
        self.daemon(lambda peer, call, verb, body: None)
        began = time.monotonic()
        self.assertRaisesRegex(errors.Away, "in time", self.client(0.2).runs)
        self.assertGreaterEqual(time.monotonic() - began, 0.2)

    def test_a_connection_that_is_lost_is_made_again_and_only_what_is_harmless_is_asked_twice(self) -> None:
        lose = ["list", "answer", "resume", "freeze"]

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            if verb in lose:
                lose.remove(verb)
                return peer.close()
            peer.say(call, **({"list": {}} if verb == "list" else {"done": {"runs": ["r-1"]}}))

        daemon, client = self.daemon(answer), self.client()
        client.hello()
        self.assertEqual(client.runs(), [])
        self.assertEqual(client.freeze("r-1"), ["r-1"])
        self.assertRaises(errors.Lost, client.deny, 7)
        self.assertRaises(errors.Lost, client.resume, "r-1")
        client.deny(7)
        verbs = [verb for verb, _ in daemon.seen]
        self.assertEqual([verbs.count(verb) for verb in ("list", "freeze", "answer", "resume")], [2, 2, 2, 1])

    def test_a_socket_of_somebody_else_is_told_nothing(self) -> None:
        daemon = self.daemon(lambda peer, call, verb, body: peer.say(call, list={}))
        with mock.patch("os.geteuid", return_value=4711), mock.patch("struct.unpack", return_value=(1, 4712, 4712)):
            self.assertRaisesRegex(errors.Denied, "neither root nor you", self.client().runs)
        self.assertEqual(daemon.seen, [])

    def test_another_protocol_is_refused(self) -> None:
        daemon = self.daemon(lambda peer, call, verb, body: peer.say(call, list={}))
        daemon.greeting = {"hello": {"protocol": 2}}
        self.assertRaisesRegex(errors.Unsupported, "protocol 2", self.client().runs)
        daemon.greeting = {"error": {"code": "busy", "message": "too many connections"}}
        self.assertRaisesRegex(errors.Busy, "too many", self.client().runs)

    # ---- requests

    def test_answers_to_a_question_carry_its_digest_and_say_what_they_mean(self) -> None:
        daemon = self.daemon(lambda peer, call, verb, body: peer.say(call, done={}))
        client, asked = self.client(), ringfence.answers.question_of(ringfence.answers.Fields({"id": "9", "digest": "d"}))
        client.allow(asked)
        client.allow(asked, scope="run", seconds=60)
        client.deny(asked, "no")
        client.rewrite(asked, argv=["ls", "-l"])
        self.assertRaises(errors.Invalid, client.allow, asked, scope="for ever")
        self.assertRaises(errors.Invalid, client.rewrite, asked)
        self.assertRaises(errors.Invalid, client.rewrite, asked, path="/a", host="b")
        self.assertRaises(errors.Invalid, client.kill, "")
        sent = [{**body, "descriptors": None} for verb, body in daemon.seen if verb == "answer"]
        same = {"id": "9", "digest": "d", "descriptors": None}
        self.assertEqual(sent, [{**same, "verdict": "VERDICT_ALLOW", "scope": "SCOPE_ONCE", "duration_sec": "0"},
                                {**same, "verdict": "VERDICT_ALLOW", "scope": "SCOPE_RUN", "duration_sec": "60"},
                                {**same, "verdict": "VERDICT_DENY", "say": "no"},
                                {**same, "verdict": "VERDICT_REWRITE", "rewrite": {"argv": [b64("ls"), b64("-l")]}}])

    def test_a_launch_sends_descriptors_and_every_policy_of_this_user_whatever_its_size(self) -> None:
        home, project = self.folder / "home", self.folder / "project"
        (home / ".config/ringfence/policies").mkdir(parents=True)
        (home / ".config/ringfence/policies/mine.toml").write_text("schema = 1\n# " + "x" * 100_000 + "\n")
        project.mkdir()
        (project / ".ringfence.toml").write_text("schema = 1\n")

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            peer.say(call, last=False, run_named={"run": "r-1"})
            peer.say(call, last=False, run_accepted={"run": "r-1", "name": "true", "pid": 7})
            peer.say(call, last=False, run_event={"run": "r-1", "governed": {"held": True, "reason": "memory"}})
            peer.say(call, run_event={"run": "r-1", "ended": {"signal": 9}})

        daemon, client = self.daemon(answer), self.client()
        with mock.patch.dict(os.environ, {"HOME": str(home)}):
            started = client.launch(ringfence.Launch(["true"], workspace=str(project), stdio=(0, 1, 2)))
        self.assertEqual((started.run, started.pid), ("r-1", 7))
        self.assertEqual([type(event).__name__ for event in started.events], ["Governed", "Ended"])
        sent = daemon.seen[-1][1]
        self.assertEqual((sent["descriptors"], len(sent["user_policies"]), sent["stdio"]), (5, 1, "STDIO_DESCRIPTORS"))
        self.assertEqual(base64.b64decode(sent["project_policy"]["text"]), b"schema = 1\n")

    def test_a_policy_that_cannot_be_read_stops_the_launch_here(self) -> None:
        daemon, client = self.daemon(lambda peer, call, verb, body: None), self.client()
        project = self.folder / "project"
        project.mkdir()
        for make in (lambda path: path.symlink_to("/dev/null"), lambda path: os.mkfifo(path), lambda path: path.mkdir(),
                     lambda path: path.write_bytes(b"#" * (256 * 1024 + 1))):
            policy = project / ".ringfence.toml"
            make(policy)
            self.assertRaises(errors.PolicyInvalid, client.launch, ringfence.Launch(["true"], workspace=str(project)))
            policy.rmdir() if policy.is_dir() else policy.unlink()
        self.assertRaises(errors.NotFound, client.launch, ringfence.Launch(["no-such-program"], workspace=str(project)))
        self.assertRaises(OSError, client.launch, ringfence.Launch(["true"], workspace=str(project / "none")))
        self.assertEqual([verb for verb, _ in daemon.seen if verb == "run"], [])

    def test_a_launch_that_is_lost_is_never_asked_twice_and_names_the_run_where_it_can(self) -> None:
        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            if body.get("name") == "named":
                peer.say(call, last=False, run_named={"run": "r-1"})
            peer.close()

        daemon, client = self.daemon(answer), self.client()
        for name, run in (("named", "r-1"), ("other", "")):
            with self.assertRaises(errors.Lost) as caught:
                client.launch(ringfence.Launch(["true"], workspace=str(self.folder), name=name))
            self.assertEqual(caught.exception.run, run)
        self.assertEqual([verb for verb, _ in daemon.seen].count("run"), 2)

    # ---- streams

    def test_a_log_goes_on_where_it_was_when_the_connection_is_lost(self) -> None:
        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            since = int(body["since_seq"])
            for seq in range(since + 1, since + 4):
                peer.say(call, last=False, log_line={"seq": str(seq), "kind": "k", "body_json": '{"a":1}'})
            if since >= 6:
                return peer.say(call, done={})
            if since == 3:
                return peer.say(0, error={"code": "lagged", "message": "slow", "last_seq": "6"})
            peer.close()

        daemon = self.daemon(answer)
        self.assertEqual([line.seq for line in self.client().log()], list(range(1, 10)))
        self.assertEqual([body["since_seq"] for verb, body in daemon.seen if verb == "log"], ["0", "3", "6"])

    def test_questions_begin_anew_after_a_lost_connection_and_say_so(self) -> None:
        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            peer.say(call, last=False, pending={"id": str(daemon.connections), "action": {"operation": "OPERATION_EXEC", "argv": [b64("ls")]},
                                                "reversible": "REVERSIBILITY_LEAVES_DEVICE"})
            if daemon.connections < 2:
                return peer.close()
            peer.say(call, last=False, pending_gone={"id": "2", "settlement": "SETTLEMENT_EXPIRED"})

        daemon = self.daemon(answer)
        with self.client().watch() as stream:
            events = [next(stream) for _ in range(4)]
        self.assertEqual([type(event).__name__ for event in events], ["Question", "Reconnected", "Question", "Settled"])
        self.assertEqual((events[0].operation, events[0].argv, events[0].reversible), ("exec", ["ls"], "leaves-device"))
        self.assertEqual(events[3].outcome, "expired")

    def test_a_loop_of_somebody_else_watches_a_descriptor_and_never_blocks(self) -> None:
        go = threading.Event()

        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            go.wait(20)
            peer.say(call, last=False, pending={"id": "1"})
            peer.close()

        self.daemon(answer)
        stream = self.client().watch()
        self.assertEqual(stream.drain(), [])
        self.assertIsNone(stream.next_within(0))
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        self.assertEqual(poll.poll(0), [])
        go.set()
        found: list[Any] = []
        with self.assertRaises(errors.Away):
            while poll.poll(20_000):
                found += stream.drain()
        self.assertEqual([event.id for event in found], [1])
        self.assertEqual(stream.fileno(), -1)

    def test_a_stream_fits_asyncio(self) -> None:
        def answer(peer: Peer, call: int, verb: str, body: dict[str, Any]) -> None:
            since = int(body["since_seq"])
            peer.say(call, last=False, log_line={"seq": str(since + 1)})
            return peer.close() if since < 2 else peer.say(call, done={})

        self.daemon(answer)

        async def read() -> list[int]:
            ticks = []

            async def tick() -> None:
                while True:
                    ticks.append(1)
                    await asyncio.sleep(0)

            other = asyncio.ensure_future(tick())
            seqs = [line.seq async for line in self.client().log(follow=True)]
            other.cancel()
            self.assertGreater(len(ticks), 0)
            return seqs

        self.assertEqual(asyncio.run(read()), [1, 2, 3])

    def test_a_stream_that_is_refused_raises_what_the_daemon_said(self) -> None:
        self.daemon(lambda peer, call, verb, body: peer.say(call, error={"code": "not-found", "message": "no run"}))
        self.assertRaises(errors.NotFound, next, self.client().watch("nothing"))

    # ---- text

    def test_text_of_others_cannot_forge_what_is_shown(self) -> None:
        self.assertEqual(ringfence.escape("a\x1b[31m\u202e\n\\ä\U000e0041" + os.fsdecode(b"\xff")), "a\\x1b[31m\\u{202e}\\n\\\\ä\\u{e0041}\\xff")
        self.assertEqual(ringfence.escape("plain"), "plain")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
