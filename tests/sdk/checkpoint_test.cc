// What an agent in C++ keeps: whole, one process at a time, the same file that Python has.
#include "sdk/agent/checkpoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <filesystem>
#include <stdexcept>

#include "sdk/agent/digest.h"
#include "sdk/agent/json_members.h"
#include "sdk/base/sha256.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace std::chrono_literals;

namespace {

constexpr const char* kGolden = RF_SOURCE_DIR "/tests/golden/checkpoint/both.checkpoint";

struct Place {
  test::TempDir dir;
  CheckpointTrouble trouble;
  std::optional<Checkpoint> open(std::string_view name = "a", const std::string& workspace = "/") {
    return Checkpoint::open(name, {.workspace = workspace, .folder = dir.path() + "/kept", .patience = 0ms}, trouble);
  }
  // What only a kept file can be: the whole of it, by the path that an open one has.
  std::string text() { return test::readFile(open().value().path()); }
  void put(const std::string& text) { (void)dir.write("kept/a-8a5edab282632443.checkpoint", text); }
};

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("the digest of a checkpoint is SHA-256, at every length around a block") {
  CHECK(agent::digestHex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::string bytes;
  for (unsigned length = 0; length <= 300; ++length) {
    CHECK(agent::digestHex(bytes) == sha256Hex(bytes));
    bytes += static_cast<char>(length * 37);
  }
  CHECK(agent::digestHex(std::string(1'000'003, 'x')) == sha256Hex(std::string(1'000'003, 'x')));
}

TEST_CASE("what was saved is found again with its version and its run") {
  Place place;
  ::setenv("RINGFENCE_RUN", "r-1", 1);
  {
    auto first = place.open().value();
    CHECK_FALSE(first.restore());
    REQUIRE(first.save(R"( {"n": 1, "list": [1, null, "ä"]} )", 3));
  }
  ::unsetenv("RINGFENCE_RUN");
  const auto kept = place.open().value().restore().value();
  CHECK(agent::jsonMembersOf(kept.dataJson).value().at(1).value == R"([1, null, "ä"])");
  CHECK(kept.version == 3);
  CHECK(kept.run == "r-1");
  CHECK(std::chrono::abs(std::chrono::system_clock::now() - kept.saved) < 1h);
  struct stat status {};
  REQUIRE(::stat(place.open().value().path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(::stat((place.dir.path() + "/kept").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("what Python wrote is read to the letter, gone on with, and stays what it was") {
  Place place;
  (void)place.open().value();  // The folder.
  place.put(test::readFile(kGolden));
  auto checkpoint = place.open().value();
  const auto kept = checkpoint.restore().value();
  const std::string data =
      "{\"next\":7,\"big\":123456789012345678901234567890,\"half\":0.5,\"text\":\"\\u00e4\\ud800\\n\\\"\","
      "\"none\":null,\"list\":[true,[]]}";
  CHECK(kept.dataJson == data);
  CHECK(kept.version == 3);
  CHECK(kept.run == "r-0123456789abcdef");
  CHECK(kept.saved == std::chrono::system_clock::time_point(1764441234250ms));
  const auto never = []() -> std::optional<std::string> {
    FAIL("it was done already");
    return std::nullopt;
  };
  CHECK(checkpoint.once("mail-6", never) == R"({"id":"m-6"})");
  CHECK(checkpoint.once("bräu\n", never) == "null");
  CHECK_FALSE(checkpoint.once("mail-7", never));
  CHECK(checkpoint.trouble().fault == CheckpointFault::kUnsure);
  CHECK(checkpoint.once(
            "mail-7", [] { return "8"; }, Checkpoint::Unsure::kAgain) == "8");
  const std::string text = test::readFile(checkpoint.path());
  CHECK(text.find(data) != std::string::npos);
  CHECK(text.find("\"br\\u00e4u\\n\":{\"result\":null}") != std::string::npos);
}

TEST_CASE("another name and another workspace have another checkpoint, and a name is checked") {
  Place place;
  REQUIRE(place.open().value().save("1"));
  CHECK_FALSE(place.open("b").value().restore());
  CHECK_FALSE(place.open("a", "/usr").value().restore());
  CHECK(place.open("a", "/usr/..").value().restore());
  for (const std::string& name : {std::string(), std::string("../a"), std::string("a/b"), std::string(".a"),
                                  std::string(65, 'a'), std::string("a\n")}) {
    CHECK_FALSE(place.open(name));
    CHECK(place.trouble.fault == CheckpointFault::kInvalid);
  }
}

TEST_CASE("two do not have a checkpoint at once, and it is free when the first one is gone") {
  Place place;
  {
    auto first = place.open().value();
    CHECK_FALSE(place.open());
    CHECK(place.trouble.fault == CheckpointFault::kBusy);
    const Checkpoint moved = std::move(first);
    CHECK_FALSE(place.open());
  }
  CHECK(place.open().value().save("1"));
}

TEST_CASE("a checkpoint that is not what was written is refused and left") {
  Place place;
  REQUIRE(place.open().value().save(R"({"secret":12345})"));
  const std::string whole = place.text();
  const auto with = [&](std::string_view old, std::string_view fresh) {
    std::string text = whole;
    return text.replace(text.find(old), old.size(), fresh);
  };
  const auto signedAs = [](const std::string& body) {
    return R"({"ringfence_checkpoint": 1, "sha256": ")" + sha256Hex(body) + "\"}\n" + body;
  };
  for (const std::string& text :
       {whole.substr(0, whole.size() - 3), with("12345", "12346"), std::string(), std::string("[]\n{}"),
        std::string("{}\n{}"), with("checkpoint\": 1", "checkpoint\": 2"), std::string(100'000, '['),
        std::string(100, '\xff'), std::string(9 << 20, ' '), signedAs("[]"), signedAs("{}"),
        signedAs(R"({"steps":[]})"), signedAs(R"({"data":{"value":1},"steps":{}})"),
        signedAs(R"({"data":7,"steps":{}})"), signedAs(R"({"data":{"value":[},"version":1},"steps":{}})"),
        signedAs(R"({"data":"\)"), signedAs("{\"a"),
        signedAs(R"({"data":{"value":1,"version":99999999999999999999},"steps":{}})")}) {
    INFO(text.substr(0, 150));
    place.put(text);
    CHECK_FALSE(place.open());
    CHECK(place.trouble.fault == CheckpointFault::kDamaged);
    CHECK(test::readFile(place.dir.path() + "/kept/a-8a5edab282632443.checkpoint") == text);
  }
  place.put(with("checkpoint\": 1", "checkpoint\": 2"));
  (void)place.open();
  CHECK(place.trouble.say.find("has format 2; this version reads 1") != std::string::npos);
  place.put(signedAs(R"({"later":[1],"data":null,"steps":{}})"));
  CHECK(place.open().value().save("2"));
  CHECK(place.text().find("\"later\":[1]") != std::string::npos);
}

TEST_CASE("a checkpoint is a regular file or none") {
  Place place;
  const std::string path = place.open().value().path();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_FALSE(place.open());
  CHECK(place.trouble.fault == CheckpointFault::kDamaged);
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(::symlink("/etc/hostname", path.c_str()) == 0);
  CHECK_FALSE(place.open());
  CHECK(place.trouble.fault == CheckpointFault::kUnavailable);
}

TEST_CASE("what cannot be kept leaves what was kept before") {
  Place place;
  auto checkpoint = place.open().value();
  REQUIRE(checkpoint.save("1"));
  CHECK_FALSE(checkpoint.save("\"" + std::string(8 << 20, 'x') + "\""));
  CHECK(checkpoint.trouble().fault == CheckpointFault::kTooLarge);
  for (const std::string& json : {std::string(), std::string("NaN"), std::string("1e999"), std::string("{]"),
                                  std::string("1 2"), std::string("\"\xff\""), nested(257)}) {
    CHECK_FALSE(checkpoint.save(json));
    CHECK(checkpoint.trouble().fault == CheckpointFault::kInvalid);
  }
  CHECK(checkpoint.save(nested(256)));
  REQUIRE(checkpoint.save("1"));
  REQUIRE(std::filesystem::create_directory(checkpoint.path() + ".new"));
  CHECK_FALSE(checkpoint.save("2"));
  CHECK(checkpoint.trouble().fault == CheckpointFault::kUnavailable);
  CHECK(checkpoint.restore()->dataJson == "1");
  REQUIRE(std::filesystem::remove(checkpoint.path() + ".new"));
  CHECK(checkpoint.save("3"));
  CHECK(checkpoint.trouble().fault == CheckpointFault::kNone);
}

TEST_CASE("a step is known to be begun before its effect, and is done once") {
  Place place;
  int done = 0;
  {
    auto checkpoint = place.open().value();
    std::string seen;
    const auto effect = [&] {
      ++done;
      seen = test::readFile(checkpoint.path());
      return std::optional<std::string>("[7]");
    };
    CHECK(checkpoint.once("s", effect) == "[7]");
    CHECK(seen.find(R"("s":{})") != std::string::npos);
    CHECK(checkpoint.once("s", effect) == "[7]");
    CHECK(checkpoint.save("\"beside\""));
  }
  auto again = place.open().value();
  const auto count = [&] { return ++done, std::optional<std::string>("8"); };
  CHECK(again.once("s", count) == "[7]");
  CHECK(again.restore()->dataJson == "\"beside\"");
  CHECK(done == 1);
  CHECK(again.forget("s"));
  CHECK(again.once("s", count) == "8");
  CHECK(done == 2);
}

TEST_CASE("a step whose end nobody knows is refused, or done again where that is said") {
  Place place;
  {
    auto checkpoint = place.open().value();
    CHECK_THROWS_AS(checkpoint.once("s", []() -> std::optional<std::string> { throw std::runtime_error("lost"); }),
                    std::runtime_error);
    CHECK_FALSE(checkpoint.once("t", [] { return std::optional<std::string>(); }));
    CHECK(checkpoint.trouble().fault == CheckpointFault::kNoResult);
    CHECK_FALSE(checkpoint.once("u", [] { return std::optional<std::string>("nan"); }));
    CHECK(checkpoint.trouble().fault == CheckpointFault::kInvalid);
  }
  auto again = place.open().value();
  for (const char* step : {"s", "t", "u"}) {
    CHECK_FALSE(again.once(step, [] { return "1"; }));
    CHECK(again.trouble().fault == CheckpointFault::kUnsure);
    CHECK(again.once(
              step, [] { return "2"; }, Checkpoint::Unsure::kAgain) == "2");
    CHECK(again.once(step, [] { return "3"; }) == "2");
  }
  for (const std::string& step : {std::string(), std::string(65, 's'), std::string("\xff")}) {
    CHECK_FALSE(again.once(step, [] { return "1"; }));
    CHECK(again.trouble().fault == CheckpointFault::kInvalid);
  }
}

TEST_CASE("steps of a checkpoint are bounded") {
  Place place;
  (void)place.open().value();
  std::string body = R"({"data":null,"steps":{)";
  for (int step = 0; step < 4096; ++step)
    body += (step == 0 ? "\"" : ",\"") + std::to_string(step) + "\":{\"result\":1}";
  body += "}}";
  place.put(R"({"ringfence_checkpoint": 1, "sha256": ")" + sha256Hex(body) + "\"}\n" + body);
  auto checkpoint = place.open().value();
  bool isDone = false;
  CHECK_FALSE(checkpoint.once("more", [&] { return isDone = true, "1"; }));
  CHECK_FALSE(isDone);
  CHECK(checkpoint.trouble().fault == CheckpointFault::kTooLarge);
  CHECK(checkpoint.forget("7"));
  CHECK(checkpoint.once("more", [] { return "1"; }) == "1");
}
