#!/usr/bin/env python3
"""The helper in the tray at a desktop with nobody at it, with a real daemon and real agents: what is shown, what a click
does to the agent, and what the kernel says of it.

    tray_test.py BUILD [TEST…]
"""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.e2e.questions_test import Asking, answer  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import facts, pending, question  # noqa: E402
from tests.ui.tray.desktop import MOCK, NOTIFICATIONS, Desktop  # noqa: E402


DEATHS = 6


def is_frozen(bench: Bench, run: str) -> bool:
    """What the kernel says: nobody in the run's group, or in one around it, runs."""
    for group in bench.daemon.groups():
        for events in [f"{group}/{run}/cgroup.events", f"{group}/{run}/agent/cgroup.events"]:
            if os.path.exists(events) and "frozen 1" in Path(events).read_text():
                return True
    return False


def about(desktop: Desktop, words: str) -> list[dict[str, Any]]:
    return [one for one in desktop.notifications() if words in one["summary"]]


def deny_key(notice: dict[str, Any]) -> str:
    return next(key for key in notice["actions"][::2] if key.startswith("deny:"))


def test_a_question_is_a_notification_without_an_allow_and_denying_there_denies(bench: Bench) -> None:
    asking = Asking(bench)
    goal = asking.folder / "a<b>note"
    with Desktop(bench) as desktop:
        run = asking.start(f"echo hello > '{goal}'; echo status $?; tail -n1 $RINGFENCE_DENIALS", "-n", "coder")
        assert eventually(lambda: about(desktop, "coder waits for your answer"), 20), desktop.said()
        shown = about(desktop, "coder waits")[0]
        assert "a&lt;b&gt;note" in shown["body"] and "<" not in shown["body"], shown
        labels = [str(label) for label in shown["actions"][1::2]]
        equal(labels, ["Review", "Review", "Deny", "Pause agent"])
        hints = shown["hints"]
        equal((int(hints["urgency"]), bool(hints["resident"]), hints["category"]), (2, True, "x-ringfence.approval"))
        equal(hints["desktop-entry"], "ringfence-tray")
        desktop.click_notification(1, deny_key(shown))
        output = asking.output(run)
        assert "status 0" not in output and json.loads(output.splitlines()[-1])["outcome"] == "denied", output
        assert not goal.exists()
        assert eventually(lambda: desktop.calls("CloseNotification") == [[1]], 20), desktop.calls("CloseNotification")


def test_what_is_answered_elsewhere_is_taken_away_and_each_run_has_one_notification(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench) as desktop:
        run = asking.start(f"for i in 1 2; do (echo x > {asking.folder}/$i) & done; wait", "-n", "coder")
        assert eventually(lambda: len(pending(bench)) == 2, 20), pending(bench)
        assert eventually(lambda: [one for one in about(desktop, "coder") if "More questions of it: 1." in one["body"]], 20), desktop.notifications()
        first, second = pending(bench)
        answer(bench, "deny", first["id"])
        assert eventually(lambda: "More" not in about(desktop, "coder")[-1]["body"], 20), desktop.notifications()
        equal(str(second["id"]), deny_key(about(desktop, "coder")[-1]).split(":")[1])
        replaced = [int(one["replaces"]) for one in about(desktop, "coder")]
        equal(set(replaced), {0, 1} if len(replaced) > 1 else {0})
        equal(desktop.calls("CloseNotification"), [])
        answer(bench, "deny", second["id"])
        assert eventually(lambda: desktop.calls("CloseNotification") == [[1]], 20)
        bench.ended(run)


def test_a_run_that_is_paused_at_the_end_of_its_budget_is_a_notification_until_it_goes_on(bench: Bench) -> None:
    policy = bench.daemon.base / "short.toml"
    policy.write_text('schema = 1\nname = "short"\nextends = ["base"]\n[files]\nworkspace = "rw"\n[limits]\nwall_time = "1s"\n')
    with Desktop(bench) as desktop:
        run = bench.detached("sleep 1000", "-n", "coder", "-p", str(policy))
        assert eventually(lambda: bench.show(run)["state"] == "frozen", 60), bench.daemon.log()
        assert eventually(lambda: about(desktop, "coder is paused and waits for you"), 60), desktop.said()
        shown = about(desktop, "coder is paused")[0]
        equal((shown["body"], [str(label) for label in shown["actions"][1::2]]), (bench.show(run)["held"]["reason"], ["Open panel"]))
        equal(bench.cli("resume", run).returncode, 0)
        assert eventually(lambda: desktop.calls("CloseNotification"), 20), desktop.calls("CloseNotification")
        bench.cli("kill", run)
        bench.ended(run)


