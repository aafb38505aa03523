#!/usr/bin/env python3
"""The Python library against a socket that answers as the test wants: well, late, not at all, or with nonsense.

    python_agent_test.py ROOT
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
from typing import Any, Callable, Optional
from unittest import mock

sys.path[:0] = [str(Path(sys.argv[1]) / "sdk" / "python"), sys.argv[1]]
import ringfence  # type: ignore[import-not-found]  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.packet_server import PacketServer  # noqa: E402

Answer = Callable[[str, dict[str, Any]], Optional[dict[str, Any]]]


def received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65536)
    except ConnectionResetError:
        return b""  # Whoever was there did not read all.


class Daemon:
    """Counts reports as the real one does. `answer` decides instead where it yields something; an empty dict closes."""

    def __init__(self, path: str, answer: Answer = lambda verb, body: None) -> None:
        self.answer = answer
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.counted: dict[str, int] = {}
        self.lock = threading.Lock()
        self.close = PacketServer(path, self._serve).close

    def _serve(self, peer: socket.socket) -> None:
        while packet := received(peer):
            message = json.loads(packet)
            call = message.pop("id")
            verb, body = next(iter(message.items()))
            with self.lock:
                self.seen.append((verb, body))
                reply = {"hello": {"protocol": 1}} if verb == "hello" else self.answer(verb, body)
                if reply is None:
                    reply = self._usual(verb, body)
            if not reply:
                return
            if "raw" in reply:
                peer.send(reply["raw"])
                continue
            peer.send(json.dumps({"id": str(call), **reply}).encode())

    def _usual(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        if verb == "report_usage":
            before = body["id"] in self.counted
            self.counted.setdefault(body["id"], body["input_tokens"] + body["output_tokens"])
            return {"totals": {"input_tokens": str(sum(self.counted.values())), "output_tokens": "0", "tokens_limit": "100",
                               "reports": str(len(self.counted)), "counted_before": before}}
        if verb == "critical_section":
            return {"granted": {"milliseconds": "1500" if body["seconds"] else "0"}}
        if verb == "why":
            return {"denial": {"json": '{"op":"connect","target":"a:443","outcome":"denied","say":"no","next":["ask"]}'}}
        return {"done": {}}


class Trial(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="ringfence-agent-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "agent.sock")

    def daemon(self, answer: Answer = lambda verb, body: None) -> Daemon:
        daemon = Daemon(self.path, answer)
        self.addCleanup(daemon.close)
        return daemon

    def agent(self, timeout: float = 5) -> Any:
        agent = ringfence.Agent(self.path, timeout)
        self.addCleanup(agent.close)
        return agent

    def test_every_call_says_what_it_means_in_one_packet(self) -> None:
        daemon, agent = self.daemon(), self.agent()
        totals = agent.report_usage("m", 40, 10, cost_usd=0.5, counters={"calls": 2}, id="a")
        self.assertEqual((totals.input_tokens, totals.reports, totals.tokens_left, totals.cost_usd), (50, 1, 50, None))
        self.assertTrue(agent.say("reading") and agent.safe_point() and agent.stop("wrong"))
        with agent.critical_section(3) as granted:
            self.assertEqual(granted, 1.5)
        denial = agent.why()
        self.assertEqual((denial.op, denial.target, denial.say, denial.next), ("connect", "a:443", "no", ["ask"]))
        self.assertEqual([verb for verb, _ in daemon.seen],
                         ["hello", "report_usage", "say", "safe_point", "stop", "critical_section", "critical_section", "why"])
        self.assertEqual(daemon.seen[1][1], {"model": "m", "input_tokens": 40, "output_tokens": 10, "cost_usd": 0.5,
                                             "counters": {"calls": 2}, "id": "a"})
        self.assertEqual(agent.trouble, "")

    def test_what_an_interruption_would_have_it_do_again_is_told_where_it_is_known(self) -> None:
        daemon, agent = self.daemon(), self.agent()
        self.assertTrue(agent.safe_point() and agent.safe_point(redo=2.5) and agent.safe_point(redo=1e9))
        with agent.critical_section(3, redo=40), agent.critical_section(3):
            pass
        told = [body for verb, body in daemon.seen if verb in ("safe_point", "critical_section")]
        self.assertEqual(told, [{}, {"redo_seconds": 2.5}, {"redo_seconds": 1e6}, {"seconds": 3, "redo_seconds": 40.0}, {"seconds": 3},
                                {"seconds": 0}, {"seconds": 0}])

    def test_what_an_interruption_would_cost_is_told_with_what_it_is_made_of_and_not_at_all_where_nobody_knows(self) -> None:
        answers = [{"interruption_costs": {
            "freeze": {"seconds": 40, "claimed_seconds": 39.5, "forbidden": False, "why": "so", "cheaper_after_ms": "3000"},
            "freeze_and_reclaim": {"seconds": 41}, "kill": {"seconds": 102.5, "tokens": 7, "work_cpu_seconds": 70, "forbidden": True},
            "activity": "streaming", "since_safe_point_ms": "100000"}},
            {"error": {"code": "unavailable", "message": "nothing was read"}}]
        daemon = self.daemon(lambda verb, body: answers.pop(0) if verb == "interruption_cost" else None)
        agent = self.agent()
        cost = agent.interruption_cost(hold=30)
        self.assertEqual(daemon.seen[1], ("interruption_cost", {"hold_ms": 30000}))
        self.assertEqual(cost.freeze, ringfence.Interruption(40.0, None, None, 39.5, False, "so", 3.0))
        self.assertEqual((cost.kill.tokens, cost.kill.work_cpu_seconds, cost.kill.forbidden), (7.0, 70.0, True))
        self.assertEqual((cost.activity, cost.since_safe_point), ("streaming", 100.0))
        self.assertIsNone(agent.interruption_cost())
        self.assertIn("nothing was read", agent.trouble)

    def test_a_report_whose_answer_is_lost_is_sent_again_under_its_id_and_counts_once(self) -> None:
        lose = [True, True]

        def counted_then_gone(verb: str, body: dict[str, Any]) -> Optional[dict[str, Any]]:
            if verb != "report_usage" or not lose:
                return None
            lose.pop()
            daemon._usual(verb, body)
            return {}

        daemon = self.daemon(counted_then_gone)
        agent = self.agent(timeout=30)
        self.assertIsNone(agent.report_usage("m", 7, 0), "a connection that was just made is not made anew at once")
        self.assertTrue(agent.flush())
        self.assertEqual(daemon.counted, {next(iter(daemon.counted)): 7})
        self.assertEqual(len({body["id"] for verb, body in daemon.seen if verb == "report_usage"}), 1)

    def test_while_the_daemon_is_away_nothing_raises_and_reports_go_when_it_is_back(self) -> None:
        daemon = self.daemon()
        agent = self.agent(timeout=0.3)
        self.assertIsNotNone(agent.report_usage("m", 1, 0))
        agent.close()
        daemon.close()
        self.assertIsNone(agent.report_usage("m", 10, 0))
        self.assertFalse(agent.say("x"))
        self.assertIn("did not answer", agent.trouble)
        os.unlink(self.path)
        self.assertIn("no socket", agent.absent)
        again = self.daemon()
        agent._calls.timeout = 30
        self.assertTrue(agent.flush())
        self.assertEqual(agent.report_usage("m", 100, 0).input_tokens, 110)
        self.assertEqual(len(again.counted), 2)

    def test_while_the_daemon_is_away_a_connection_is_tried_four_times_a_second_and_calls_between_return_at_once(self) -> None:
        self.daemon().close()
        agent, now, tried, slept = self.agent(timeout=5), [1000.0], [], []
        connect = ringfence._link.Link._connect

        def count(link: Any) -> bool:
            before = link._connect_at
            made: bool = connect(link)
            tried.extend([now[0]] * (link._connect_at != before))
            return made

        with mock.patch.object(time, "monotonic", lambda: now[0]), mock.patch.object(time, "sleep", slept.append), \
                mock.patch.object(ringfence._link.Link, "_connect", count):
            for _ in range(100):
                agent.say("x")
                agent.safe_point()
                agent.report_usage("m", 1, 0)
                agent.why()
                now[0] += 0.01
        self.assertEqual(len(tried), 4, tried)
        self.assertEqual(slept, [], "somebody waited")
        self.assertEqual(len(agent._calls._kept), 100)

    def test_a_daemon_that_stands_still_is_waited_for_once_and_hears_all_when_it_goes_on(self) -> None:
        child = os.fork()
        if child == 0:
            Daemon(self.path)
            while True:
                signal.pause()
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.kill, child, signal.SIGKILL)
        agent = self.agent(timeout=2)
        deadline = time.monotonic() + 60
        while agent.report_usage("m", 1, 0) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)  # The signal is sent before all of its threads stand still.
        began = time.monotonic()
        for _ in range(100):  # Each would wait for 2 s.
            self.assertFalse(agent.say("x"))
            self.assertIsNone(agent.report_usage("m", 1, 0))
            self.assertFalse(agent.safe_point())
        self.assertLess(time.monotonic() - began, 60, "one wait of a call and one of a report, of 600 s")
        self.assertIn("did not answer", agent.trouble)
        os.kill(child, signal.SIGCONT)
        agent._calls.timeout = 60
        self.assertTrue(agent.flush(), agent.trouble)
        self.assertEqual(agent.report_usage("m", 1, 0).reports, 102 if agent.lost_reports == 0 else -1)
        self.assertTrue(agent.say("x"), "it is waited for again")

    def test_a_report_that_is_not_waited_for_returns_at_once_and_is_counted_once(self) -> None:
        held = threading.Event()
        daemon = self.daemon(lambda verb, body: None if verb != "report_usage" or held.wait(60) else {})
        agent = self.agent(timeout=60)
        for number in range(100):  # Nobody answers the first one yet.
            self.assertIsNone(agent.report_usage("m", 1, 0, id=f"step-{number // 2}", wait=False))
        self.assertEqual(len(agent._calls._kept), 50)
        self.assertLessEqual(len(agent._calls._sent), 32)
        held.set()
        self.assertTrue(agent.flush(), agent.trouble)
        self.assertEqual((len(daemon.counted), sum(daemon.counted.values()), agent.lost_reports), (50, 50, 0))

    def test_a_report_that_is_not_waited_for_does_not_wait_for_another_threads_turn_and_goes_with_it(self) -> None:
        held = threading.Event()
        daemon = self.daemon(lambda verb, body: None if verb != "say" or held.wait(60) else {})
        agent = self.agent(timeout=60)
        other = threading.Thread(target=agent.say, args=("x",))
        other.start()
        while ("say", {"text": "x"}) not in daemon.seen:
            time.sleep(0.01)
        self.assertIsNone(agent.report_usage("m", 1, 0, wait=False))
        self.assertTrue(other.is_alive(), "it has the turn")
        held.set()
        other.join()
        self.assertTrue(eventually(lambda: daemon.counted), "the other's call sent it")

    def test_one_that_is_not_waited_for_and_is_refused_as_wrong_is_given_up_and_counted(self) -> None:
        self.daemon(lambda verb, body: {"error": {"code": "invalid", "message": "no"}} if body.get("model") == "bad" else None)
        agent = self.agent(timeout=60)
        agent.report_usage("bad", 1, 0, wait=False)
        agent.report_usage("good", 5, 0, wait=False)
        self.assertTrue(agent.flush())
        self.assertEqual(agent.lost_reports, 1)
        self.assertEqual(agent.report_usage("good", 1, 0).input_tokens, 6)

    def test_one_that_is_refused_as_wrong_raises_and_is_not_kept_and_one_that_is_busy_is(self) -> None:
        refusals = {"bad": "invalid", "later": "busy"}

        def refuse(verb: str, body: dict[str, Any]) -> Optional[dict[str, Any]]:
            code = refusals.get(body.get("model", ""))
            return {"error": {"code": code, "message": "no"}} if code else None

        self.daemon(refuse)
        agent = self.agent()
        with self.assertRaises(ringfence.Refused) as raised:
            agent.report_usage("bad", 1, 0)
        self.assertEqual(raised.exception.code, "invalid")
        self.assertIsNone(agent.report_usage("later", 2, 0))
        self.assertIn("busy", agent.trouble)
        refusals.clear()
        self.assertEqual(agent.report_usage("good", 4, 0).input_tokens, 6)

    def test_a_daemon_that_sends_nonsense_is_as_one_that_is_away(self) -> None:
        for nonsense in (b"x", b"[]", b'{"id":"2"}', b'{"id":"2","totals":5}', b"\xff" * 70000):
            with self.subTest(nonsense=nonsense[:20]):
                daemon = Daemon(self.path, lambda verb, body, raw=nonsense: {"raw": raw} if len(raw) < 65536 else {})
                agent = self.agent(timeout=0.2)
                self.assertIsNone(agent.whoami())
                self.assertTrue(agent.trouble)
                daemon.close()
                os.unlink(self.path)

    def test_threads_share_one_connection_and_a_child_has_its_own(self) -> None:
        daemon, agent = self.daemon(), self.agent(timeout=20)
        workers = [threading.Thread(target=lambda: [agent.report_usage("m", 1, 0) for _ in range(20)]) for _ in range(5)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(len(daemon.counted), 100)
        self.assertEqual([verb for verb, _ in daemon.seen].count("hello"), 1)
        child = os.fork()
        if child == 0:
            os._exit(0 if agent.report_usage("m", 1, 0) is not None else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertIsNotNone(agent.report_usage("m", 1, 0))
        self.assertEqual(len(daemon.counted), 102)
        self.assertEqual([verb for verb, _ in daemon.seen].count("hello"), 2)

    def status_of_child(self, works: Callable[[], bool]) -> int:
        """0: it did, before anybody would call that hanging."""
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(60)
                os._exit(0 if works() else 1)
            finally:
                os._exit(2)
        return os.waitpid(child, 0)[1]

    def test_a_child_that_is_forked_while_another_thread_is_in_a_call_reports_and_asks(self) -> None:
        held = threading.Event()

        def answer(verb: str, body: dict[str, Any]) -> Optional[dict[str, Any]]:
            if body.get("text") == "held":
                daemon.lock.release()  # The others are served meanwhile.
                held.wait(60)
                daemon.lock.acquire()
            return {"verdict": {"allowed": True, "outcome": "allowed"}} if verb == "guard" else None

        daemon, agent = self.daemon(answer), self.agent(timeout=60)
        other = threading.Thread(target=agent.say, args=("held",))
        other.start()
        self.assertTrue(eventually(lambda: ("say", {"text": "held"}) in daemon.seen))
        agent.report_usage("m", 1, 0, id="of the parent", wait=False)

        def works() -> bool:
            agent._calls.timeout = 30
            return (agent.report_usage("m", 1, 0, id="of the child") is not None and agent.say("x") and agent.flush() and
                    bool(agent.guard("call", "deploy", patience=30)))

        self.assertEqual(self.status_of_child(works), 0)
        self.assertEqual(list(daemon.counted), ["of the child"])
        held.set()
        other.join()
        self.assertTrue(agent.flush() and agent.guard("call", "deploy", patience=30))
        self.assertEqual(list(daemon.counted), ["of the child", "of the parent"])

    def test_a_child_that_is_forked_while_another_thread_asks_or_is_told_does_both(self) -> None:
        daemon = self.daemon(lambda verb, body: {"verdict": {"allowed": True, "outcome": "allowed"}} if verb == "guard" else None)
        agent = ringfence.Agent(self.path, 30, callbacks="poll")
        self.addCleanup(agent.close)
        agent.on_pause(print)
        self.assertTrue(agent.guard("call", "deploy", patience=30))
        are_held, end = threading.Event(), threading.Event()

        def hold() -> None:
            with agent._guards._lock, agent._notices._lock:
                are_held.set()
                end.wait(60)

        other = threading.Thread(target=hold)
        other.start()
        are_held.wait(60)

        def works() -> bool:
            agent.poll()
            agent.on_resume(print)
            answered = bool(agent.guard("call", "deploy", patience=30))
            agent.close()
            return answered

        self.assertEqual(self.status_of_child(works), 0)
        end.set()
        other.join()
        self.assertTrue(eventually(lambda: ("listen", {"to": ["pause", "resume"]}) in daemon.seen))
        connections = [verb for verb, _ in daemon.seen].count("hello")
        agent.poll()
        self.assertTrue(agent.guard("call", "deploy", patience=30))
        self.assertEqual([verb for verb, _ in daemon.seen].count("hello"), connections, "the child ended none of its parent's")

    def test_more_reports_than_are_kept_are_counted_as_lost(self) -> None:
        daemon = self.daemon()
        daemon.close()
        agent = self.agent(timeout=0)
        for _ in range(1030):
            agent.report_usage("m", 1, 0)
        self.assertEqual(agent.lost_reports, 6)

    def test_a_guard_says_what_was_answered_and_one_without_an_answer_is_a_no_that_goes_on(self) -> None:
        answers: dict[str, dict[str, Any]] = {}

        def judge(verb: str, body: dict[str, Any]) -> Optional[dict[str, Any]]:
            if verb != "guard":
                return None
            return answers.get(body["target"], {"other": {}})

        answers["deploy"] = {"verdict": {"allowed": True, "outcome": "rewritten", "say": "there", "rule": "tools.rule deploy*",
                                         "file_line": "p.toml:3", "argv": [], "input_json": '{"to":"staging"}'}}
        answers["drop"] = {"verdict": {"allowed": False, "outcome": "denied", "say": "never", "rule": "", "file_line": ""}}
        daemon, agent = self.daemon(judge), self.agent()
        verdict = agent.guard("call", "deploy", input={"to": "prod"}, words="green", id="d-1")
        self.assertTrue(verdict)
        self.assertEqual((verdict.outcome, verdict.say, verdict.file_line, verdict.argv, verdict.input),
                         ("rewritten", "there", "p.toml:3", None, {"to": "staging"}))
        self.assertEqual(daemon.seen[-1][1], {"id": "d-1", "op": "call", "target": "deploy", "input_json": '{"to": "prod"}',
                                              "words": "green"})
        self.assertEqual((agent.guard("call", "drop").outcome, bool(agent.guard("call", "drop"))), ("denied", False))
        silent = ringfence.Agent(self.path)
        self.addCleanup(silent.close)
        answers["slow"] = {"raw": b'{"id":"999999","verdict":{"allowed":true}}'}
        self.assertEqual(silent.guard("call", "slow", id="s", patience=0.2).outcome, "unanswered")
        with self.assertRaises(ValueError):
            agent.guard("fly", "away")
        with self.assertRaises(TypeError):
            agent.guard("call", "x", input={"x": object()})

    def test_a_guard_is_asked_again_over_another_connection_under_its_id(self) -> None:
        gone = [True]

        def once_gone(verb: str, body: dict[str, Any]) -> Optional[dict[str, Any]]:
            if verb != "guard":
                return None
            if gone:
                gone.pop()
                return {}
            return {"verdict": {"allowed": True, "outcome": "allowed"}}

        daemon, agent = self.daemon(once_gone), self.agent()
        self.assertTrue(agent.guard("connect", "a:443", patience=20))
        self.assertEqual(len({body["id"] for verb, body in daemon.seen if verb == "guard"}), 1)
        self.assertEqual([verb for verb, _ in daemon.seen], ["hello", "guard", "hello", "guard"])
        pending = agent.start_guard("connect", "b:443")
        self.assertTrue(pending.wait(20))
        self.assertTrue(pending.poll())

    def test_what_is_guarded_is_done_only_when_it_is_allowed_and_as_it_was_answered(self) -> None:
        def judge(verb: str, body: dict[str, Any]) -> Optional[dict[str, Any]]:
            if verb != "guard":
                return None
            told = json.loads(body.get("input_json", "{}"))
            if body["target"] == "deploy" and told.get("target") == "prod":
                return {"verdict": {"allowed": True, "outcome": "rewritten", "input_json": '{"target":"staging","count":1}'}}
            return {"verdict": {"allowed": body["target"] != "/etc/passwd", "outcome": "allowed"}}

        self.daemon(judge)
        agent = self.agent()
        called: list[tuple[str, int]] = []

        @agent.guarded("call")
        def deploy(target: str, count: int = 1) -> int:
            called.append((target, count))
            return len(called)

        self.assertEqual(deploy("prod"), 1)
        self.assertEqual(deploy("elsewhere", count=2), 2)
        self.assertEqual(called, [("staging", 1), ("elsewhere", 2)])
        with agent.guarded("write", "/tmp/../tmp/x") as verdict:
            self.assertEqual(verdict.outcome, "allowed")
        with self.assertRaises(ringfence.Denied):
            with agent.guarded("write", "/etc/passwd"):
                self.fail("it was done")

    def test_outside_a_fence_a_guard_says_no_unless_that_was_chosen(self) -> None:
        self.assertEqual(ringfence.Agent("").guard("call", "x").outcome, "absent")
        self.assertFalse(ringfence.Agent("").guard("call", "x"))
        self.assertTrue(ringfence.Agent("", unfenced="allow").guard("call", "x"))
        # Inside one whose socket is not there nothing is allowed.
        self.assertFalse(ringfence.Agent(self.path + ".gone", unfenced="allow").guard("call", "x"))

    def test_threads_that_ask_share_a_connection_and_each_has_its_own_answer(self) -> None:
        daemon = self.daemon(lambda verb, body: {"verdict": {"allowed": body["target"] in "abc", "outcome": "x"}}
                             if verb == "guard" else None)
        agent = self.agent()
        wrong: list[str] = []

        def ask(tool: str) -> None:
            for _ in range(20):
                if bool(agent.guard("call", tool, patience=30)) != (tool in "abc"):
                    wrong.append(tool)

        workers = [threading.Thread(target=ask, args=(tool,)) for tool in "abcdef"]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(wrong, [])
        self.assertEqual([verb for verb, _ in daemon.seen].count("hello"), 1)
        self.assertEqual(len({body["id"] for verb, body in daemon.seen if verb == "guard"}), 120)

    def test_words_are_cut_between_characters(self) -> None:
        daemon, agent = self.daemon(), self.agent()
        agent.say("ä" * 1000)
        self.assertEqual(daemon.seen[-1][1]["text"], "ä" * 512)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
