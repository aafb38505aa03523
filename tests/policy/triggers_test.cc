#include "policy/triggers.h"

#include <catch2/catch_test_macros.hpp>

using namespace ringfence::policy;

namespace {

TEST_CASE("a file that runs or is obeyed later is known by its name, wherever it is") {
  for (const char* path : {"/w/conftest.py",
                           "/w/lib/x.pth",
                           "/w/sitecustomize.py",
                           "usercustomize.py",
                           "/w/a/__pycache__/b.cpython-311.pyc",
                           "/w/node_modules/.bin/tsc",
                           "/w/package.json",
                           "/w/Makefile",
                           "/w/deep/er/GNUmakefile",
                           "/w/rules.mk",
                           "/w/CMakeLists.txt",
                           "/w/gradlew",
                           "/w/gradle/wrapper/gradle-wrapper.jar",
                           "/w/build.gradle",
                           "/w/build.gradle.kts",
                           "/w/pom.xml",
                           "/w/build.rs",
                           "/w/setup.py",
                           "/w/pyproject.toml",
                           "/w/.pre-commit-config.yaml",
                           "/w/Dockerfile",
                           "/w/.github/workflows/ci.yml",
                           "/w/AGENTS.md",
                           "/w/CLAUDE.md",
                           "/w/GEMINI.md",
                           "/w/scripts/release.sh"}) {
    CAPTURE(path);
    CHECK(obeyedBy(path));
    // Whoever keeps names alone misses none of them.
    const std::string_view whole = path, folder = whole.substr(0, whole.rfind('/'));
    CHECK((mayBeObeyed(whole.substr(whole.rfind('/') + 1)) || obeysAll(folder.substr(folder.rfind('/') + 1))));
  }
  CHECK(obeyedBy("/w/Makefile") == "make");
}

TEST_CASE("an ordinary name, or a part of a name that is obeyed, is nobody's trigger") {
  for (const char* path :
       {"", "/", "/w/main.py", "/w/Makefile/", "/w/Makefile/readme", "/w/MyMakefile", "/w/__pycache__/notes.txt",
        "/w/b.pyc", "/w/.bin/tsc", "/w/wrapper/x.jar", "/w/workflows/ci.yml", "/w/agents.md.txt"}) {
    CAPTURE(path);
    CHECK_FALSE(obeyedBy(path));
  }
  for (const char* name : {"main.py", "notes.txt", "ci.yml", "f7.txt", ""}) CHECK_FALSE(mayBeObeyed(name));
  for (const char* folder : {"", "src", "node_modules", "__pycache__", ".github"}) CHECK_FALSE(obeysAll(folder));
}

}  // namespace
