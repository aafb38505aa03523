#include "policy/triggers.h"

#include <algorithm>
#include <array>

namespace ringfence::policy {
namespace {

// The last parts of a path; each part has at most one '*'.
struct Trigger {
  std::string_view pattern;
  std::string_view by;
};

constexpr std::array kTriggers = {
    Trigger{"conftest.py", "pytest"},
    Trigger{"*.pth", "every start of Python"},
    Trigger{"sitecustomize.py", "every start of Python"},
    Trigger{"usercustomize.py", "every start of Python"},
    Trigger{"__pycache__/*.pyc", "Python, in place of the source"},
    Trigger{"node_modules/.bin/*", "npm scripts and npx"},
    Trigger{"package.json", "npm and its kind"},
    Trigger{"Makefile", "make"},
    Trigger{"makefile", "make"},
    Trigger{"GNUmakefile", "make"},
    Trigger{"*.mk", "make"},
    Trigger{"CMakeLists.txt", "cmake"},
    Trigger{"*.cmake", "cmake"},
    Trigger{"gradlew", "whoever builds with Gradle"},
    Trigger{"gradlew.bat", "whoever builds with Gradle"},
    Trigger{"gradle/wrapper/*.jar", "gradlew"},
    Trigger{"gradle/wrapper/*.properties", "gradlew"},
    Trigger{"*.gradle", "Gradle"},
    Trigger{"*.gradle.kts", "Gradle"},
    Trigger{"mvnw", "whoever builds with Maven"},
    Trigger{".mvn/wrapper/*", "mvnw"},
    Trigger{"pom.xml", "Maven"},
    Trigger{"build.rs", "cargo"},
    Trigger{"setup.py", "pip"},
    Trigger{"setup.cfg", "pip"},
    Trigger{"pyproject.toml", "pip and Python's tools"},
    Trigger{"tox.ini", "tox"},
    Trigger{"noxfile.py", "nox"},
    Trigger{".pre-commit-config.yaml", "pre-commit"},
    Trigger{"Dockerfile", "docker build"},
    Trigger{"Dockerfile.*", "docker build"},
    Trigger{"Containerfile", "podman build"},
    Trigger{".github/workflows/*", "GitHub Actions"},
    Trigger{".gitlab-ci.yml", "GitLab CI"},
    Trigger{"Rakefile", "rake"},
    Trigger{"justfile", "just"},
    Trigger{"AGENTS.md", "AI agents"},
    Trigger{"CLAUDE.md", "AI agents"},
    Trigger{"GEMINI.md", "AI agents"},
    Trigger{"*.sh", "whoever starts it"},
    Trigger{"*.bash", "whoever starts it"},
};

bool matchesPart(std::string_view pattern, std::string_view part) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == part;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return part.size() >= head.size() + tail.size() && part.starts_with(head) && part.ends_with(tail);
}

// Cuts off the last part of `path`.
std::string_view takeLast(std::string_view& path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  return last;
}

bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    const std::string_view part = takeLast(path);
    if (part.empty() || !matchesPart(takeLast(pattern), part)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string_view> obeyedBy(std::string_view path) {
  if (path.empty()) return std::nullopt;
  for (const Trigger& trigger : kTriggers) {
    const char last = trigger.pattern.back();
    if (last != '*' && last != path.back()) continue;  // Most names of a tree are none of these, and it may be large.
    if (matches(trigger.pattern, path)) return trigger.by;
  }
  return std::nullopt;
}

bool mayBeObeyed(std::string_view name) {
  return std::ranges::any_of(kTriggers, [name](const Trigger& trigger) {
    std::string_view above = trigger.pattern;
    const std::string_view last = takeLast(above);
    return last != "*" && matchesPart(last, name);
  });
}

bool obeysAll(std::string_view folder) {
  return std::ranges::any_of(kTriggers, [folder](const Trigger& trigger) {
    std::string_view above = trigger.pattern;
    return takeLast(above) == "*" && matchesPart(takeLast(above), folder);
  });
}

}  // namespace ringfence::policy
