#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/temp_dir.h"
#include "ui/cli/program.h"

namespace ringfence::cli {
namespace {

using test::TempDir;

std::string writeProgram(const TempDir& directory, std::string_view name,
                         std::string_view content =
                             "\x7f"
                             "ELF") {
  const std::string path = directory.write(name, content);
  REQUIRE(::chmod(path.c_str(), 0755) == 0);
  return path;
}

Program found(const std::string& command, const Surroundings& around) {
  auto program = findProgram(command, around);
  if (auto* missing = std::get_if<NoProgram>(&program)) FAIL(missing->message);
  return std::get<Program>(program);
}

NoProgram missing(const std::string& command, const Surroundings& around) {
  auto program = findProgram(command, around);
  REQUIRE(std::holds_alternative<NoProgram>(program));
  return std::get<NoProgram>(program);
}

// TempDir lies below /tmp, whose own path may hold links.
std::string real(const TempDir& directory) {
  char path[4096];
  REQUIRE(::realpath(directory.path().c_str(), path) != nullptr);
  return path;
}

}  // namespace

TEST_CASE("a program is the first executable on PATH, links followed") {
  const TempDir directory;
  const std::string base = real(directory);
  directory.write("a/tool", "not executable");
  writeProgram(directory, "real/tool-2");
  directory.makeDirectory("b");
  REQUIRE(::symlink("../real/tool-2", (base + "/b/tool").c_str()) == 0);
  const Program program = found("tool", {base + "/a:" + base + "/b", base, base + "/w", "/"});
  CHECK(program.executable == base + "/real/tool-2");
}

TEST_CASE("a program that is nowhere is 127 and the message names PATH") {
  const TempDir directory;
  const NoProgram none = missing("no-such-tool", {real(directory), "", "", "/"});
  CHECK(none.exitCode == 127);
  CHECK(none.message.find("PATH (" + real(directory) + ")") != std::string::npos);
  CHECK(missing("./no-such-tool", {"", "", "", real(directory)}).exitCode == 127);
}

TEST_CASE("a file without the execute bit is 126, a directory too") {
  const TempDir directory;
  directory.write("tool", "x");
  directory.makeDirectory("folder");
  CHECK(missing("tool", {real(directory), "", "", "/"}).exitCode == 126);
  CHECK(missing("./folder", {"", "", "", real(directory)}).exitCode == 126);
}

TEST_CASE("a program in the workspace keeps its name, so that a virtual environment is found") {
  const TempDir directory;
  const std::string base = real(directory);
  writeProgram(directory, "system/python3");
  directory.makeDirectory("w/venv/bin");
  REQUIRE(::symlink((base + "/system/python3").c_str(), (base + "/w/venv/bin/python").c_str()) == 0);
  const Program program = found("venv/bin/python", {"", "", base + "/w", base + "/w"});
  CHECK(program.executable == base + "/w/venv/bin/python");
  CHECK(program.installTree.empty());
}

TEST_CASE("a script needs the tree of its interpreter as well") {
  const TempDir directory;
  const std::string base = real(directory);
  writeProgram(directory, "home/.nvm/versions/node/v20.1.0/bin/node");
  writeProgram(directory, "home/tools/cli/agent.js", "#!/usr/bin/env node\nconsole.log(1)\n");
  const Surroundings around{base + "/home/.nvm/versions/node/v20.1.0/bin:" + base + "/home/tools/cli", base + "/home",
                            base + "/w", "/"};
  const Program program = found("agent.js", around);
  CHECK(program.installTree == base + "/home/tools/cli");
  CHECK(program.alsoNeeded == std::vector<std::string>{base + "/home/.nvm/versions/node/v20.1.0"});
}

TEST_CASE("a script whose interpreter is missing is 127 and names it") {
  const TempDir directory;
  writeProgram(directory, "tool", "#!/no/such/interpreter -x\n");
  const NoProgram none = missing("tool", {real(directory), "", "", "/"});
  CHECK(none.exitCode == 127);
  CHECK(none.message.find("/no/such/interpreter") != std::string::npos);
}

TEST_CASE("the install tree is what belongs to the program and nothing else of the home") {
  const auto tree = [](std::string_view path) { return installTreeOf(path, "/home/ada", "/home/ada/project"); };
  CHECK(tree("/usr/bin/python3") == "");
  CHECK(tree("/usr/local/bin/tool") == "");
  CHECK(tree("/home/ada/project/tool") == "");
  CHECK(tree("/opt/google/bin/x") == "/opt/google");
  CHECK(tree("/home/ada/.nvm/versions/node/v20/bin/node") == "/home/ada/.nvm/versions/node/v20");
  CHECK(tree("/home/ada/.nvm/versions/node/v20/lib/node_modules/@a/b/cli.js") == "/home/ada/.nvm/versions/node/v20");
  CHECK(tree("/home/ada/.npm-global/lib/node_modules/b/cli.js") == "/home/ada/.npm-global");
  CHECK(tree("/home/ada/.pyenv/versions/3.12.1/bin/python3") == "/home/ada/.pyenv/versions/3.12.1");
  CHECK(tree("/home/ada/.pyenv/shims/python3") == "/home/ada/.pyenv");
  CHECK(tree("/home/ada/.local/share/uv/tools/aider/bin/aider") == "/home/ada/.local/share/uv/tools/aider");
  CHECK(tree("/home/ada/.local/share/claude/versions/2.1.197") == "/home/ada/.local/share/claude/versions");
  CHECK(tree("/home/ada/.local/bin/tool") == "/home/ada/.local/bin");
  CHECK(tree("/home/ada/.cargo/bin/tool") == "/home/ada/.cargo/bin");
  CHECK(tree("/home/ada/bin/tool") == "/home/ada/bin");
  CHECK(tree("/home/ada/tool") == "/home/ada/tool");
  CHECK(tree("/tmp/tool") == "/tmp/tool");
  CHECK(tree("/srv/app/bin/tool") == "/srv/app");
  CHECK(tree("/tool") == "/tool");
}

TEST_CASE("the first line of a script names its interpreter") {
  CHECK(parseShebang("#!/bin/sh\n").interpreter == "/bin/sh");
  CHECK(parseShebang("#! /usr/bin/env -S A=1 node --x\n").program == "node");
  CHECK(parseShebang("#!/usr/bin/python3 -u").program.empty());
  CHECK(parseShebang("\x7f"
                     "ELF")
            .interpreter.empty());
  CHECK(parseShebang("#!\n").interpreter.empty());
}

}  // namespace ringfence::cli