def test_a_locked_screen_shows_neither_command_nor_path_and_offers_nothing(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench) as desktop:
        run = asking.start(f"echo x > {asking.folder}/secret-plan", "-n", "coder")
        assert eventually(lambda: about(desktop, "coder"), 20), desktop.said()
        assert "secret-plan" in about(desktop, "coder")[-1]["body"]
        desktop.lock(True)
        assert eventually(lambda: about(desktop, "coder")[-1]["actions"] == [], 20), desktop.notifications()
        hidden = about(desktop, "coder")[-1]
        equal((hidden["body"], int(hidden["replaces"])), ("It wants to change a file.", 1))
        desktop.lock(False)
        assert eventually(lambda: "secret-plan" in about(desktop, "coder")[-1]["body"], 20)
        bench.cli("kill", run)


def prompts(desktop: Desktop, kind: str = "mapped") -> list[dict[str, Any]]:
    return [event for event in desktop.saw(kind) if event[kind] == "Ringfence asks"]


def test_a_question_opens_a_window_that_leaves_the_keyboard_where_it_is_and_goes_when_it_is_answered(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench, notifications=False) as desktop:
        run = asking.start(f"echo x > {asking.folder}/note", "-n", "coder")
        assert eventually(lambda: prompts(desktop), 20), desktop.said()
        equal([(one["wants_focus"], one["class"]) for one in prompts(desktop)], [(False, "ringfence-tray")])
        assert eventually(lambda: prompts(desktop, "urgent"), 20), desktop.watch()
        equal(desktop.keyboard(), "person")
        desktop.lock(True)
        assert eventually(lambda: len(prompts(desktop, "unmapped")) == 1, 20), desktop.watch()
        desktop.lock(False)
        assert eventually(lambda: len(prompts(desktop)) == 2, 20), desktop.watch()
        equal(desktop.keyboard(), "person")
        answer(bench, "deny", question(bench)["id"])
        assert eventually(lambda: len(prompts(desktop, "unmapped")) == 2, 20), desktop.watch()
        bench.ended(run)
        assert not (asking.folder / "note").exists()


def test_a_closed_window_comes_back_for_whoever_asks_for_it_and_takes_the_keyboard_then(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench) as desktop:
        run = asking.start(f"echo x > {asking.folder}/note", "-n", "coder")
        assert eventually(lambda: about(desktop, "coder") and prompts(desktop), 20), desktop.said()
        desktop.tell_desk("close")
        assert eventually(lambda: prompts(desktop, "unmapped"), 20), desktop.watch()
        desktop.click_notification(1, "review")
        assert eventually(lambda: len(prompts(desktop)) == 2, 20), desktop.watch()
        assert eventually(lambda: desktop.keyboard() == "Ringfence asks", 20), desktop.watch()
        equal(len(pending(bench)), 1)
        bench.cli("kill", run)
        assert eventually(lambda: len(prompts(desktop, "unmapped")) == 2, 20), desktop.watch()


def test_a_helper_that_dies_over_an_open_question_answers_nothing_and_its_successor_asks_again(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench, notifications=False) as desktop:
        run = asking.start(f"echo x > {asking.folder}/note", "-n", "coder")
        asked = question(bench)["id"]
        for death in range(1, DEATHS + 1):
            assert eventually(lambda: len(prompts(desktop)) == death, 20), desktop.said()
            desktop.helper.send_signal(signal.SIGSTOP if death % 2 else signal.SIGKILL)
            equal([one["id"] for one in pending(bench)], [asked])
            desktop.helper.kill()
            desktop.helper.wait(10)
            assert eventually(lambda: len(prompts(desktop, "unmapped")) == death, 20), desktop.watch()
            equal([one["id"] for one in pending(bench)], [asked])
            assert not (asking.folder / "note").exists()
            desktop.helper = desktop.start_helper()
        equal(facts(bench, "action-answered"), [])
        answer(bench, "deny", asked)
        bench.ended(run)
        assert not (asking.folder / "note").exists()


