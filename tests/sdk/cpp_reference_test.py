#!/usr/bin/env python3
"""docs/cpp-reference.md is what the installed headers say, and no header is read in part: what is not known ends it with its place.

    cpp_reference_test.py ROOT
"""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(sys.argv[1])
MEND = "scripts/cpp-reference > docs/cpp-reference.md"
INSTALL = "install(FILES ${PROJECT_SOURCE_DIR}/sdk/one.h\n  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/one COMPONENT sdk)\n"
HEAD = "// What it is for.\n#pragma once\n\n#include <string>\n\nnamespace one {\n"
END = "}  // namespace one\n"

TOLD = """// Told of it, *as it is*: `a*b`, std::vector<int>; of _x_y
// - and a_b.
//   first();
//
//   second();
"""
KNOWN = """class Late;
enum class Kind : std::uint8_t {
  kFirst = 1,  // the first,
               // and no other
  kSecond,     // the second
  // Above.
  kThird
};  // what kinds there are
// As a constant.
inline constexpr std::chrono::seconds kPatience{3};
// What was made of it.
using Made = std::function<std::optional<std::string>(const std::map<int, int>&, int)>;
// Both of them.
[[nodiscard]] std::optional<std::vector<int>> both(int a = (1 < 2), std::string_view b = "),{");
unsigned other(
    const std::map<int, std::string>& of = {});
void third() noexcept;  // the third
// To its end.
class Late {
  int hidden();  // not told

 public:
  // Begins.
  explicit constexpr Late(int a) noexcept(true) : a_(a), b_{a} {
    // Within.
  }
  Late(const Late&) = delete;
  ~Late();
  auto after() const -> std::map<int, int>;  // later
  bool operator<(const Late& that) const { return a_ < that.a_; }  // earlier
  int operator()(int);                                             // called
  static const int kOf[3], *kTo;
  int a = 1, b{2};  // two of them
  friend class Kind;
  // Inside.
  struct Inner {
    int x = f(1, 2);
  };

 private:
  struct Hidden { MACRO(x); };  // not told
  template <class T> void hidden(T&& t) requires true;

 public:
  int again;  // seen again
};
"""
SAID = ["\n## `<one/one.h>`\n\nTold of it, \\*as it is\\*: `a*b`, std::vector\\<int>; of \\_x_y\n\\- and a_b.\n\n```cpp\nfirst();\n\nsecond();\n```\n",
        "### enum class one::Kind\n\n`enum class Kind : std::uint8_t`\n\nwhat kinds there are\n", "- `kFirst = 1`: the first, and no other\n", "- `kSecond`: the second\n",
        "- `kThird`: Above.\n", "### one::kPatience\n\n- `inline constexpr std::chrono::seconds kPatience{3}`: As a constant.\n",
        "using Made = std::function<std::optional<std::string>(const std::map<int, int>&, int)>;\n",
        '[[nodiscard]] std::optional<std::vector<int>> both(int a = (1 < 2), std::string_view b = "),{");\nunsigned other(\n    const std::map<int, '
        "std::string>& of = {});\n```\n\nBoth of them.\n", "### one::third\n\n```cpp\nvoid third() noexcept;\n```\n\nthe third\n",
        "explicit constexpr Late(int a) noexcept(true);\nLate(const Late&) = delete;\n~Late();\n```\n\nBegins.\n",
        "auto after() const -> std::map<int, int>;\n", "bool operator<(const Late& that) const;\n```\n\nearlier\n", "int operator()(int);\n```\n\ncalled\n",
        "- `static const int kOf[3], *kTo`\n- `int a = 1, b{2}`: two of them\n", "- `int again`: seen again\n",
        "### struct one::Late::Inner\n\nInside.\n\n- `int x = f(1, 2)`\n"]

