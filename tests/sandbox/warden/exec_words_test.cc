// What is pure about an exec: the first line of a script, command lines that hide others, the words for people, the
// verdict over all forms, the bytes of a correction.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "sandbox/warden/exec_block.h"
#include "sandbox/warden/exec_judge.h"
#include "sandbox/warden/exec_script.h"
#include "sandbox/warden/exec_unwrap.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

using Words = std::vector<std::string>;

std::vector<Words> inner(const std::string& program, const Words& argv) {
  std::vector<Words> found;
  for (const UnwrappedCommand& command : unwrapCommand(program, argv)) {
    found.push_back(command.argv);
    CHECK(std::equal(command.argv.begin(), command.argv.end(),
                     argv.begin() + static_cast<std::ptrdiff_t>(command.offset), argv.end()));
  }
  return found;
}

ExecForm form(const std::string& target, Words argv, Words before = {}, std::string seenAs = {}) {
  return {.action = {.operation = policy::Operation::kExec, .target = target, .argv = std::move(argv)},
          .before = std::move(before),
          .seenAs = std::move(seenAs)};
}

Ruling judged(const std::vector<policy::ExecRule>& rules, const std::vector<ExecForm>& forms,
              std::vector<policy::Grant> grants = {}) {
  policy::Document document;
  document.files.read.push_back({.pattern = "/", .origin = {}});
  document.exec = rules;
  document.grants = std::move(grants);
  return judgeExec(Rules({.document = document, .places = {.workspace = "/w", .home = "/h"}}), forms);
}

}  // namespace

TEST_CASE("the first line of a script is read as the kernel reads it") {
  const auto line = [](std::string_view text) {
    const ProgramHead head = readProgramHead(text);
    return head.format == ProgramFormat::kScript ? std::optional(head.script) : std::nullopt;
  };
  CHECK(line("#!/bin/sh\n") == ScriptLine{"/bin/sh", {}});
  CHECK(line("#! \t /bin/sh \t \nrest") == ScriptLine{"/bin/sh", {}});
  CHECK(line("#!/bin/sh -e -u \n") == ScriptLine{"/bin/sh", "-e -u"});
  CHECK(line("#!/bin/sh") == ScriptLine{"/bin/sh", {}});
  CHECK(line("#!sh\t-x") == ScriptLine{"sh", "-x"});
  CHECK(line(std::string_view("#!/bin/sh\0junk\n", 15)) == ScriptLine{"/bin/sh", {}});
  CHECK(line(std::string_view("#!/bin/sh a\0b\n", 14)) == ScriptLine{"/bin/sh", "a"});
  CHECK(line("#!") == ScriptLine{"", {}});
  CHECK_FALSE(line("#!\n"));
  CHECK_FALSE(line("#!  \t\n"));
  CHECK_FALSE(line("#!/" + std::string(300, 'x')));
  CHECK_FALSE(line("#!" + std::string(300, ' ')));
  CHECK_FALSE(line("# !/bin/sh\n"));
  // 256 bytes are looked at, and the last of them is not part of a line without an end.
  CHECK(line("#!/bin/sh " + std::string(300, 'y')) == ScriptLine{"/bin/sh", std::string(245, 'y')});
}

TEST_CASE("a file is native, a script, or nothing that is run here") {
  std::string elf("\177ELF\2\1\1", 7);
  elf.resize(64, '\0');
#if defined(__x86_64__)
  elf[18] = 62;
#else
  elf[18] = static_cast<char>(183);
#endif
  CHECK(readProgramHead(elf).format == ProgramFormat::kNative);
  elf[18] = 21;  // PowerPC
  CHECK(readProgramHead(elf).format == ProgramFormat::kUnknown);
  CHECK(readProgramHead("\177ELF").format == ProgramFormat::kUnknown);
  CHECK(readProgramHead("").format == ProgramFormat::kUnknown);
  CHECK(readProgramHead("echo hello\n").format == ProgramFormat::kUnknown);
}

TEST_CASE("an interpreter gets its argument, the script's name and what the script was given") {
  CHECK(interpreterArguments({"/bin/sh", "-e"}, "./x", {"any", "a", "b"}) == Words{"/bin/sh", "-e", "./x", "a", "b"});
  CHECK(interpreterArguments({"/bin/sh", {}}, "./x", {""}) == Words{"/bin/sh", "./x"});
}

TEST_CASE("a command line that only starts another is seen through") {
  CHECK(inner("/usr/bin/env", {"env", "git", "push"}) == std::vector<Words>{{"git", "push"}});
  CHECK(inner("/usr/bin/env", {"env", "-i", "-u", "X", "A=1", "B=", "git", "push"}) ==
        std::vector<Words>{{"git", "push"}});
  CHECK(inner("/usr/bin/env", {"env", "--chdir=/", "--", "git"}) == std::vector<Words>{{"git"}});
  CHECK(inner("/usr/bin/xargs", {"xargs", "-0", "-n", "1", "rm", "-r"}) == std::vector<Words>{{"rm", "-r"}});
  CHECK(inner("/bin/busybox", {"busybox", "wget", "x"}) == std::vector<Words>{{"wget", "x"}});
  CHECK(inner("/lib64/ld-linux-x86-64.so.2", {"ld.so", "--library-path", "/x", "/usr/bin/git", "push"}) ==
        std::vector<Words>{{"/usr/bin/git", "push"}});
  CHECK(inner("/lib/ld-musl-x86_64.so.1", {"ld", "--argv0", "x", "./git"}) == std::vector<Words>{{"./git"}});
}

