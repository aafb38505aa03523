"""The figures in docs/benchmarks.md: one section a part of the measurement, each with the day and the version that it was
measured with, so that one part can be measured again alone."""
import datetime
import os
import pathlib
import subprocess

MARK = "<!-- measured: written by scripts/bench --write -->"
PARTS = {"launches": "Launches", "work": "Work inside and outside", "mediation": "Asked about", "egress": "Connections",
         "idle": "What nobody uses", "api": "The control socket", "log": "The log", "sdk": "Agents that cooperate", "stop": "The emergency stop",
         "panel": "The panel and the tray"}
_BEGIN = "<!-- part: {} -->"


def measured_with(root: pathlib.Path) -> str:
    machine = os.uname()
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), machine.machine)
    commit = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return (f"Measured {datetime.date.today()}, commit {commit.stdout.strip() or 'unknown'}, Linux {machine.release}, "
            f"{os.cpu_count()} × {model}.")


def section(part: str, measured: str, rows: list[tuple[str, str, str, str]], more: list[str]) -> str:
    """`more`: lines below the table."""
    lines = [f"### {PARTS[part]}", "", measured, "", "| figure | aim | result (95 % interval) | detail |", "|---|---|---|---|"]
    lines += [f"| {figure} | {aim} | {value} | {detail} |" for figure, aim, value, detail in rows]
    return "\n".join(lines + (["", *more] if more else [])) + "\n"


def sections_of(page: str) -> dict[str, str]:
    """By part, what the page has now."""
    found = {}
    for piece in page.split(MARK, 1)[1].split("<!-- part: ")[1:]:
        part, _, text = piece.partition(" -->\n")
        found[part] = text.strip() + "\n"
    return found


def with_sections(page: str, new: dict[str, str]) -> str:
    """The page with those in place of what it had of these parts. The others stay, in the order of PARTS."""
    all_sections = sections_of(page) | new
    if unknown := set(all_sections) - set(PARTS):
        raise ValueError(f"no such part: {', '.join(sorted(unknown))}")
    texts = [_BEGIN.format(part) + "\n\n" + all_sections[part] for part in PARTS if part in all_sections]
    return page.split(MARK, 1)[0] + MARK + "\n\n" + "\n".join(texts)
