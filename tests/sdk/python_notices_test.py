#!/usr/bin/env python3
"""What the Python library does with what it is told unasked, and with leases, against a socket that says what the test wants.

    python_notices_test.py ROOT
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Optional

sys.path[:0] = [str(Path(sys.argv[1]) / "sdk" / "python"), sys.argv[1]]
import ringfence  # type: ignore[import-not-found]  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.packet_server import PacketServer  # noqa: E402

PAUSE = {"pause": {"within_ms": "5000", "why": "its time is over", "limit": "wall_time"}}


class Daemon:
    """Answers everything with done, but a lease with `lease`; tells those who listen what the test wants."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.peers: list[socket.socket] = []
        self.listening: list[socket.socket] = []
        self.leased: list[socket.socket] = []
        self.gone: list[socket.socket] = []
        self.lease: Optional[dict[str, Any]] = {"leased": {"lease": "7", "devices": ["0000:00:0b.0"], "percent": 50}}
        self.refuses_to_listen = False
        self.server = PacketServer(path, self._serve)

    def _serve(self, peer: socket.socket) -> None:
        self.peers.append(peer)
        while packet := self._packet(peer):
            message = json.loads(packet)
            call = message.pop("id")
            verb, body = next(iter(message.items()))
            self.seen.append((verb, body))
            reply: Optional[dict[str, Any]] = {"hello": {"protocol": 1}} if verb == "hello" else {"done": {}}
            if verb == "lease":
                reply = self.lease
                self.leased.append(peer)
            if verb == "listen" and self.refuses_to_listen:
                peer.send(b'{"id":"0","error":{"code":"invalid","message":"no such request"}}')
                peer.shutdown(socket.SHUT_RDWR)
                return
            if reply is not None:
                peer.send(json.dumps({"id": str(call), **reply}).encode())
            if verb == "listen":
                self.listening.append(peer)
        self.gone.append(peer)

    @staticmethod
    def _packet(peer: socket.socket) -> bytes:
        try:
            return peer.recv(65536)
        except OSError:
            return b""

    def tell(self, notice: dict[str, Any], missed: int = 0) -> None:
        self.listening[-1].send(json.dumps({"id": "0", "notice": {"missed": str(missed), **notice}}).encode())

    def count(self, verb: str) -> int:
        return sum(1 for seen, _ in self.seen if seen == verb)

    def close(self) -> None:
        self.server.close()
        for peer in self.peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)  # Whoever serves it closes it then.
            except OSError:
                pass  # It is closed already.
        if os.path.exists(self.path):
            os.unlink(self.path)


