"""Which attempts there are, and why the suite does not try some: what its two lists say, held against the tests that are
named there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Optional

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
UNCOVERED = "uncovered"
NAMED = re.compile(r'(\S+) "([^"]+)" ')


@dataclass(frozen=True)
class LeftOut:
    identifier: str
    tests: tuple[tuple[str, str], ...]  # file, name
    reason: str


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def catalogue() -> list[str]:
    return lines(HERE / "catalogue.txt")


def left_out() -> dict[str, LeftOut]:
    return {one.identifier: one for one in map(read_line, lines(HERE / "left_out.txt"))}


def read_line(line: str) -> LeftOut:
    identifier, _, rest = line.partition(" ")
    tests = []
    while named := NAMED.match(rest):
        tests.append((named.group(1), named.group(2)))
        rest = rest[named.end() :]
    return LeftOut(identifier, tuple(tests), rest)


def defines(text: str, suffix: str, name: str) -> bool:
    """Whether a test of that name is in the text of a file. In Python a sentence is the name of a function."""
    if suffix == ".py":
        return re.search(rf"^ *def (test_)?{re.escape(re.sub(r'[^A-Za-z0-9]+', '_', name))}\(", text, re.MULTILINE) is not None
    if suffix == ".cc":
        return re.search(rf'TEST_CASE\(\s*"{re.escape(name)}"', text) is not None
    return f'"{name}"' in text


def missing_test(file: str, name: str) -> Optional[str]:
    path = SOURCE / file
    if path.is_file() and defines(path.read_text(), path.suffix, name):
        return None
    return f"there is no test {name!r} in {file}"


def problems(listed: list[str], out: dict[str, LeftOut], covered: Iterable[str]) -> list[str]:
    """What is wrong with the lists: gaps, strays, and reasons that name a test which is not there, or none."""
    tried = set(covered)
    found = [f"{name}: neither tried nor left out" for name in listed if name not in tried and name not in out]
    found += [f"{name}: not in the catalogue" for name in sorted(tried | out.keys()) if name not in listed]
    found += [f"{name}: tried and left out" for name in sorted(tried & out.keys())]
    for one in out.values():
        says_uncovered = one.reason.startswith(UNCOVERED + " ")
        if bool(one.tests) == says_uncovered or len(one.reason.split()) < 3:
            found.append(f'{one.identifier}: a reason is FILE "TEST"… or "{UNCOVERED}", and why')
        found += [f"{one.identifier}: {wrong}" for wrong in (missing_test(*test) for test in one.tests) if wrong]
    return found
