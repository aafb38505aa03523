"""What a desktop reads of us is well formed: desktop.py ROOT. Asks desktop-file-validate and appstreamcli."""
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree


def problems_of(root):
    folder = root / "packaging/desktop"
    checks = [["desktop-file-validate", str(path)] for path in sorted(folder.glob("*.desktop"))]
    checks += [["appstreamcli", "validate", "--no-net", str(path)] for path in sorted(folder.glob("*.metainfo.xml"))]
    if len(checks) < 2:
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
    found = list(problems_of(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    print(f"desktop: {len(found)} problems")
    sys.exit(1 if found else 0)