class Trial(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="ringfence-notices-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "agent.sock")
        self.daemon = Daemon(self.path)
        self.addCleanup(lambda: self.daemon.close())

    def agent(self, **options: Any) -> Any:
        agent = ringfence.Agent(self.path, 5, **options)
        self.addCleanup(agent.close)
        return agent

    def listening(self, times: int = 1) -> None:
        self.assertTrue(eventually(lambda: len(self.daemon.listening) >= times))

    def test_callbacks_run_in_a_thread_of_the_library_and_the_pause_is_answered_when_all_returned(self) -> None:
        told: list[Any] = []
        agent = self.agent()

        @agent.on_pause
        def keep(pause: Any) -> None:
            told.append((pause, threading.current_thread().name, self.daemon.count("ready")))

        self.listening()
        self.assertEqual(self.daemon.seen[-1], ("listen", {"to": ["pause"]}))
        self.daemon.tell(PAUSE)
        self.assertTrue(eventually(lambda: self.daemon.count("ready") == 1))
        self.assertEqual(told, [(ringfence.Pause(5.0, "its time is over", "wall_time"), "ringfence-notices", 0)])

    def test_one_that_says_later_or_fails_leaves_the_answer_to_the_agent_and_the_others_are_told(self) -> None:
        told: list[str] = []
        agent = self.agent(callbacks="poll")
        agent.on_pause(lambda pause: told.append("first") or False)
        agent.on_pause(lambda pause: 1 / 0)
        agent.on_pause(lambda pause: told.append("last"))
        self.listening()
        self.daemon.tell(PAUSE)
        with self.assertLogs("ringfence", "ERROR"):
            self.assertTrue(eventually(agent.poll))
        self.assertEqual((told, self.daemon.count("ready")), (["first", "last"], 0))
        self.assertTrue(agent.ready() and agent.safe_point())
        self.assertEqual((self.daemon.count("ready"), self.daemon.count("safe_point")), (1, 1))

    def test_without_the_thread_nothing_is_called_before_the_loop_polls_and_polling_never_waits(self) -> None:
        agent = self.agent(callbacks="poll")
        told: list[Any] = []
        agent.on_resume(told.append)
        agent.on_override(told.append)
        self.listening()
        self.daemon.tell({"resume": {"held_ms": "1500", "why": "asked", "held_by": "person", "relief": ""}})
        self.daemon.tell({"override": {"op": "exec", "target": "/usr/bin/git", "outcome": "rewritten", "by": "person", "say": "not yet",
                                       "rule": "r", "file_line": "f:1", "count": 2, "argv": ["git", "status"]}})
        self.assertGreaterEqual(agent.notices_fileno(), 0)
        self.assertEqual(told, [])
        self.assertTrue(eventually(lambda: agent.poll() >= 0 and len(told) == 2))
        self.assertEqual(told[0], ringfence.Resumed(1.5, "asked", "person", ""))
        self.assertEqual(told[1], ringfence.Override("exec", "/usr/bin/git", "rewritten", "person", "not yet", "r", "f:1", 2,
                                                     ["git", "status"], None, None))
        began = time.monotonic()
        self.assertEqual(agent.poll(), 0)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual([thread for thread in threading.enumerate() if thread.name == "ringfence-notices"], [])

    def test_after_a_lost_daemon_it_listens_again_for_all_that_it_did(self) -> None:
        told: list[Any] = []
        agent = self.agent()
        agent.on_pause(told.append)
        agent.on_resume(told.append)
        self.assertTrue(eventually(lambda: ("listen", {"to": ["pause", "resume"]}) in self.daemon.seen))
        self.daemon.close()
        self.daemon = Daemon(self.path)
        self.listening()
        self.assertEqual(self.daemon.seen[-1], ("listen", {"to": ["pause", "resume"]}))
        self.daemon.tell(PAUSE)
        self.assertTrue(eventually(lambda: told))

    def test_what_it_does_not_take_is_bounded_and_what_was_missed_is_counted(self) -> None:
        agent = self.agent(callbacks="poll")
        told: list[Any] = []
        agent.on_resume(told.append)
        self.listening()
        for number in range(100):
            self.daemon.tell({"resume": {"held_ms": str(number)}}, missed=1 if number == 0 else 0)
        self.assertTrue(eventually(lambda: agent.poll() >= 0 and len(told) + agent.missed_notices == 101))
        self.assertEqual(told[-1].held, 0.099)

    def test_kinds_that_are_not_known_and_nonsense_are_nothing(self) -> None:
        agent = self.agent(callbacks="poll")
        told: list[Any] = []
        agent.on_pause(lambda pause: told.append(pause) or False)
        self.listening()
        self.daemon.tell({"weather": {"rain": True}})
        self.daemon.tell({"pause": {"within_ms": "soon", "why": 7}})
        self.assertTrue(eventually(lambda: agent.poll() >= 0 and told))
        self.assertEqual(told, [ringfence.Pause(0.0, "", "")])
        self.daemon.listening[-1].send(b"[]")
        self.assertTrue(eventually(lambda: agent.poll() >= 0 and len(self.daemon.listening) == 2))

    def test_an_older_daemon_that_does_not_know_it_is_asked_seldom_and_the_rest_works(self) -> None:
        self.daemon.refuses_to_listen = True
        agent = self.agent(callbacks="poll")
        agent.on_pause(print)
        self.assertTrue(eventually(lambda: agent.poll() >= 0 and self.daemon.count("listen") >= 1))
        for _ in range(50):
            agent.poll()
        self.assertLessEqual(self.daemon.count("listen"), 2)
        self.assertTrue(agent.say("still here"))

    def test_outside_a_fence_callbacks_are_never_called_and_there_is_no_thread(self) -> None:
        agent = ringfence.Agent("")
        self.assertIs(agent.on_pause(print), print)
        self.assertEqual((agent.poll(), agent.notices_fileno(), agent.ready()), (0, -1, False))
        self.assertEqual([thread for thread in threading.enumerate() if thread.name == "ringfence-notices"], [])
        lease = agent.lease("npu")
        self.assertFalse(lease)
        self.assertIn("in no fence", lease.why)
        with self.assertRaises(ValueError):
            ringfence.Agent("", callbacks="magic")

    def test_a_lease_is_held_for_a_block_and_ends_with_it(self) -> None:
        with self.agent().lease("npu", wait=2.5) as lease:
            self.assertTrue(lease)
            self.assertEqual((lease.devices, lease.percent, lease.why), (["0000:00:0b.0"], 50, ""))
            self.assertIn(("lease", {"device": "npu", "wait_ms": 2500}), self.daemon.seen)
            self.assertEqual(self.daemon.gone, [])
        self.assertFalse(lease)
        self.assertEqual((lease.why, lease.fileno()), ("it was released", -1))
        self.assertTrue(eventually(lambda: self.daemon.leased[0] in self.daemon.gone))

    def test_one_that_is_busy_lost_or_never_answered_is_false_and_says_why(self) -> None:
        agent = self.agent()
        self.daemon.lease = {"error": {"code": "busy", "message": "another program has it"}}
        lease = agent.lease("npu")
        self.assertFalse(lease)
        self.assertEqual(lease.why, "busy: another program has it")
        self.daemon.lease = {"leased": {"lease": "8", "devices": ["d"], "percent": 1}}
        lease = agent.lease("npu")
        self.assertTrue(lease)
        self.daemon.leased[-1].send(b'{"id":"0","notice":{"lease_lost":{"lease":"8","why":"the run was frozen: x"}}}')
        self.assertTrue(eventually(lambda: not lease))
        self.assertEqual(lease.why, "it was lost: the run was frozen: x")
        other = agent.lease("npu")
        self.daemon.leased[-1].shutdown(socket.SHUT_RDWR)
        self.assertTrue(eventually(lambda: not other))
        self.assertIn("it was lost", other.why)
        self.daemon.lease = None
        began = time.monotonic()
        agent._timeout = 0.2
        silent = agent.lease("npu", wait=0.1)
        self.assertFalse(silent)
        self.assertIn("did not answer", silent.why)
        self.assertLess(time.monotonic() - began, 30)
        with self.assertRaises(ValueError):
            agent.lease("tpu")

    def test_a_child_after_a_fork_has_neither_the_lease_nor_the_notices_of_its_parent(self) -> None:
        agent = self.agent(callbacks="poll")
        told: list[Any] = []
        agent.on_resume(told.append)
        self.listening()
        lease = agent.lease("npu")
        self.assertTrue(lease)
        self.daemon.tell({"resume": {"held_ms": "1"}})
        child = os.fork()
        if child == 0:
            agent.poll()
            os._exit(0 if not lease and not told else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertTrue(lease, lease.why)
        self.assertTrue(eventually(lambda: agent.poll() >= 0 and told))

    def child_that_lives(self, works: Any = lambda: None) -> None:
        """Until the end of the test; returns when it did that."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                works()
                os.write(writer, b"1")
                signal.alarm(120)
                signal.pause()
            finally:
                os._exit(2)
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.kill, child, signal.SIGKILL)
        os.close(writer)
        with open(reader, "rb") as done:
            self.assertEqual(done.read(1), b"1")

    def test_a_lease_is_given_back_at_its_release_though_a_child_lives(self) -> None:
        agent = self.agent()
        lease = agent.lease("npu")
        self.child_that_lives()
        lease.release()
        self.assertTrue(eventually(lambda: self.daemon.leased[0] in self.daemon.gone))
        # Also where the descriptor was inherited in another way.
        lease = agent.lease("npu")
        copy = os.dup(lease.fileno())
        self.addCleanup(os.close, copy)
        lease.release()
        self.assertTrue(eventually(lambda: self.daemon.leased[1] in self.daemon.gone))

    def test_a_child_does_not_end_the_lease_of_its_parent(self) -> None:
        lease = self.agent().lease("npu")
        self.child_that_lives(lease.release)
        with self.agent().lease("npu") as other:
            self.child_that_lives(lambda: other.__exit__())
            self.assertTrue(lease and other, lease.why + other.why)
        self.assertEqual([peer for peer in self.daemon.leased[:1] if peer in self.daemon.gone], [])

    def test_progress_is_a_number_of_percent_within_its_bounds(self) -> None:
        agent = self.agent()
        self.assertTrue(agent.say("indexing", 40) and agent.say("indexing", 140) and agent.say("indexing"))
        self.assertEqual([body for verb, body in self.daemon.seen if verb == "say"],
                         [{"text": "indexing", "percent": 40}, {"text": "indexing", "percent": 100}, {"text": "indexing"}])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
