"""A desktop with nobody at it, for tests of the helper in the tray: an X server, a window manager with a person's window,
the buses of session and system with mocks of what desktops have on them, and the helper itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import dbus
import dbus.bus

from tests.support.cli_bench import Bench
from tests.support.daemon import eventually

HERE = Path(__file__).resolve().parent
MOCK = "org.freedesktop.DBus.Mock"
NOTIFICATIONS = "org.freedesktop.Notifications"
SESSION = "/org/freedesktop/login1/session/c1"


class Menu:
    """The menu of the icon, used as desktops use it: over D-Bus."""

    def __init__(self, item: dbus.proxies.ProxyObject, menu: dbus.proxies.ProxyObject) -> None:
        self.item = item
        self.menu = dbus.Interface(menu, "com.canonical.dbusmenu")

    def tooltip(self) -> str:
        return str(self.item.Get("org.kde.StatusNotifierItem", "ToolTip", dbus_interface=dbus.PROPERTIES_IFACE)[2])

    def picture(self) -> bytes:
        """The pixels of the icon in its largest size."""
        pictures = self.item.Get("org.kde.StatusNotifierItem", "IconPixmap", dbus_interface=dbus.PROPERTIES_IFACE)
        return bytes(max(pictures, key=lambda one: one[0])[2])

    def entries(self) -> dict[str, tuple[int, bool]]:
        """Words of what can be seen, to number and whether it can be chosen; also of the menus inside."""
        found: dict[str, tuple[int, bool]] = {}

        def collect(node: Any) -> None:
            number, properties, children = node
            words = str(properties.get("label", "")).replace("_", "")
            if words and properties.get("visible", True):
                found[words] = (int(number), bool(properties.get("enabled", True)))
            for child in children:
                collect(child)

        self.menu.AboutToShow(0)
        collect(self.menu.GetLayout(0, -1, [])[1])
        return found

    def click(self, words: str) -> None:
        number, is_enabled = self.entries()[words]
        assert is_enabled, f"{words} cannot be chosen"
        self.menu.Event(number, "clicked", dbus.String("", variant_level=1), dbus.UInt32(0))


class Compositor:
    """A Wayland compositor, told what its windows are: wayland_desk.cc."""

    def __init__(self, process: subprocess.Popen[Any]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = [json.loads(process.stdout.readline())]

    def tell(self, line: str) -> None:
        """Returns when it was said to all clients."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        self.hear("did")

    def hear(self, word: str) -> Any:
        while word not in self.said[-1]:
            line = self.process.stdout.readline()
            assert line, self.said
            self.said.append(json.loads(line))
        return self.said.pop()[word]

    def leave(self) -> None:
        self.process.stdin.close()
        self.process.wait(20)


