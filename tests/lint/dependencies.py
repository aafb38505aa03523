"""Dependency direction: dependencies.py ROOT [RULES EXCEPTIONS]. The rules are in dependencies.txt."""
import fnmatch
import pathlib
import re
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")', re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)


class Rules:
    def __init__(self, lines):
        self.folders, self.free, self.internal, self.confined = {}, [], [], []
        for line in lines:
            kind, rest = line.split(None, 1)
            if kind in ("free", "internal"):
                getattr(self, kind).append(rest)
                continue
            name, values = (part.strip() for part in rest.rsplit(":", 1))
            if kind == "folder":
                self.folders[name] = values.split()
            elif kind == "confine":
                self.confined.append((name, values.split()))
            else:
                raise SystemExit(f"dependencies: unknown rule: {line}")

    def folder_of(self, path):
        """The longest folder of the table that holds path."""
        holders = [name for name in self.folders if path.startswith(name + "/")]
        return max(holders, key=len) if holders else None

    def is_free(self, path):
        return any(path.startswith(name + "/") for name in self.free)

    def reachable(self, folder, private):
        allowed, queue = {folder}, [(folder, private)]
        while queue:
            name, with_private = queue.pop()
            for target in self.folders.get(name, []):
                if target.startswith("~"):
                    if not with_private:
                        continue
                    target = target[1:]
                if target not in allowed:
                    allowed.add(target)
                    queue.append((target, False))
        return allowed


def check_file(rules, path, text, problems):
    includes = INCLUDE.findall(text)
    folder = rules.folder_of(path)
    if folder is None:
        problems.append((f"{path} is in no folder of the table", f"{path}: its folder is not in dependencies.txt"))
        return
    private = path.endswith(".cc") or path in rules.internal
    allowed = rules.reachable(folder, private)
    for include in includes:
        name = include[1:-1]
        if include.startswith('"'):
            target = rules.folder_of(name)
            if target is None:
                problems.append((f"{path} includes {name}", f'{path}: "{name}" is not a path from the top of the project'))
            elif name in rules.internal and not (private and target == folder):
                problems.append((f"{path} includes {name}", f"{path}: {name} is internal to the .cc files of {target}"))
            elif target not in allowed:
                problems.append((f"{path} includes {target}", f"{path}: {folder} may not include {target} ({name})"))
    code = COMMENT.sub("", text)
    for what, where in rules.confined:
        sources = path[:-2] + ".cc" if path in rules.internal else path
        if any(fnmatch.fnmatch(sources, pattern) for pattern in where):
            continue
        if what.startswith("'"):
            hit = re.search(r"(?<![\w.>])" + re.escape(what.strip("'")), code)
        elif what == "Q":
            hit = any(re.match(r"<Q[A-Z]", include) for include in includes)
        else:
            hit = any(include[1:-1] == what or (what.endswith("/") and include[1:-1].startswith(what)) for include in includes)
        if hit:
            problems.append((f"{path} uses {what}", f"{path}: {what} is confined to {' '.join(where)}"))


def check(root, rules_file, exceptions_file):
    rules = Rules(tree.listed(rules_file))
    problems, checked = [], 0
    for path in tree.project_files(root):
        if path.suffix not in tree.CPP or rules.is_free(str(path)):
            continue
        checked += 1
        check_file(rules, str(path), tree.read(root, path) or "", problems)
    return tree.ratchet(problems, tree.listed(exceptions_file), pathlib.Path(exceptions_file).name), checked


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    files = sys.argv[2:4] or [here / "dependencies.txt", here / "dependency_exceptions.txt"]
    tree.finish("dependencies", *check(sys.argv[1], *files))
