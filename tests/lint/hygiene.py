"""Hygiene of sources: hygiene.py ROOT [EXCEPTIONS]. Each rule names the file and line it found."""
import pathlib
import re
import sys

import tree

HARD_LINES = 500
TEXT = {".h", ".cc", ".c", ".py", ".sh", ".md", ".txt", ".toml", ".proto", ".cmake", ".json", ".service", ".sql"}

# The words are put together here so that this file does not find itself.
LINE_RULES = [
    (re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"), "unfinished", "an unfinished-work marker"),
    (re.compile(r"^\s*#\s*if\s+" + r"0\b"), "if-0", "code switched off by the preprocessor"),
    (re.compile(r"[ \t]+$"), "trailing-space", "trailing white space"),
    (re.compile(r"(?<![\w.-])/wo" + r"rk/(w|main|shared|\.library)\b"), "workplace", "a path of somebody's workplace"),
    (re.compile(r"\b(regis" + r"try\.npmjs|py" + r"pi\.org|deb\.deb" + r"ian\.org|prox" + r"y\.golang|crat" + r"es\.io)\b"),
     "registry", "a package registry's host name"),
    (re.compile(r"\b[Ii]ss" + r"ue #?\d+\b"), "ticket", "a ticket number"),
]
ROOT_HOME = (re.compile(r"(?<![\w.~-])/ro" + r"ot/"), "root-home", "a path below root's home")
INCLUDE = re.compile(r'^#include (<[^>]+>|"[^"]+")')


def include_blocks(text):
    """(includes of one block, whether it depends on #if) for each block."""
    block, depth = [], 0
    for line in text.splitlines() + [""]:
        match = INCLUDE.match(line)
        if match:
            block.append(match.group(1))
            continue
        if block:
            yield block, depth > 0
            block = []
        if re.match(r"#\s*if", line):
            depth += 1
        elif re.match(r"#\s*endif", line):
            depth -= 1


def include_order(path, text):
    """The own header first, then blocks of <…>, then blocks of "…"; each block of one kind and sorted. What depends on
    #if may stand anywhere."""
    blocks = list(include_blocks(text))
    own = f'"{path.with_suffix(".h")}"'
    if path.suffix == ".cc" and blocks and blocks[0][0] == [own]:
        blocks = blocks[1:]
    elif path.suffix == ".cc" and any(own in block for block, _ in blocks):
        return "its own header must come first, alone"
    if path.parts[0] == "tests" and blocks and len(blocks[0][0]) == 1 and blocks[0][0][0].startswith('"'):
        blocks = blocks[1:]  # a test names what it tests first
    quoted = False
    for block, conditional in blocks:
        if len({include[0] for include in block}) != 1:
            return f"<…> and \"…\" are mixed in one block: {block[0]}"
        if block != sorted(block, key=str.lower) and block != sorted(block):
            return f"the block of {block[0]} is not sorted"
        if block[0][0] == "<" and quoted and not conditional:
            return f"{block[0]} comes after a block of \"…\""
        quoted = quoted or block[0][0] == '"'
    return None


def check_text(path, text, problems):
    name = str(path)
    lines = text.splitlines()
    rules = list(LINE_RULES) + ([] if name.startswith(("tests/", "examples/")) else [ROOT_HOME])
    for number, line in enumerate(lines, 1):
        for pattern, key, what in rules:
            if pattern.search(line):
                problems.append((f"{name} {key}", f"{name}:{number}: {what}"))
        if "\t" in line and path.suffix != ".mk" and path.name != "Makefile":
            problems.append((f"{name} tab", f"{name}:{number}: a tab"))
    if text and not text.endswith("\n"):
        problems.append((f"{name} no-newline", f"{name}: no newline at the end"))
    if path.suffix in tree.CPP | tree.SCRIPTS and len(lines) > HARD_LINES:
        problems.append((f"{name} long", f"{name}: {len(lines)} lines, the hard limit is {HARD_LINES}"))
    if path.suffix in tree.CPP:
        order = include_order(path, text)
        if order:
            problems.append((f"{name} include-order", f"{name}: {order}"))


def check(root, exceptions_file):
    problems, checked = [], 0
    for path in tree.project_files(root):
        corpus = any(part in ("corpus", "golden") for part in path.parts)
        script = path.parts[0] in ("scripts", ".ci")
        if corpus or not (path.suffix in TEXT or script):
            continue
        text = tree.read(root, path)
        if text is None:
            continue
        checked += 1
        check_text(path, text, problems)
    return tree.ratchet(problems, tree.listed(exceptions_file), pathlib.Path(exceptions_file).name), checked


if __name__ == "__main__":
    listed_exceptions = sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "hygiene_exceptions.txt"
    tree.finish("hygiene", *check(sys.argv[1], listed_exceptions))