TEST_CASE("wrappers within wrappers are seen through, so many at most") {
  CHECK(
      inner("/usr/bin/env", {"env", "A=1", "xargs", "-r", "busybox", "env", "git"}) ==
      std::vector<Words>{{"xargs", "-r", "busybox", "env", "git"}, {"busybox", "env", "git"}, {"env", "git"}, {"git"}});
  Words deep(50, "env");
  CHECK(inner("/usr/bin/env", deep).size() == kMaxUnwrapping);
}

TEST_CASE("an applet under its own name is the applet, and its command line is seen through too") {
  CHECK(inner("/bin/busybox", {"env", "git", "push"}) == std::vector<Words>{{"git", "push"}});
  CHECK(inner("/bin/busybox", {"wget", "x"}).empty());
}

TEST_CASE("what interprets text, and what hides nothing, is left as it is") {
  CHECK(inner("/bin/sh", {"sh", "-c", "git push"}).empty());
  CHECK(inner("/usr/bin/git", {"git", "env", "push"}).empty());
  CHECK(inner("/usr/bin/env", {"env"}).empty());
  CHECK(inner("/usr/bin/env", {"env", "A=1"}).empty());
  CHECK(inner("/usr/bin/env", {}).empty());
}

TEST_CASE("the strictest verdict over what was written and what it hides wins") {
  const policy::ExecRule forbid{.match = {"git", "push"}, .decide = policy::Decision::kForbid, .why = "no"};
  const policy::ExecRule ask{.match = {"env"}, .decide = policy::Decision::kAsk};
  const std::vector<ExecForm> forms = {form("/usr/bin/env", {"env", "git", "push"}),
                                       form("/usr/bin/env", {"git", "push"}, {"env"}, "what `env` starts")};
  CHECK(judged({}, forms).decision == policy::Decision::kAllow);
  CHECK(judged({ask}, forms).decision == policy::Decision::kAsk);
  const auto ruling = judged({ask, forbid}, forms);
  CHECK(ruling.decision == policy::Decision::kForbid);
  CHECK(ruling.verdict.why == "what `env` starts: no");
}

TEST_CASE("what replaces a hidden command keeps the words before it") {
  const policy::ExecRule rewrite{
      .match = {"git", "push"}, .decide = policy::Decision::kRewrite, .rewrite = {"git", "push", "--dry-run"}};
  const auto ruling = judged({rewrite}, {form("/usr/bin/env", {"env", "A=1", "git", "push", "origin"}),
                                         form("/usr/bin/env", {"git", "push", "origin"}, {"env", "A=1"})});
  CHECK(ruling.decision == policy::Decision::kRewrite);
  CHECK(ruling.verdict.replacement.argv == Words{"env", "A=1", "git", "push", "--dry-run", "origin"});
}

TEST_CASE("a grant for a command line answers what is asked about what it hides, and no forbid") {
  const policy::ExecRule ask{.match = {"git", "push"}, .decide = policy::Decision::kAsk};
  const policy::ExecRule forbid{.match = {"git", "push"}, .decide = policy::Decision::kForbid};
  const std::vector<ExecForm> forms = {form("/usr/bin/env", {"env", "git", "push"}),
                                       form("/usr/bin/env", {"git", "push"}, {"env"})};
  policy::Grant grant{.operation = policy::Operation::kExec, .target = "/usr/bin/env", .argv = {"env", "git", "push"}};
  CHECK(judged({ask}, forms, {grant}).decision == policy::Decision::kAllow);
  CHECK(judged({ask, forbid}, forms, {grant}).decision == policy::Decision::kForbid);
  grant.argv = {"env", "git"};
  CHECK(judged({ask}, forms, {grant}).decision == policy::Decision::kAsk);
}

TEST_CASE("words for people are cut to what a guard may say, and the last one says how many are missing") {
  CHECK(boundedArguments({"a", "b"}, ArgumentsCut::kNo) == Words{"a", "b"});
  const Words many = boundedArguments(Words(10'000, "x"), ArgumentsCut::kNo);
  CHECK(many.size() == kMaxGuardArguments);
  CHECK(many.back().starts_with("… (" + std::to_string(10'000 - kMaxGuardArguments + 1) + " more; all: sha256 "));
  const Words big = boundedArguments(Words(20, std::string(10'000, 'y')), ArgumentsCut::kYes);
  std::size_t bytes = 0;
  for (const std::string& word : big) {
    CHECK(word.size() <= kMaxGuardText);
    bytes += word.size();
  }
  CHECK(bytes <= kMaxGuardArgvBytes);
  CHECK(big.back().find("what was too long to be read; ") != std::string::npos);
}

TEST_CASE("command lines that are cut at the same place are different words all the same") {
  Words one(400, "x");
  Words other = one;
  other.back() = "y";
  CHECK(boundedArguments(one, ArgumentsCut::kNo) != boundedArguments(other, ArgumentsCut::kNo));
  one = {"sh", "-c", std::string(10'000, 'y')};
  other = one;
  other.back().back() = 'z';
  CHECK(boundedArguments(one, ArgumentsCut::kNo) != boundedArguments(other, ArgumentsCut::kNo));
}

TEST_CASE("a corrected command line is pointers and texts for exactly one address") {
  const Words argv{"echo", "", "a b"};
  const ExecBlock block = makeExecBlock(0x10000, "/bin/echo", argv);
  CHECK(block.bytes.size() == execBlockSize("/bin/echo", argv));
  const auto textAt = [&](std::uint64_t address) { return std::string(block.bytes.c_str() + (address - 0x10000)); };
  CHECK(textAt(block.path) == "/bin/echo");
  std::array<std::uint64_t, 4> pointers{};
  std::memcpy(pointers.data(), block.bytes.data() + (block.argv - 0x10000), sizeof pointers);
  for (std::size_t i = 0; i < argv.size(); ++i) CHECK(textAt(pointers.at(i)) == argv.at(i));
  CHECK(pointers[3] == 0);
}
