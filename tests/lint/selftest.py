"""Each lint fails on a bad sample and passes on a good one."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import bounds
import commands
import dependencies
import documents
import formatting
import hardening
import hygiene
import tree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import skips  # noqa: E402  (its folder is known only now)


class Sample(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def assert_one(self, problems, *words):
        self.assertEqual(len(problems), 1, problems)
        for word in words:
            self.assertIn(word, problems[0])


class Dependencies(Sample):
    RULES = ("folder sdk/base:\nfolder sdk/proto: sdk/base\nfolder sdk/client: sdk/base ~sdk/proto\n"
             "folder ui/cli: sdk/client\ninternal sdk/client/own.h\nfree tests\nconfine sqlite3.h: ui/store.cc\nconfine linux/: sdk/proto/*\n"
             "confine Q: ui/panel/*\nconfine 'syscall(': sdk/proto/*\n")

    def run_lint(self, exceptions=""):
        rules = self.write("rules.txt", self.RULES)
        return dependencies.check(self.root, rules, self.write("exceptions.txt", exceptions))[0]

    def test_a_folder_may_include_what_its_dependencies_may_include(self):
        self.write("ui/cli/a.cc", '#include "sdk/client/c.h"\n#include "sdk/base/b.h"\n')
        self.assertEqual(self.run_lint(), [])

    def test_an_include_against_the_direction_fails(self):
        self.write("sdk/base/a.cc", '#include "ui/cli/c.h"\n')
        self.assert_one(self.run_lint(), "sdk/base may not include ui/cli")

    def test_a_private_dependency_is_not_passed_on(self):
        self.write("sdk/client/a.cc", '#include "sdk/proto/p.h"\n')
        self.assertEqual(self.run_lint(), [])
        self.write("ui/cli/a.cc", '#include "sdk/proto/p.h"\n')
        self.assert_one(self.run_lint(), "ui/cli may not include sdk/proto")

    def test_a_private_dependency_in_a_header_fails(self):
        self.write("sdk/client/a.h", '#include "sdk/proto/p.h"\n')
        self.assert_one(self.run_lint(), "sdk/client may not include sdk/proto")

    def test_an_internal_header_may_use_what_is_private_and_stays_in_its_folder(self):
        self.write("sdk/client/own.h", '#include "sdk/proto/p.h"\n')
        self.write("sdk/client/a.cc", '#include "sdk/client/own.h"\n')
        self.assertEqual(self.run_lint(), [])
        self.write("ui/cli/a.cc", '#include "sdk/client/own.h"\n')
        self.assert_one(self.run_lint(), "own.h is internal")

    def test_a_confined_header_or_call_elsewhere_fails(self):
        for line in ("#include <sqlite3.h>", "#include <linux/filter.h>", "#include <QString>", "int x = ::syscall(1);"):
            self.write("sdk/base/a.cc", line + "\n")
            self.assert_one(self.run_lint(), "is confined to")
        self.write("sdk/base/a.cc", "// syscall(2) is named here only\n")
        self.assertEqual(self.run_lint(), [])

    def test_a_folder_outside_the_table_fails_and_tests_are_exempt(self):
        self.write("tests/a.cc", '#include "anything/b.h"\n#include <sqlite3.h>\n')
        self.assertEqual(self.run_lint(), [])
        self.write("misc/a.cc", "int x;\n")
        self.assert_one(self.run_lint(), "not in dependencies.txt")

    def test_an_exception_holds_until_it_is_no_longer_needed(self):
        bad = self.write("sdk/base/a.cc", '#include "ui/cli/c.h"\n')
        exception = "sdk/base/a.cc includes ui/cli\n"
        self.assertEqual(self.run_lint(exception), [])
        bad.write_text("int x;\n")
        self.assert_one(self.run_lint(exception), "no longer needed")


class Documents(Sample):
    def run_lint(self):
        return documents.check(self.root)[0]

    def test_a_cited_path_must_exist(self):
        self.write("sdk/base/a.h", "// See sdk/base/a.h and sdk/{base,base}/*.h.\n")
        self.assertEqual(self.run_lint(), [])
        self.write("sdk/base/a.h", "// See " + "sdk/base/gone.h" + ".\n")
        self.assert_one(self.run_lint(), "gone.h")

    def test_a_string_in_code_is_no_citation(self):
        self.write("sdk/base/a.cc", 'const char* kPath = "sdk/base/gone.h";\n')
        self.assertEqual(self.run_lint(), [])
        self.write("sdk/base/a.cc", 'auto a = f("**/*.pem");\nauto b = g("sdk/base/gone.h", "**/x");\n')
        self.assertEqual(self.run_lint(), [])
        self.write("sdk/base/a.cc", 'auto a = f("x//y");  // See sdk/base/' + 'gone.h.\n')
        self.assert_one(self.run_lint(), "gone.h")

    def test_a_path_in_markdown_must_exist(self):
        self.write("README.md", "Look at `docs/" + "gone.md` first.\n")
        self.assert_one(self.run_lint(), "gone.md")

    def test_links_and_anchors_resolve(self):
        self.write("docs/a.md", "# One thing\n[up](../README.md) [here](#one-thing)\n")
        self.write("README.md", "[a](docs/a.md#one-thing) [web](https://example.org/x)\n")
        self.assertEqual(self.run_lint(), [])
        self.write("README.md", "[a](docs/a.md#two)\n")
        self.assert_one(self.run_lint(), "no such heading")
        self.write("README.md", "[a](absent.md)\n")
        self.assert_one(self.run_lint(), "leads nowhere")


class Hygiene(Sample):
    def run_lint(self, exceptions=""):
        return hygiene.check(self.root, self.write("exceptions.lst", exceptions))[0]

    def test_each_line_rule_fails(self):
        for line in ("// TO" + "DO later", "#if " + "0", "int x; ", "\tint x;", "// in /wo" + "rk/main",
                     "// see py" + "pi.org", "// from /ro" + "ot/x", "// is" + "sue 7"):
            self.write("sdk/a.cc", line + "\n")
            self.assertEqual(len(self.run_lint()), 1, line)

    def test_a_clean_file_passes(self):
        self.write("sdk/a.cc", '#include "sdk/a.h"\n\n#include <cerrno>\n#include <string>\n\n#include "sdk/b.h"\n')
        self.assertEqual(self.run_lint(), [])

    def test_a_file_over_the_hard_limit_fails_unless_listed(self):
        self.write("sdk/a.cc", "int x;\n" * (hygiene.HARD_LINES + 1))
        self.assert_one(self.run_lint(), "hard limit")
        self.assertEqual(self.run_lint("sdk/a.cc long\n"), [])

    def test_include_order_fails(self):
        for text in ('#include <string>\n#include <cerrno>\n', '#include "sdk/b.h"\n\n#include <string>\n',
                     '#include <string>\n#include "sdk/b.h"\n', '#include <string>\n\n#include "sdk/a.h"\n'):
            self.write("sdk/a.cc", text)
            self.assertEqual(len(self.run_lint()), 1, text)

    def test_a_listed_exception_that_is_gone_fails(self):
        self.assert_one(self.run_lint("sdk/gone.cc tab\n"), "no longer needed")


class Bounds(Sample):
    HEAD = "| bound | constant | value |\n|---|---|---|\n"

    def run_lint(self, row, code):
        self.write("supervisor/README.md", self.HEAD + row)
        self.write("supervisor/api/limits.h", code)
        return bounds.check(self.root)[0]

    def test_a_row_that_agrees_passes_in_every_spelling(self):
        for value, initialiser in (("4 MiB", "4 * 1024 * 1024"), ("64 KiB", "64u << 10"), ("1,000", "1'000"),
                                   ("5 s", "std::chrono::seconds(5)"), ("250 ms", "std::chrono::milliseconds{250}")):
            self.assertEqual(self.run_lint(f"| a queue | `kMaxQueue` | {value} |\n",
                                           f"inline constexpr auto kMaxQueue = {initialiser};\n"), [], value)

    def test_a_row_that_differs_fails(self):
        self.assert_one(self.run_lint("| a | `kMaxQueue` | 5 MiB |\n", "constexpr int kMaxQueue = 4 << 20;\n"), "kMaxQueue")

    def test_a_row_without_a_constant_and_a_bound_without_a_row_fail(self):
        row = "| a | `kMaxA` | 5 |\n"
        self.assert_one(self.run_lint(row, "constexpr int kOther = 5;\n"), "no constant")
        self.assert_one(self.run_lint(row, "constexpr int kMaxA = 5;\nconstexpr int kMaxB = 5;\n"), "kMaxB")

    def test_a_missing_table_or_page_fails(self):
        self.assert_one(bounds.check(self.root)[0], "is missing")
        self.write("supervisor/README.md", "# Supervisor\n")
        self.assert_one(bounds.check(self.root)[0], "no table")


class Hardening(Sample):
    def build(self, *flags):
        source = self.write("a.c", "int main(void) { return 0; }\n")
        subprocess.run(["cc", str(source), "-o", str(self.root / "prefix/a"), *flags], check=True, capture_output=True)
        return hardening.check_tree(self.root / "prefix", {"a"})[0]

    def setUp(self):
        super().setUp()
        (self.root / "prefix").mkdir()

    GOOD = ("-fPIE", "-pie", "-Wl,-z,relro,-z,now,-z,noexecstack")

    def test_a_hardened_program_passes(self):
        self.assertEqual(self.build(*self.GOOD), [])

    def test_each_missing_hardening_fails(self):
        self.assertIn("a is not position independent", self.build("-no-pie", "-Wl,-z,relro,-z,now"))
        self.assert_one(self.build(*self.GOOD, "-Wl,-z,lazy"), "binds lazily")
        self.assert_one(self.build(*self.GOOD, "-Wl,-z,execstack"), "executable stack")
        self.assert_one(self.build(*self.GOOD, "-Wl,-z,norelro"), "RELRO")
        self.assert_one(self.build(*self.GOOD, "-Wl,-rpath,/tmp"), "search path")

    def test_a_set_id_file_and_an_absent_program_fail(self):
        self.write("prefix/tool", "#!/bin/sh\n", 0o4755)
        problems = hardening.check_tree(self.root / "prefix", {"a"})[0]
        self.assertEqual([problem.split(" ", 1)[1].split(" (")[0] for problem in problems],
                         ["is not installed", "is installed set-id"])


class Commands(Sample):
    def make(self, readme, ci):
        self.write("README.md", readme)
        self.write(".ci/run", ci, 0o755)
        for name in ("demo", "test"):
            self.write(f"scripts/{name}", "#!/bin/sh\n", 0o755)
        return commands.check(self.root)[0]

    README = "```\nsudo scripts/demo   # shows it\nsudo scripts/test\n```\n"
    CI = '#!/usr/bin/env bash\nexec "$(dirname "$0")/../scripts/test"\n'

    def test_the_two_commands_and_the_ci_command_agree(self):
        self.assertEqual(self.make(self.README, self.CI), [])

    def test_a_command_that_is_absent_or_not_executable_fails(self):
        self.make(self.README, self.CI)
        (self.root / "scripts/demo").chmod(0o644)
        self.assert_one(commands.check(self.root)[0], "scripts/demo", "not executable")
        self.assert_one(self.make(self.README + "```\nsudo scripts/gone\n```\n", self.CI), "scripts/gone")
        self.assert_one(self.make("```\nsudo scripts/test\n```\n", self.CI), "scripts/demo")

    def test_a_ci_that_runs_something_else_fails(self):
        self.assert_one(self.make(self.README, "#!/bin/sh\nexec make\n"), ".ci/run")


class Formatting(Sample):
    def run_lint(self, text):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write("sdk/a.cc", text)
        self.write("sdk/notes.md", "int  x ;\n")
        return formatting.check(self.root)[0]

    def test_formatted_code_passes(self):
        self.assertEqual(self.run_lint("int x = 1;\n"), [])

    def test_unformatted_code_fails_with_the_command_that_mends_it(self):
        self.assert_one(self.run_lint("int x = 1;\nint  y=2;\nint  z=3;\n"), "sdk/a.cc:2", "clang-format -i sdk/a.cc")

    def test_settings_that_cannot_be_read_fail(self):
        self.run_lint("int x = 1;\n")
        self.write(".clang-format", "BasedOnStyle: [\n")
        self.assertTrue(formatting.check(self.root)[0])

    def test_a_program_that_is_not_there_has_no_version(self):
        self.assertIsNone(formatting.version(str(self.root / "absent")))


class Skips(unittest.TestCase):
    LIST = "# comment\n6.1.* | landlock: * | no network rules in ABI 2\n* | other |\n"

    def test_a_skip_is_allowed_on_the_kernel_that_lacks_the_feature_alone(self):
        self.assertTrue(skips.allowed("landlock: tcp", "6.1.0-50-amd64", self.LIST))
        self.assertFalse(skips.allowed("landlock: tcp", "6.12.1", self.LIST))
        self.assertFalse(skips.allowed("seccomp: x", "6.1.0-50-amd64", self.LIST))

    def test_a_line_without_a_reason_allows_nothing(self):
        self.assertFalse(skips.allowed("other", "6.1.0", self.LIST))

    def test_the_list_of_the_project_can_be_read(self):
        self.assertFalse(skips.allowed("no such test"))


class Tree(Sample):
    def test_the_list_of_files_leaves_out_the_build(self):
        self.write("build/a.h", "")
        self.write("sdk/a.h", "")
        self.assertEqual([str(path) for path in tree.project_files(self.root)], ["sdk/a.h"])


if __name__ == "__main__":
    unittest.main()
