"""Documents cite only what exists: documents.py ROOT. Paths in Markdown and comments, links and anchors in Markdown."""
import fnmatch
import re
import sys

import tree

TOPS = ("sdk", "policy", "sandbox", "supervisor", "ui", "examples", "tests", "docs", "packaging", "scripts", "cmake")
PATH = re.compile(r"(?<![\w/.$~{-])((?:" + "|".join(TOPS) + r")/[\w./*{},<>+-]*|\.ci/\w+)")
SOURCE = re.compile(r"\.(h|cc|py|md|txt|toml|proto|cmake|json|sql|service|svg|sh)$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
SPAN = re.compile(r"`([^`\n]+)`")
SPAN_FILE = re.compile(r"^[\w./-]+\.(h|cc|proto|md|py)$")
HASH_COMMENT = re.compile(r"(?:^|\s)#(?!include|if|el|endif|define|pragma)(.*)$", re.M)
# Strings first: what looks like a comment in one is none.
SLASH_COMMENT = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'|//([^\n]*)|/\*(.*?)\*/", re.S)
FENCE = re.compile(r"^```.*?^```\s*$", re.S | re.M)


def slug(heading):
    text = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text))


def anchors(text):
    return {slug(line.lstrip("#")) for line in FENCE.sub("", text).splitlines() if line.startswith("#")}


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = {str(path) for path in tree.project_files(root)}
        self.folders = {str(parent) for path in tree.project_files(root) for parent in path.parents}
        self.names = {path.rsplit("/", 1)[-1] for path in self.files}

    def exists(self, cited):
        cited = cited.rstrip("/")
        if "<" in cited or "…" in cited:
            return True
        braces = re.search(r"\{([^}]*)\}", cited)
        if braces:
            return all(self.exists(cited.replace(braces.group(0), part, 1)) for part in braces.group(1).split(","))
        if "*" in cited:
            return any(fnmatch.fnmatch(path, cited) for path in self.files | self.folders)
        return cited in self.files or cited in self.folders


def cited_paths(text, only_sure):
    for match in PATH.finditer(text):
        cited = match.group(1).rstrip(".,:;-")
        if cited.count("{") != cited.count("}"):
            continue
        sure = SOURCE.search(cited) or cited.startswith(("scripts/", ".ci/")) or cited.endswith("/")
        if sure or not only_sure:
            yield cited


def check_markdown(known, path, text):
    base = path.rsplit("/", 1)[0] if "/" in path else ""
    for cited in cited_paths(text, only_sure=False):
        inside = f"{base}/{cited}" if base else cited
        if not known.exists(cited) and not known.exists(inside):
            yield f"{path}: cites {cited}, which does not exist"
    prose = FENCE.sub("", text)
    for span in SPAN.findall(prose):
        if SPAN_FILE.match(span) and span.rsplit("/", 1)[-1] not in known.names:
            yield f"{path}: cites {span}, which does not exist"
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        parts = []
        for part in ((base + "/" if base else "") + file).split("/") if file else []:
            parts = parts[:-1] if part == ".." else parts if part in ("", ".") else parts + [part]
        resolved = "/".join(parts) if file else path
        if not known.exists(resolved):
            yield f"{path}: link to {target} leads nowhere"
        elif anchor and resolved.endswith(".md") and anchor not in anchors(tree.read(known.root, resolved)):
            yield f"{path}: link to {target}: no such heading"


def comments(path, text):
    if path.endswith((".h", ".cc", ".proto", ".c")):
        return " \n".join(first or second for first, second in SLASH_COMMENT.findall(text))
    return "\n".join(HASH_COMMENT.findall(text))


def check(root):
    known, problems, checked = Tree(root), [], 0
    for path in sorted(known.files):
        name = path.rsplit("/", 1)[-1]
        if path.endswith(".md"):
            text = tree.read(root, path)
            problems += check_markdown(known, path, text or "")
        elif path.endswith((".h", ".cc", ".proto", ".c", ".py", ".toml", ".cmake", ".sh")) or name == "CMakeLists.txt" \
                or path.startswith("scripts/"):
            text = tree.read(root, path) or ""
            problems += [f"{path}: a comment cites {cited}, which does not exist"
                         for cited in cited_paths(comments(path, text), only_sure=True) if not known.exists(cited)]
        else:
            continue
        checked += 1
    return list(dict.fromkeys(problems)), checked


if __name__ == "__main__":
    tree.finish("documents", *check(sys.argv[1]))
