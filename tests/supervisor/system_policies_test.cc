// Which version of a policy file is in force.
#include <sys/stat.h>

#include <catch2/catch_all.hpp>

#include "supervisor/system_policies.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

std::string textOf(const std::string& name, const std::string& more = {}) {
  return "schema = 1\nname = \"" + name + "\"\n" + more;
}

policy::Sources sourcesOf(std::vector<policy::SourceText> system) {
  policy::Sources sources;
  sources.shipped = {{"/shipped/base.toml", textOf("base")}};
  sources.system = std::move(system);
  return sources;
}

bool loads(const policy::Sources& sources, const std::string& name) {
  return std::holds_alternative<policy::Loaded>(policy::load(sources, name));
}

constexpr Microseconds kNow = std::chrono::hours(24 * 365 * 100);  // long after anything that a test writes

}  // namespace

TEST_CASE("a broken file keeps its last good version in force, and the others change") {
  const policy::Sources before = sourcesOf({{"/etc/a.toml", textOf("a")}, {"/etc/b.toml", textOf("b")}});
  const auto adopted = adoptPolicies(before, sourcesOf({{"/etc/a.toml", textOf("a", "colour = 1\n")},
                                                        {"/etc/b.toml", textOf("b", "[limits]\npids = 9\n")},
                                                        {"/etc/c.toml", textOf("c")}}));
  CHECK(adopted.sources.system[0].text == textOf("a"));
  CHECK(adopted.sources.system[1].text == textOf("b", "[limits]\npids = 9\n"));
  CHECK(loads(adopted.sources, "c"));
  REQUIRE(adopted.broken.size() == 1);
  CHECK(adopted.broken[0].inForce == Instead::kLastGood);
  CHECK(adopted.broken[0].what.line == 3);
}

TEST_CASE("a file that cannot be read any more keeps its last good version in force") {
  const policy::Sources before = sourcesOf({{"/etc/a.toml", textOf("a")}});
  const auto adopted = adoptPolicies(before, sourcesOf({{"/etc/a.toml", {}, "a symbolic link"}}));
  CHECK(loads(adopted.sources, "a"));
  CHECK(adopted.broken.size() == 1);
}

TEST_CASE("a file that only breaks what is built from it keeps its last good version as well") {
  const policy::Sources before = sourcesOf({{"/etc/a.toml", textOf("a", "extends = [\"base\"]\n")}});
  const auto adopted = adoptPolicies(before, sourcesOf({{"/etc/a.toml", textOf("a", "extends = [\"bse\"]\n")}}));
  CHECK(loads(adopted.sources, "a"));
  REQUIRE(adopted.broken.size() == 1);
  CHECK(adopted.broken[0].what.file == "/etc/a.toml");
  CHECK(describe(adopted.broken[0]).find("/etc/a.toml:3:") == 0);
}

TEST_CASE("a broken file without a good version before it is refused by name") {
  const auto adopted = adoptPolicies({}, sourcesOf({{"/etc/a.toml", textOf("a", "colour = 1\n")}}));
  CHECK_FALSE(loads(adopted.sources, "a"));
  CHECK(loads(adopted.sources, "base"));
  REQUIRE(adopted.broken.size() == 1);
  CHECK(adopted.broken[0].inForce == Instead::kNothing);
}

TEST_CASE("a policy whose file is removed is gone, and what was built on it is refused") {
  const policy::Sources before =
      sourcesOf({{"/etc/a.toml", textOf("a")}, {"/etc/b.toml", textOf("b", "extends = [\"a\"]\n")}});
  const auto adopted = adoptPolicies(before, sourcesOf({{"/etc/b.toml", textOf("b", "extends = [\"a\"]\n")}}));
  CHECK_FALSE(loads(adopted.sources, "a"));
  CHECK_FALSE(loads(adopted.sources, "b"));
}

TEST_CASE("files are read again when they changed, and each trouble is told once") {
  test::TempDir dir;
  dir.write("p/a.toml", textOf("a"));
  SystemPolicies policies({dir.path() + "/p", dir.path() + "/absent"});
  CHECK(policies.look(kNow).empty());
  CHECK(loads(policies.inForce(), "a"));
  dir.write("p/a.toml", textOf("a", "colour = 1\n"));
  REQUIRE(policies.look(kNow).size() == 1);
  CHECK(policies.look(kNow).empty());
  CHECK(policies.look(kNow, SystemPolicies::Reading::kAlways).empty());
  CHECK(policies.broken().size() == 1);
  CHECK(loads(policies.inForce(), "a"));
  dir.write("p/a.toml", textOf("a", "[limits]\npids = 9\n"));
  const auto news = policies.look(kNow);
  REQUIRE(news.size() == 1);
  CHECK(news[0].find("in force again") != std::string::npos);
  CHECK(policies.inForce().shipped[0].text.find("pids") != std::string::npos);
}

TEST_CASE("a directory that cannot be listed keeps what it had; one that never could be stops every launch") {
  test::TempDir dir;
  dir.write("p/a.toml", textOf("a"));
  const std::string path = dir.path() + "/p";
  SystemPolicies policies({path});
  CHECK(policies.look(kNow).empty());
  REQUIRE(::rename(path.c_str(), (path + "-before").c_str()) == 0);
  dir.write("p", "a file where the directory was");
  REQUIRE(policies.look(kNow).size() == 1);
  CHECK(policies.unlisted().empty());
  CHECK(loads(policies.inForce(), "a"));
  SystemPolicies late({path});
  CHECK(late.look(kNow).size() == 1);
  CHECK(late.unlisted().size() == 1);
}