def test_a_desktop_that_is_not_to_be_disturbed_gets_no_window_and_no_urgent_notification(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench) as desktop:
        menu = desktop.menu()
        desktop.notifier().AddProperty(NOTIFICATIONS, "Inhibited", False, dbus_interface=MOCK)
        desktop.notifier().UpdateProperties(NOTIFICATIONS, {"Inhibited": True}, dbus_interface=MOCK)
        run = asking.start(f"echo x > {asking.folder}/note", "-n", "coder")
        assert eventually(lambda: about(desktop, "coder"), 20), desktop.said()
        equal([int(one["hints"]["urgency"]) for one in about(desktop, "coder")], [1])
        assert eventually(lambda: menu.tooltip() == "Questions waiting for you: 1.", 20), menu.tooltip()
        equal(prompts(desktop), [])
        desktop.notifier().UpdateProperties(NOTIFICATIONS, {"Inhibited": False}, dbus_interface=MOCK)
        assert eventually(lambda: prompts(desktop), 20), desktop.watch()
        bench.cli("kill", run)


def test_kinds_of_notifications_that_are_turned_off_do_not_come_and_the_window_asks_all_the_same(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench) as desktop:
        settings = desktop.settings()
        settings.write_text("[notifications]\nquestions=false\n")
        run = asking.start(f"echo x > {asking.folder}/note", "-n", "coder")
        assert eventually(lambda: prompts(desktop), 20), desktop.said()
        equal(desktop.notifications(), [])
        settings.write_text("[notifications]\nquestions=true\nstop=false\n")
        asking.start(f"echo x > {asking.folder}/other", "-n", "second")
        assert eventually(lambda: about(desktop, "second"), 20), desktop.notifications()
        bench.cli("kill", "--all")
        assert eventually(lambda: not pending(bench), 20)


def test_the_icon_tells_how_it_stands_and_stop_all_freezes_while_the_daemon_hangs(bench: Bench) -> None:
    with Desktop(bench) as desktop:
        menu = desktop.menu()
        assert eventually(lambda: menu.tooltip() == "No agent runs.", 20), menu.tooltip()
        idle = menu.picture()
        run = bench.detached("sleep 1000", "-p", "offline", "-n", "coder")
        assert eventually(lambda: menu.tooltip() == "Agents at work: 1.", 20), menu.tooltip()
        working = menu.picture()
        menu.click("Pause all agents")
        assert eventually(lambda: is_frozen(bench, run), 20)
        assert eventually(lambda: menu.tooltip() == "Agents paused: 1.", 20), menu.tooltip()
        paused = menu.picture()
        assert eventually(lambda: "coder" in menu.entries(), 20), menu.entries()
        menu.click("coder")
        assert eventually(lambda: not is_frozen(bench, run), 20)
        assert eventually(lambda: menu.tooltip() == "Agents at work: 1.", 20), menu.tooltip()
        assert bench.daemon.process is not None
        bench.daemon.process.send_signal(19)
        try:
            menu.click("STOP ALL")
            assert eventually(lambda: is_frozen(bench, run) or stopped(bench), 20)
            assert eventually(lambda: menu.tooltip().startswith("STOPPED"), 20), menu.tooltip()
        finally:
            bench.daemon.process.send_signal(18)
        assert eventually(lambda: about(desktop, "Emergency stop"), 20)
        pictures = [idle, working, paused, menu.picture()]
        equal(len(set(pictures)), 4)
        equal(bench.cli("rearm").returncode, 0)
        assert eventually(lambda: menu.tooltip() == "Agents paused: 1.", 20), menu.tooltip()
        assert eventually(lambda: desktop.calls("CloseNotification"), 20)
        bench.cli("kill", run)