class Desktop:
    def __init__(self, bench: Bench, *, notifications: bool = True, tray: bool = True, wayland: bool = False,
                 compositor: tuple[str, ...] = ()) -> None:
        self.bench = bench
        self.base = Path(tempfile.mkdtemp(prefix="ringfence-desk-"))
        self.processes: list[subprocess.Popen[Any]] = []
        self.has = {"notifications": notifications, "tray": tray}
        self.wayland = wayland or bool(compositor)  # windows that are not those of the X server may be there
        self.offer = compositor  # what it offers, as wayland_desk takes it; none: there is nobody at its socket
        self.seen: list[dict[str, Any]] = []

    def __enter__(self) -> "Desktop":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.base, ignore_errors=True)

    def _start(self) -> None:
        reading, writing = os.pipe()
        self._run(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp"], pass_fds=[writing])
        os.close(writing)
        session, system = self._bus(), self._bus()
        display = os.fdopen(reading).readline().strip()
        assert display, "the X server did not start"
        self.environment = {**self.bench.daemon.environment, "DISPLAY": f":{display}", "DBUS_SESSION_BUS_ADDRESS": session,
                            "DBUS_SYSTEM_BUS_ADDRESS": system, "XDG_RUNTIME_DIR": str(self.base), "XDG_SESSION_ID": "c1",
                            "HOME": str(self.base), "LC_ALL": "C.UTF-8", "QT_QPA_PLATFORM": "xcb"}
        for name in ("WAYLAND_DISPLAY", "XDG_SEAT", "XAUTHORITY"):
            self.environment.pop(name, None)
        if self.wayland:
            self.environment["WAYLAND_DISPLAY"] = "wayland-0"
        self.session, self.system = dbus.bus.BusConnection(session), dbus.bus.BusConnection(system)
        mocks = [("system", "logind", "org.freedesktop.login1", {})]
        if self.has["notifications"]:
            mocks.append(("session", "notification_daemon", NOTIFICATIONS, {"capabilities": "actions body body-markup persistence"}))
        if self.has["tray"]:
            mocks.append(("session", str(HERE / "status_notifier_watcher.py"), "org.kde.StatusNotifierWatcher", {}))
        for bus, template, _, parameters in mocks:
            self.mock(bus, template, parameters)
        for bus, _, name, _ in mocks:
            self.await_name(bus, name)
        self.logind = self.system.get_object("org.freedesktop.login1", "/org/freedesktop/login1")
        self.logind.AddSession("c1", "seat0", dbus.UInt32(os.getuid()), "ada", True, dbus_interface=MOCK)
        self.desk = self._run([str(self.bench.daemon.bin / "x11_desk")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(self.desk.stdout.fileno(), False)
        assert eventually(lambda: self.saw("ready"), 20), "the desk did not start"
        if self.offer:
            self.compositor = self.start_compositor(*self.offer)
        self.helper = self.start_helper()

    def _run(self, command: list[str], **options: Any) -> subprocess.Popen[Any]:
        env = getattr(self, "environment", {**os.environ})
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(command, env=env, stderr=open(self.base / "said", "ab"), **options)
        self.processes.append(process)
        return process

    def _bus(self) -> str:
        process = self._run(["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE)
        return process.stdout.readline().decode().strip()

    def mock(self, bus: str, template: str, parameters: dict[str, Any]) -> subprocess.Popen[Any]:
        return self._run([sys.executable, "-B", "-m", "dbusmock", f"--{bus}", "--template", template, "--parameters", json.dumps(parameters)])

    def await_name(self, bus: str, name: str) -> None:
        connection = {"session": self.session, "system": self.system}[bus]
        assert eventually(lambda: connection.name_has_owner(name), 20), f"{name} did not come: {self.said()}"

    def start_helper(self) -> subprocess.Popen[Any]:
        return self._run([str(self.bench.daemon.bin / "ringfence-tray")])

    def start_compositor(self, *offer: str) -> Compositor:
        command = [str(self.bench.daemon.bin / "wayland_desk"), self.environment["WAYLAND_DISPLAY"], *offer]
        return Compositor(self._run(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    def settings(self) -> Path:
        """The person's settings of panel and helper."""
        home = Path(self.environment.get("XDG_CONFIG_HOME") or self.base / ".config")
        (home / "ringfence").mkdir(parents=True, exist_ok=True)
        return home / "ringfence/ringfence.conf"

    def said(self) -> str:
        return (self.base / "said").read_text(errors="replace")

    # ---- windows

    def watch(self) -> list[dict[str, Any]]:
        """All that the window manager saw."""
        pending = self.desk.stdout.read() or b""
        while pending and not pending.endswith(b"\n"):
            pending += self.desk.stdout.read() or b""
        self.seen += [json.loads(line) for line in pending.splitlines()]
        return self.seen

    def saw(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.watch() if kind in event]

    def tell_desk(self, word: str) -> None:
        self.desk.stdin.write(word.encode() + b"\n")
        self.desk.stdin.flush()

    def keyboard(self) -> str:
        """Title of the window that has the keyboard."""
        before = len(self.saw("focus"))
        self.tell_desk("focus")
        assert eventually(lambda: len(self.saw("focus")) > before, 10)
        return self.saw("focus")[-1]["focus"]

    # ---- notifications

    def notifier(self) -> dbus.proxies.ProxyObject:
        return self.session.get_object(NOTIFICATIONS, "/org/freedesktop/Notifications")

    def calls(self, method: str) -> list[list[Any]]:
        return [call[2] for call in self.notifier().GetCalls(dbus_interface=MOCK) if call[1] == method]

    def notifications(self) -> list[dict[str, Any]]:
        names = ("app", "replaces", "icon", "summary", "body", "actions", "hints", "timeout")
        return [dict(zip(names, call)) for call in self.calls("Notify")]

    def click_notification(self, number: int, action: str) -> None:
        self.notifier().EmitSignal(NOTIFICATIONS, "ActionInvoked", "us", [dbus.UInt32(number), action], dbus_interface=MOCK)

    def lock(self, is_locked: bool) -> None:
        self.system.get_object("org.freedesktop.login1", SESSION).SetLockedHint(is_locked, dbus_interface="org.freedesktop.login1.Session")

    # ---- the icon

    def registered(self) -> list[Any]:
        watcher = self.session.get_object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher")
        return [call for call in watcher.GetCalls(dbus_interface=MOCK) if call[1] == "RegisterStatusNotifierItem"]

    def icons(self) -> int:
        """How many came so far."""
        return len(self.registered())

    def menu(self) -> Menu:
        """Of the last icon, when one is there."""
        assert eventually(self.registered, 20), f"no icon came: {self.said()}"
        name = str(self.registered()[-1][2][0])
        return Menu(self.session.get_object(name, "/StatusNotifierItem"), self.session.get_object(name, "/MenuBar"))
