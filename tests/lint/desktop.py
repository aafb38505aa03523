"""What a desktop reads of us is well formed: desktop.py ROOT. Asks desktop-file-validate and appstreamcli."""
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree


KWIN = "X-KDE-Wayland-Interfaces=org_kde_plasma_window_management"


def entry_of_helper(root, scratch):
    """As cmake/install.cmake completes it, and what is wrong with it: KWin shows windows to the program of that full path."""
    text = (root / "packaging/autostart/ringfence-tray.desktop.in").read_text()
    path = pathlib.Path(scratch) / "ringfence-tray.desktop"
    path.write_text(text.replace("@RINGFENCE_BIN@", "/bin"))
    lines = text.splitlines()
    return path, [f"ringfence-tray.desktop.in: no line {line}" for line in (KWIN, "Exec=@RINGFENCE_BIN@/ringfence-tray") if line not in lines]


def problems_of(root, scratch):
    folder = root / "packaging/desktop"
    helper, missing = entry_of_helper(root, scratch)
    yield from missing
    checks = [["desktop-file-validate", str(path)] for path in [helper, *sorted(folder.glob("*.desktop"))]]
    checks += [["appstreamcli", "validate", "--no-net", str(path)] for path in sorted(folder.glob("*.metainfo.xml"))]
    if len(checks) < 3:
        yield f"{folder}: no desktop file, or no metainfo"
    for command in checks:
        done = subprocess.run(command, capture_output=True, text=True)
        # desktop-file-validate warns with status 0.
        if done.returncode != 0 or (command[0] == "desktop-file-validate" and done.stdout.strip()):
            yield f"{' '.join(command)}: {done.stdout}{done.stderr}"
    for icon in sorted((root / "packaging/icons").glob("*.svg")):
        if not ElementTree.parse(icon).getroot().tag.endswith("svg"):
            yield f"{icon}: no SVG"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = list(problems_of(pathlib.Path(sys.argv[1]), scratch))
    print("\n".join(found))
    print(f"desktop: {len(found)} problems")
    sys.exit(1 if found else 0)