def test_a_stop_that_was_made_elsewhere_while_the_daemon_hangs_shows_on_the_icon(bench: Bench) -> None:
    with Desktop(bench) as desktop:
        menu = desktop.menu()
        run = bench.detached("sleep 1000", "-p", "offline", "-n", "coder")
        assert eventually(lambda: menu.tooltip() == "Agents at work: 1.", 20), menu.tooltip()
        assert bench.daemon.process is not None
        bench.daemon.process.send_signal(signal.SIGSTOP)
        try:
            # Nobody here: ringfence-stop itself, of a daemon that is silent.
            assert eventually(lambda: menu.tooltip().startswith("STOPPED"), 60), menu.tooltip()
        finally:
            bench.daemon.process.send_signal(signal.SIGCONT)
        equal(bench.cli("rearm").returncode, 0)
        assert eventually(lambda: menu.tooltip() == "Agents paused: 1.", 20), menu.tooltip()
        bench.cli("kill", run)


def without_stop(bench: Bench) -> Path:
    """Nobody can stop everything from now on: a directory lies where ringfence-stop would listen. Returns it."""
    place = bench.daemon.run_dir / "stop.sock"

    def taken() -> bool:
        bench.daemon.kill_stop()
        place.unlink(missing_ok=True)
        try:
            place.mkdir()
        except FileExistsError:
            return False
        return True

    assert eventually(taken, 20), bench.daemon.log()
    return place


def test_a_stop_all_that_failed_again_is_told_again(bench: Bench) -> None:
    with Desktop(bench) as desktop:
        menu = desktop.menu()
        place = without_stop(bench)
        for times in (1, 2, 3):
            menu.click("STOP ALL")
            assert eventually(lambda: len(about(desktop, "could not do that")) == times, 20), desktop.notifications()
        place.rmdir()


def stopped(bench: Bench) -> bool:
    """The branches around all runs are frozen, says the kernel."""
    states = [Path(file).read_text() for group in bench.daemon.groups() for file in glob.glob(f"{group}/cgroup.events")
              if "-background" in group or "-interactive" in group]
    return bool(states) and all("frozen 1" in text for text in states)


def focus(bench: Bench) -> Any:
    return json.loads(bench.cli("focus", "--json").stdout)["pid"]


def test_the_window_in_front_is_reported_until_none_is_and_after_the_daemon_came_back(bench: Bench) -> None:
    with Desktop(bench, tray=False, notifications=False) as desktop:
        assert eventually(lambda: focus(bench) == desktop.desk.pid, 20), (focus(bench), desktop.said())
        desktop.tell_desk("nobody")
        assert eventually(lambda: focus(bench) is None, 20), focus(bench)
        desktop.tell_desk("person")
        assert eventually(lambda: focus(bench) == desktop.desk.pid, 20), focus(bench)
        bench.daemon.kill_daemon()
        bench.daemon.start()
        assert eventually(lambda: focus(bench) == desktop.desk.pid, 20), focus(bench)


def test_without_a_tray_or_notifications_it_goes_on_and_takes_both_when_they_come(bench: Bench) -> None:
    asking = Asking(bench)
    with Desktop(bench, tray=False, notifications=False, wayland=True) as desktop:
        run = asking.start(f"echo x > {asking.folder}/note", "-n", "coder")
        question(bench)
        desktop.mock("session", "notification_daemon", {"capabilities": "body"})
        desktop.await_name("session", NOTIFICATIONS)
        assert eventually(lambda: about(desktop, "coder"), 20), desktop.said()
        equal([one["actions"] for one in about(desktop, "coder")], [[]])
        desktop.mock("session", str(Path(__file__).with_name("status_notifier_watcher.py")), {})
        desktop.await_name("session", "org.kde.StatusNotifierWatcher")
        menu = desktop.menu()
        assert eventually(lambda: menu.tooltip() == "Questions waiting for you: 1.", 20), menu.tooltip()
        assert any("does not tell which window is in front" in words for words in menu.entries()), menu.entries()
        equal(focus(bench), None)
        second = subprocess.run([str(bench.daemon.bin / "ringfence-tray")], env=desktop.environment, capture_output=True, timeout=20)
        equal(second.returncode, 0)
        assert b"runs already" in second.stderr, second.stderr
        menu.click("Quit this helper (agents go on)")
        equal(desktop.helper.wait(20), 0)
        equal(bench.show(run)["state"], "running")
        bench.cli("kill", run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