# What stands in the namespace, in which of its lines it ends, and a word of why.
UNKNOWN = [
    ("// T.\ntemplate <class T>\nT f();", 2, "template"), ("typedef int Number;  // n", 1, "typedef"), ("#define X 1", 1, "define"),
    ("#if X\n#endif", 1, "#if X"), ('#include "one/two.h"', 1, "include"), ("MACRO(x);  // m", 1, "MACRO"), ("MACRO;  // m", 1, "MACRO"),
    ("// M.\nMACRO(x) void f();", 2, "MACRO"), ("// A.\nclass EXPORT A {};", 2, "'A'"), ("// A.\nclass [[nodiscard]] A {};", 2, "'['"),
    ("// A.\n[[nodiscard]] int;", 2, "no type"), ("// A.\nstruct A : B {};", 2, "':'"), ("// A.\nstruct A final {};", 2, "'final'"),
    ("// A.\nstruct A {\n  int x : 3;  // bits\n};", 3, "':'"), ("// A.\nstruct A {\n  void (*f)(int);\n};", 3, "'void'"),
    ("std::string (*f)(int);  // f", 1, "pointer"), ("const Foo (*f)(int);  // f", 1, "pointer"), ("Foo<int> (*f)();  // f", 1, "'>'"),
    ("// A.\nclass A {\n protected:\n  int x;\n};", 3, "protected"), ("// A.\nstruct A {\n  union { int x; };\n};", 3, "union"),
    ("// A.\nclass A {\n  int x;\n};", 2, "nothing that is public"), ("// A.\nclass A {\n  int x;\n slots:\n  int y;\n public:\n  int z;\n};", 4, "'slots:'"),
    ("enum { kA };  // a", 1, "'{'"), ("enum A { kA };  // a", 1, "'A'"), ("enum class A {\n  kA [[deprecated]]\n};  // a", 2, "'['"),
    ("struct A {} a;  // a", 1, "'a'"), ("const struct A {} a;  // a", 1, "struct"), ("extern int x;  // x", 1, "extern"),
    ("int x, y(3);  // x", 1, "'('"), ("void f();", 1, "no words"), ("// A.\nstruct A {\n  void f();\n};", 3, "no words"), ("struct A {};", 1, "no words"),
    ("void f();  // f\nvoid g();", 2, "no words"), ("// F.\nvoid f();\n\nvoid g();", 4, "no words"), ("// F.\nvoid f();  // f\nvoid g();", 3, "no words"),
    ("// Far.\n\nvoid f();  // f", 1, "about nothing"), ("// A.\nstruct A {  // more\n  int x;\n};", 2, "about nothing"),
    ("void f(int a,  // a\n       int b);  // f", 1, "middle"), ("// F.\nvoid f() {  // more\n}", 2, "middle"), ("int x =\n    // one\n    1;", 2, "middle"),
    ("int f; int g;  // both", 1, "two declarations"), ("// F.\nvoid f(); void g();", 2, "two declarations"), ("enum class A {\n  kA,\n  kB, kC,  // c\n};  // a", 3, "two values"),
    ("/* F. */\nvoid f();", 1, "'/* F. */'"), ("/// F.\nvoid f();", 1, "strokes"), ("// F. \\\nvoid f();", 1, "strokes"), ("//\tF.\nvoid f();", 1, "strokes"),
    ("class A;", 1, "defines it"), ("// A.\nclass A;\nclass A {};  // a", 2, "only declared"), ("// A.\nstruct A {\n  struct B;\n};", 3, "A::B"),
    ("void A::f() {}  // f", 1, "elsewhere"), ("void f() requires true;  // f", 1, "requires"), ("void f() = 1;  // f", 1, "= 1"),
    ("// F.\nvoid f() try {\n} catch (...) {\n}", 2, "try"), ("void f(), g();  // f", 1, "','"), ("using namespace std;  // s", 1, "namespace"),
    ("using std::string;  // s", 1, "'::'"), ("inline namespace two {\n}", 1, "namespace"), ("namespace {\n}", 1, "'{'"), ("namespace two = std;", 1, "'='"),
    ("static_assert(true);  // t", 1, "static_assert"), ("decltype(1) x = 1;  // x", 1, "decltype"), ("alignas(8) int x = 0;  // x", 1, "alignas"),
    ('int x = f(R"(;)");  // x', 1, "prefix"), ("\tint x;", 1, "begins with"), ("int x @ 1;", 1, "begins with"), ("bool x = 1 < y < 2;  // x", 1, "no end"),
    ("void f(int a;  // f", 2, "closes"), ("void f(int a]);  // f", 1, "closes"), ("// A.\nstruct A {\n  int x;", 4, "ends"),
    ("int operator\"\"_x(int);  // x", 1, "prefix"), ("}\nint outside();\nnamespace two {", 2, "'int'"), ("friend void;  // f", 1, "no type"),
]
INSTALLS = ["install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})\n", "install(TARGETS one FILE_SET HEADERS)\n",
            "install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/one)\n", "set(headers ${PROJECT_SOURCE_DIR}/sdk/two.h)\n",
            "install(DIRECTORY sdk DESTINATION include/one)\n"]


