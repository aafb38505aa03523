#!/usr/bin/env python3
"""The helper in the tray in a Wayland session, with a real daemon and a compositor that tells of windows as KWin does: who
the daemon takes for the one in front, and what the menu says where nobody can be known.

    wayland_test.py BUILD [TEST…]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.ui.tray.desktop import Compositor, Desktop  # noqa: E402
from tests.ui.tray.tray_test import focus  # noqa: E402

NOBODY = 65534


class Programs:
    """Programs of the person's, and one of somebody else's, until the end of the block."""

    def __enter__(self) -> "Programs":
        command = ["sleep", "1000"]
        self.first, self.second = subprocess.Popen(command), subprocess.Popen(command)
        self.foreign = subprocess.Popen(command, user=NOBODY)
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.first, self.second, self.foreign):
            process.kill()
            process.wait()


def reported(bench: Bench, pid: int | None, desktop: Desktop) -> None:
    assert eventually(lambda: focus(bench) == pid, 20), (focus(bench), pid, desktop.said())


def tell(compositor: Compositor, *lines: str) -> None:
    for line in lines:
        compositor.tell(line)


def follow_windows(bench: Bench, desktop: Desktop, programs: Programs) -> None:
    first, second, compositor = programs.first.pid, programs.second.pid, desktop.compositor
    tell(compositor, f"open 1 {first}", f"open 2 {second}", "active 1")
    reported(bench, first, desktop)
    tell(compositor, "active 2", "inactive 1")
    reported(bench, second, desktop)
    tell(compositor, "stray", "close 2")
    reported(bench, None, desktop)
    tell(compositor, "open 3 0", "active 3", f"process 3 {second}")
    reported(bench, second, desktop)
    tell(compositor, f"process 3 {first}")
    reported(bench, first, desktop)


def test_under_kwin_the_process_of_the_active_window_is_reported_as_windows_come_change_and_go(bench: Bench) -> None:
    with Programs() as programs, Desktop(bench, compositor=("windows", "20")) as desktop:
        assert desktop.compositor.hear("bound") in (16, 17)  # the last that is of use, or that was described at the build
        follow_windows(bench, desktop, programs)
        bench.daemon.kill_daemon()
        bench.daemon.start()
        reported(bench, programs.first.pid, desktop)
        words = [one for one in desktop.menu().entries() if "in front" in one or "windows" in one]
        equal(words, [])


def test_of_an_older_kwin_no_list_of_all_windows_is_asked_and_what_was_open_before_is_known(bench: Bench) -> None:
    with Programs() as programs, Desktop(bench, compositor=("windows", "16")) as desktop:
        equal(desktop.compositor.hear("bound"), 10)
        follow_windows(bench, desktop, programs)
        tell(desktop.compositor, f"open 4 {programs.second.pid}")
        desktop.helper.terminate()
        desktop.helper.wait(20)
        tell(desktop.compositor, "active 4")
        desktop.helper = desktop.start_helper()
        reported(bench, programs.second.pid, desktop)


def test_windows_of_other_users_and_of_processes_that_cannot_be_are_nobodys_under_kwin(bench: Bench) -> None:
    with Programs() as programs, Desktop(bench, compositor=("windows",)) as desktop:
        own = programs.first.pid
        for lie in (programs.foreign.pid, 0, 2**31, 2**32 - 1, 2**31 - 1):
            tell(desktop.compositor, f"open 1 {own}", "active 1")
            reported(bench, own, desktop)
            tell(desktop.compositor, f"process 1 {lie}")
            reported(bench, None, desktop)
            tell(desktop.compositor, "close 1")


def test_a_flood_of_changes_under_kwin_ends_with_the_window_that_was_active_last(bench: Bench) -> None:
    with Programs() as programs, Desktop(bench, compositor=("windows",)) as desktop:
        menu = desktop.menu()
        tell(desktop.compositor, f"open 1 {programs.first.pid}", f"open 2 {programs.second.pid}", "churn 50000")
        reported(bench, programs.second.pid, desktop)
        tell(desktop.compositor, "inactive 2", "active 1")
        reported(bench, programs.first.pid, desktop)
        assert "STOP ALL" in menu.entries()


def test_a_compositor_that_leaves_or_breaks_the_rules_ends_the_reports_and_not_the_helper(bench: Bench) -> None:
    ends = {"leave": "stopped telling", "garbage": "stopped telling", "withdraw": "stopped telling",
            "flood 1500": "more windows than this helper follows"}
    with Programs() as programs, Desktop(bench, compositor=("windows",)) as desktop:
        for number, (end, words) in enumerate(ends.items()):
            if number > 0:
                desktop.compositor.leave()
                restart(desktop, "windows")
            menu = desktop.menu()
            tell(desktop.compositor, f"open 1 {programs.first.pid}", "active 1")
            reported(bench, programs.first.pid, desktop)
            if end == "leave":
                desktop.compositor.leave()
            else:
                tell(desktop.compositor, end)
            reported(bench, None, desktop)
            assert eventually(lambda: said(menu, words), 20), (end, menu.entries())
            equal(desktop.helper.poll(), None)
        menu.click("Quit this helper (agents go on)")
        equal(desktop.helper.wait(20), 0)


def test_where_no_compositor_tells_a_process_the_menu_says_why(bench: Bench) -> None:
    offers = {"org_kde_plasma_shell": "an installed desktop file names", "wl_compositor": "does not tell which window is in front",
              "zwlr_foreign_toplevel_manager_v1": "by their titles (wlr-foreign-toplevel-management)",
              "ext_foreign_toplevel_list_v1": "by their titles (ext-foreign-toplevel-list)"}
    with Programs() as programs, Desktop(bench, compositor=("wl_compositor",)) as desktop:
        desktop.menu()
        bench.cli("focus", str(programs.first.pid))
        for offer, words in offers.items():
            desktop.compositor.leave()
            restart(desktop, offer)
            menu = desktop.menu()
            assert eventually(lambda: said(menu, words), 20), (offer, menu.entries())
        equal(focus(bench), programs.first.pid)  # named by hand, it stays


def said(menu: Any, words: str) -> bool:
    return any(words in entry for entry in menu.entries())


def restart(desktop: Desktop, *offer: str) -> None:
    """Another compositor, and another helper, whose icon has come."""
    icons = desktop.icons()
    desktop.helper.terminate()
    desktop.helper.wait(20)
    desktop.compositor = desktop.start_compositor(*offer)
    desktop.helper = desktop.start_helper()
    assert eventually(lambda: desktop.icons() > icons, 20), desktop.said()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
