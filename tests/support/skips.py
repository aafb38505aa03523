"""The reviewed list of skips: allowed_skips.txt beside this file. Anything else that skips is a failure."""
import fnmatch
import os
import pathlib

LIST = pathlib.Path(__file__).with_name("allowed_skips.txt")


def entries(text):
    """(kernel pattern, test name pattern, reason) of each line `KERNEL | TEST | REASON`."""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            kernel, test, reason = (part.strip() for part in line.split("|", 2))
            yield kernel, test, reason


def allowed(test, kernel=None, text=None):
    kernel = kernel or os.uname().release
    text = LIST.read_text() if text is None else text
    return any(fnmatch.fnmatchcase(kernel, where) and fnmatch.fnmatchcase(test, name)
               for where, name, reason in entries(text) if reason)
