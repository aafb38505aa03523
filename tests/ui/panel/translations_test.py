"""Translations are whole: translations_test.py ROOT LUPDATE LRELEASE. What the sources say now is compared with ui/translations."""
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

PLACE = re.compile(r"%L?\d|%n")
MEND = "scripts/translations, then translate what is new in ui/translations"


def messages(path):
    found = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            key = (context.findtext("name"), message.findtext("source"), message.findtext("comment") or "")
            found[key] = message
    return found


def forms(message):
    translation = message.find("translation")
    if message.get("numerus") == "yes":
        return [form.text or "" for form in translation.iter("numerusform")]
    return [translation.text or ""]


def check(root, lupdate):
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        fresh = pathlib.Path(folder, "fresh.ts")
        subprocess.run([lupdate, "-silent", "-locations", "none", "-I", str(root), str(root / "ui"), "-ts", str(fresh)], check=True)
        wanted = messages(fresh)
    if not wanted:
        return ["lupdate found no text at all"], 0
    for language, plural_only in (("zh_CN", False), ("en", True)):
        path = root / "ui/translations" / f"ringfence_{language}.ts"
        known = messages(path)
        for key, message in wanted.items():
            if plural_only and message.get("numerus") != "yes":
                continue
            there = known.get(key)
            if there is None or there.find("translation").get("type") == "unfinished":
                problems.append(f"{path.name}: not translated: {key[0]}: {key[1]!r}")
                continue
            for form in forms(there):
                left_out = set(PLACE.findall(key[1])) ^ set(PLACE.findall(form))
                if not form or left_out - {"%n"}:
                    problems.append(f"{path.name}: {key[0]}: {key[1]!r}: {form!r} has other places {sorted(left_out)}")
        for key in known.keys() - wanted.keys():
            problems.append(f"{path.name}: no source says this any more: {key[0]}: {key[1]!r}")
    return problems, len(wanted)


if __name__ == "__main__":
    found, count = check(pathlib.Path(sys.argv[1]), sys.argv[2])
    for problem in found:
        print(problem)
    print(f"{count} texts, {len(found)} problems" + (f"; to mend it: {MEND}" if found else ""))
    sys.exit(1 if found else 0)
