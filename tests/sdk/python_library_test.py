#!/usr/bin/env python3
"""The Python library as files: nothing from outside the standard library, and nothing newer than Python 3.9.

    python_library_test.py ROOT
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

OLDEST = (3, 9)


def imported(tree: ast.Module) -> set[str]:
    """First names of what is imported, relative imports aside."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def undocumented(tree: ast.Module) -> list[str]:
    """Public classes, functions and methods without a docstring."""
    found = []
    for parent in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
        for node in parent.body:
            is_public = isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
            if is_public and ast.get_docstring(node) is None:  # type: ignore[arg-type]
                found.append(node.name)  # type: ignore[union-attr]
    return found


def main() -> int:
    package = Path(sys.argv[1]) / "sdk" / "python" / "ringfence"
    files = sorted(package.glob("*.py"))
    problems = [] if files else [f"{package}: no files"]
    if not (package / "py.typed").exists():
        problems.append(f"{package}/py.typed is not there: type checkers would not look at it")
    for file in files:
        tree = ast.parse(file.read_text(), str(file), feature_version=OLDEST)
        problems += [f"{file}: imports {name}" for name in imported(tree) - set(sys.stdlib_module_names)]
        problems += [f"{file}: {name} has no docstring" for name in undocumented(tree)]
    # It would find something.
    probe = ast.parse("import requests\nclass Shown:\n  def hello(self): pass\n")
    assert imported(probe) == {"requests"} and undocumented(probe) == ["Shown", "hello"]
    try:
        ast.parse("match 1:\n  case 1: pass\n", feature_version=OLDEST)
        problems.append("syntax of Python 3.10 is taken for older")
    except SyntaxError:
        pass
    for problem in problems:
        print(problem)
    print(f"{len(files)} files checked, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