def printed(root: Path | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-B", str(ROOT / "scripts" / "cpp-reference"), *([str(root)] if root else [])], capture_output=True,
                          text=True, timeout=60)


def of(folder: Path, header: str, install: str = INSTALL) -> subprocess.CompletedProcess[str]:
    for name, text in (("cmake/install.cmake", install), ("sdk/one.h", header)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return printed(folder)


def refuses(folder: Path, place: str, word: str, header: str, install: str = INSTALL) -> None:
    made = of(folder, header, install)
    assert made.returncode == 1 and not made.stdout, f"{header}{install}was read:\n{made.stdout}{made.stderr}"
    assert made.stderr.startswith(f"cpp-reference: {place}: ") and word in made.stderr, f"{place} {word}: {made.stderr}"


def constructs(folder: Path) -> None:
    made = of(folder, TOLD + HEAD.partition("\n")[2] + KNOWN + END)
    assert made.returncode == 0, made.stderr
    for said in SAID:
        assert said in made.stdout, f"{said}\nis not in\n{made.stdout}"
    assert "not told" not in made.stdout and "idden" not in made.stdout and "Within" not in made.stdout, made.stdout
    before = HEAD.count("\n")
    for body, line, word in UNKNOWN:
        refuses(folder, f"sdk/one.h:{before + line}", word, f"{HEAD}{body}\n{END}")
    refuses(folder, "sdk/one.h:1", "what it is for", HEAD.partition("\n")[2] + END)
    refuses(folder, "sdk/one.h:1", "pragma once", HEAD.replace("#pragma once\n", "") + END)
    refuses(folder, f"sdk/one.h:{before}", "never closed", HEAD)
    for each in INSTALLS:
        refuses(folder, "cmake/install.cmake:3", "headers are found only", HEAD + END, INSTALL + each)
    refuses(folder, "cmake/install.cmake:1", "no headers", HEAD + END, "include(GNUInstallDirs)\n")


def words_of_code(header: str) -> set[str]:
    """Without parsing: all that is public, but bodies."""
    code = re.sub(r"//.*|^#.*", "", header, flags=re.M)
    code = re.sub(r"^ *private:$.*?^ *\};$", "", code, flags=re.M | re.S)
    code = re.sub(r"\) (const|noexcept)( :[^{]*)? \{[^}]*\}", ")", code)
    return set(re.findall(r"[A-Za-z]\w*", code)) - {"namespace", "public", "private"}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ringfence-reference-") as folder:
        constructs(Path(folder))
    made = printed(None)
    print(made.stderr)
    assert made.returncode == 0
    headers = re.findall(r"^## `<ringfence/(.*)>`$", made.stdout, re.M)
    assert {"agent.h", "checkpoint.h"} <= set(headers), headers
    for header in headers:
        absent = words_of_code(next((ROOT / "sdk").glob(f"*/{header}")).read_text()) - set(re.findall(r"\w+", made.stdout))
        assert not absent, f"{header} has words that the page has not: {absent}"
    kept = (ROOT / "docs" / "cpp-reference.md").read_text()
    if made.stdout == kept:
        print(f"{kept.count('### ')} names, as their comments have them; {len(UNKNOWN)} constructs refused")
        return 0
    sys.stdout.writelines(difflib.unified_diff(kept.splitlines(True), made.stdout.splitlines(True), "docs/cpp-reference.md", "headers"))
    print(f"mend it with: {MEND}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
