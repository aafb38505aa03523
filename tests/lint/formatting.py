"""Every .h and .cc is as .clang-format wants it: formatting.py ROOT.

Versions of clang-format differ in what they make of the same settings, so only the one that the continuous integration
has (Debian 12's) judges; with another the lint checks nothing and is reported as skipped.
"""
import re
import subprocess
import sys

import tree

VERSION = 14
SKIPPED = 4
MEND = f"git ls-files '*.h' '*.cc' | xargs clang-format -i   (version {VERSION})"


def version(program="clang-format"):
    """Its major version; None where there is no such program."""
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"version (\d+)\.", text)
    return int(match.group(1)) if match else None


def check(root, program="clang-format"):
    """One problem a file that is not as it should be, at its first such place."""
    files = [str(path) for path in tree.project_files(root) if path.suffix in tree.CPP]
    done = subprocess.run([program, "--style=file", "--dry-run", *files], cwd=root, capture_output=True, text=True)
    found = {}
    for path, line in re.findall(r"^([^\s:]+):(\d+):\d+: warning: code should be clang-formatted", done.stderr, re.M):
        found.setdefault(path, line)
    problems = [f"{path}:{line}: not formatted; mend it with: clang-format -i {path}" for path, line in found.items()]
    if done.returncode != 0:
        problems.append(f"{program} failed: {done.stderr.strip()[-500:]}")
    return problems, len(files)


def main(root):
    here = version()
    if here is None:
        print("formatting: there is no clang-format; install it with: scripts/setup")
        return 1
    if here != VERSION:
        print(f"formatting: not checked: clang-format {here} is installed and {VERSION} judges")
        return SKIPPED
    problems, checked = check(root)
    if problems:
        print(f"all at once: {MEND}")
    tree.finish("formatting", problems, checked)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
