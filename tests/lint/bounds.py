"""The table of bounds in supervisor/README.md against the constants in code: bounds.py ROOT.

A row is | bound | constant | value |. The constant's initialiser is evaluated and compared with the value, and every
kMax… constant of the supervisor must have a row: a bound that the table does not show is a problem too.
"""
import re
import sys

import tree

TABLE = "supervisor/README.md"
UNITS = {"": 1, "b": 1, "bytes": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
         "ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
CHRONO = {"milliseconds": "ms", "seconds": "s", "minutes": "min", "hours": "h", "days": "d"}


def parse_value(text):
    """'4 MiB', '64 KiB a packet', '1,000', '5 s' as a number of bytes, seconds or things; None when it is none."""
    match = re.match(r"\s*`?([\d][\d,_']*(?:\.\d+)?)\s*([A-Za-z]*)", text)
    if not match:
        return None
    number = float(re.sub(r"[,_']", "", match.group(1)))
    unit = match.group(2).lower()
    return number * UNITS.get(unit, 1)


def parse_initialiser(text):
    """A C++ constant expression of integers, * + << and chrono, in the same units; None when it is anything else."""
    text = re.sub(r"(?<=\d)'(?=\d)", "", text)
    text = re.sub(r"std::chrono::(\w+)\s*[({]\s*([^(){}]+)[)}]", lambda m: f"(({m[2]})*{UNITS[CHRONO[m[1]]]})"
                  if m[1] in CHRONO else m[0], text)
    text = re.sub(r"\b(\d+)(ms|min|s|h|d)\b", lambda m: f"({m[1]}*{UNITS[m[2]]})", text)
    text = re.sub(r"\b(Bytes)\s*\{([^{}]+)\}", r"(\2)", text)
    text = re.sub(r"(?:std::)?size_t\{([^{}]+)\}", r"(\1)", text)
    text = re.sub(r"\b(\d+)[uUlL]+\b", r"\1", text)
    if not re.fullmatch(r"[\d\s*+().<-]+", text):
        return None
    try:
        return float(eval(text, {"__builtins__": {}}))  # only digits and operators reach this line
    except (SyntaxError, TypeError, ZeroDivisionError):
        return None


def constants(root):
    """name -> [(path, value or None, initialiser)] of constexpr constants in supervisor/, sandbox/, sdk/, ui/, policy/."""
    pattern = re.compile(r"\bconstexpr\b[^=;{}()]*?\b(k[A-Z]\w*)\s*(?:=\s*([^;]+)|\{([^;]*)\}\s*);")
    found = {}
    for path in tree.project_files(root):
        if path.suffix in tree.CPP and path.parts[0] in ("supervisor", "sandbox", "sdk", "ui", "policy"):
            for name, assigned, braced in pattern.findall(tree.read(root, path) or ""):
                text = (assigned or braced).strip()
                found.setdefault(name, []).append((str(path), parse_initialiser(text), text))
    return found


def rows(text):
    in_table = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.strip().startswith("|") else []
        if [cell.lower() for cell in cells[:3]] == ["bound", "constant", "value"]:
            in_table = True
        elif not cells:
            in_table = False
        elif in_table and not set(cells[0]) <= set("-: "):
            yield cells


def check(root):
    known = constants(root)
    files = {str(path) for path in tree.project_files(root)}
    if TABLE not in files:
        return [f"{TABLE} is missing: the table of bounds belongs there"], 0
    problems, listed = [], set()
    for cells in rows(tree.read(root, TABLE)):
        name = cells[1].strip("` ").rsplit("::", 1)[-1] if len(cells) > 2 else ""
        value = parse_value(cells[2]) if len(cells) > 2 else None
        if not name or value is None:
            problems.append(f"{TABLE}: cannot read the row of {cells[0]}")
            continue
        listed.add(name)
        places = known.get(name, [])
        # The table is the supervisor's: a constant of the same name elsewhere is another bound.
        places = [place for place in places if place[0].startswith("supervisor/")] or places
        if not places:
            problems.append(f"{TABLE}: {name} is no constant of the code")
        for path, actual, text in places:
            if actual is None:
                problems.append(f"{path}: {name} = {text}: write it as a number, a product or a chrono value")
            elif actual != value:
                problems.append(f"{TABLE}: {name} is {cells[2]}, but {path} says {text}")
    if not listed:
        problems.append(f"{TABLE} has no table | bound | constant | value |")
    for name, places in sorted(known.items()):
        for path, _, _ in places:
            if name.startswith("kMax") and path.startswith("supervisor/") and name not in listed:
                problems.append(f"{path}: {name} is a bound without a row in {TABLE}")
    return problems, len(listed)


if __name__ == "__main__":
    tree.finish("bounds", *check(sys.argv[1]))
