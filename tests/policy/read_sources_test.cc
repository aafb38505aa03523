#include "policy/read_sources.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "policy/flatten.h"
#include "sdk/base/unique_fd.h"
#include "tests/policy/sources.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::policy;
using namespace ringfence::test;

TEST_CASE("the policies of a directory come sorted, hidden and other files left out") {
  const TempDir directory;
  directory.write("b.toml", "# b\n");
  directory.write("a.toml", "# a\n");
  directory.write(".c.toml", "# c\n");
  directory.write("notes.txt", "x");
  const auto texts = readDirectory(directory.path());
  REQUIRE(texts);
  REQUIRE(texts->size() == 2);
  CHECK((*texts)[0].file == directory.path() + "/a.toml");
  CHECK((*texts)[1].text == "# b\n");
  CHECK(readDirectory(directory.path() + "/absent")->empty());
}

TEST_CASE("a pipe, a socket, a directory or a link in place of a policy is refused without waiting") {
  const TempDir directory;
  const std::string target = directory.write("target.txt", "schema = 1\n");
  REQUIRE(mkfifo((directory.path() + "/pipe.toml").c_str(), 0600) == 0);
  REQUIRE(symlink(target.c_str(), (directory.path() + "/link.toml").c_str()) == 0);
  directory.makeDirectory("folder.toml");
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory.path() + "/socket.toml";
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);

  const auto texts = readDirectory(directory.path());
  REQUIRE(texts);
  REQUIRE(texts->size() == 4);
  for (const SourceText& source : *texts) {
    INFO(source.file);
    CHECK(source.unreadable.find("not a regular file") != std::string::npos);
  }
  const DirectoryTexts apart = readDirectories({directory.path()});
  CHECK(apart.texts.empty());
  CHECK(apart.unreadable.size() == 4);
  CHECK_FALSE(readSource(directory.path() + "/link.toml"));
  CHECK(readSource(directory.path() + "/link.toml", Links::kFollow)->text == "schema = 1\n");
  CHECK(readSource(directory.path() + "/none.toml").error().code == ErrorCode::kNotFound);
}

TEST_CASE("a policy that cannot be read stops whoever builds on it") {
  const TempDir directory;
  directory.write("big.toml", std::string(257 * 1024, ' '));
  directory.write("mine.toml", "extends = [\"big\"]\n");
  directory.write("free.toml", "");
  Sources sources;
  sources.user = std::move(*readDirectory(directory.path()));
  CHECK(refused(sources, "mine")[0].file == directory.path() + "/big.toml");
  CHECK(loaded(sources, "free").name == "free");
}

TEST_CASE("the first policy directory is the shipped one, the others are the system's") {
  const TempDir directory;
  directory.write("one/a.toml", "");
  directory.write("two/b.toml", "");
  directory.write("three/c.toml", "");
  const auto sources =
      readPolicyDirectories({directory.path() + "/one", directory.path() + "/two", directory.path() + "/three"});
  REQUIRE(sources);
  CHECK(sources->shipped.size() == 1);
  REQUIRE(sources->system.size() == 2);
  CHECK(sources->system[1].file == directory.path() + "/three/c.toml");
}

TEST_CASE("a document shown as TOML reads back as the same document") {
  for (const Available& policy : available(shippedSources())) {
    const Document original = loaded(shippedSources(), policy.name);
    const Document again = document(renderToml(original, ShowOrigins::kYes));
    Document named = again;
    named.name = original.name;
    CHECK(documentHash(named) == documentHash(original));
  }
  const Document rich = document(R"(
network.forbid = [{ cidr = "169.254.0.0/16", why = "a \"quoted\" why" }]
network.allow = [{ host = "*.example.org", port = 443 }]
exec.rule = [{ match = ["git", "push"], decide = "ask", why = "x" },
             { match = ["npm"], decide = "rewrite", rewrite = ["/usr/bin/npm", "--dry-run"] }]
mode = "audit"
audit.read = ["/data"]
grant = [{ op = "exec", target = "/usr/bin/git", argv = ["git", "push", ""], until = "2026-12-31T00:00:00+01:00", why = "w" },
         { op = "connect", target = "a.b:443" }, { op = "write", target = "~/x" }]
files.ask = ["~/Documents", "**/Makefile"]
files.ask_read = ["~/Mail"]
files.rewrite = [{ match = "~/x", to = "$WORKSPACE/x", why = "w" }, { match = "**/token", content = "a\nb\u0000" }]
network.rewrite = [{ host = "*.a.b", port = 80, to = "c.d:81", why = "w" }, { host = "e.f", to = "g.h" }]
network.loopback = [11434]
network.publish = [3000, 3001]
network.credential = [{ host = "a.b", header = "authorization", prefix = "Bearer ", from = "KEY", base = "BASE_URL" }]
network.send_limit = "1MiB"
prompt = { timeout = "90s", per_minute = 2 }
environment.set = { A = "tab\t and \\", B = "", C = "\u202e \u009b \u00e4 \U0001F600" }
limits = { cpu = "150%", memory = "1536MiB", pids = 3 }
)");
  Document again = document(renderToml(rich, ShowOrigins::kNo));
  CHECK(documentHash(again) == documentHash(rich));
  CHECK(again.grants.front().argv == rich.grants.front().argv);
  CHECK(again.files.rewrite.back().content == rich.files.rewrite.back().content);
  CHECK(again.prompt == rich.prompt);
  const std::string shown = renderToml(rich, ShowOrigins::kNo);
  CHECK(shown.find("C = \"\\U0000202E \\U0000009B \xc3\xa4 \xf0\x9f\x98\x80\"") != std::string::npos);
}
