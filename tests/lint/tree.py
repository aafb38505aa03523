"""The files that belong to the project, and how a lint reports. Python standard library only."""
import pathlib
import subprocess
import sys

CPP = {".h", ".cc"}
SCRIPTS = {".py", ".sh"}


def project_files(root):
    """Paths relative to root: what git tracks or would track, else (no git here) everything outside build/."""
    root = pathlib.Path(root)
    listing = None
    if (root / ".git").exists():
        listing = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True)
    if listing is not None and listing.returncode == 0:
        names = [name.decode() for name in listing.stdout.split(b"\0") if name]
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        names = [name for name in names if not name.startswith(("build/", ".git/")) and "__pycache__" not in name]
    return sorted(pathlib.PurePosixPath(name) for name in names if (root / name).is_file())


def read(root, path):
    """The text of a file, or None when it is not text."""
    raw = (pathlib.Path(root) / path).read_bytes()
    if b"\0" in raw:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def listed(file):
    """The lines of a list file without comments; an absent file is an empty list."""
    file = pathlib.Path(file)
    if not file.exists():
        return []
    lines = (line.split("#", 1)[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]


def ratchet(problems, exceptions, list_name):
    """Problems keyed by a stable text, minus the listed ones; a listed one that is gone is a problem too."""
    found = {}
    for key, message in problems:
        found.setdefault(key, message)
    left = [message for key, message in found.items() if key not in exceptions]
    left += [f"{list_name}: exception no longer needed, delete the line: {key}" for key in exceptions if key not in found]
    return left


def finish(name, problems, checked):
    for problem in problems:
        print(problem)
    print(f"{name}: {checked} checked, {len(problems)} problems")
    sys.exit(1 if problems else 0)
