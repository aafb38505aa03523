#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/rpc/lines.h"
#include "sdk/rpc/message.h"

using namespace ringfence;
using namespace ringfence::rpc;
using nlohmann::json;

namespace {

std::vector<std::string> taken(LineReader& reader) {
  std::vector<std::string> lines;
  while (auto line = reader.next()) lines.push_back(line->isTooLong ? "(too long)" : line->text);
  return lines;
}

}  // namespace

TEST_CASE("lines come whole, however their bytes come") {
  const std::string text = "one\ntwo\r\n\nfour";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineReader reader;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at += size) {
      reader.feed(std::string_view(text).substr(at, size));
      for (std::string& line : taken(reader)) lines.push_back(std::move(line));
    }
    CHECK(lines == std::vector<std::string>{"one", "two", ""});
    CHECK(reader.isWithin());
  }
}

TEST_CASE("a line that is too long is told once, and the next one is whole") {
  LineReader reader(Bytes{8});
  for (int i = 0; i < 100; ++i) {
    reader.feed("0123456789");
    CHECK(taken(reader).empty());
    CHECK(reader.isWithin());
  }
  reader.feed("\nshort\n");
  CHECK(taken(reader) == std::vector<std::string>{"(too long)", "short"});
  CHECK_FALSE(reader.isWithin());
  reader.feed("12345678\n123456789\n");
  CHECK(taken(reader) == std::vector<std::string>{"12345678", "(too long)"});
}

TEST_CASE("a message says what it is, and its id as it was written") {
  const auto request = readMessage(R"( {"jsonrpc":"2.0","id":"a\"1","method":"ping"} )");
  REQUIRE(request);
  CHECK(*request == Message{Message::Kind::kRequest, "ping", R"("a\"1")"});
  CHECK(*readMessage(R"({"id":7,"method":"ping","params":{"id":8,"method":"x"}})") ==
        Message{Message::Kind::kRequest, "ping", "7"});
  CHECK(*readMessage(R"({"method":"note"})") == Message{Message::Kind::kNotification, "note", ""});
  CHECK(*readMessage(R"({"id":-1,"result":{}})") == Message{Message::Kind::kResponse, "", "-1"});
  CHECK(*readMessage(R"({"id":null,"error":{}})") == Message{Message::Kind::kResponse, "", "null"});
}

TEST_CASE("nothing hides in a message behind a NUL, where its text would end") {
  const std::string first = R"({"id":1,"method":"ping"})", second = R"({"id":2,"method":"tools/call"})";
  REQUIRE(readMessage(first));
  for (const std::string& line : {first + '\0' + second, first + '\0', '\0' + first}) {
    const auto message = readMessage(line);
    REQUIRE_FALSE(message);
    CHECK(message.error().message == "the message is no JSON: it holds a NUL");
  }
}

TEST_CASE("what is passed on is the same document, and no reader finds the end of a line in it") {
  // A blank for us, an end of a line for others: in text files of Python, in the readline of Node.
  const std::string line = "{\"id\":1,\r\"method\":\"m\",\"params\":{\"a\":\"\xe2\x80\xa8\xc2\x85\xe2\x80\xa9é\"}}";
  REQUIRE(readMessage(line));
  const std::string passed = inOneLine(line);
  CHECK(json::parse(passed) == json::parse(line));
  for (const char* end : {"\r", "\n", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xc2\x85"})
    CHECK(passed.find(end) == std::string::npos);
  CHECK(passed.find("é") != std::string::npos);
}

TEST_CASE("parameters are an object, and no member is one in other letters") {
  CHECK(*readParams(R"({"method":"m"})", {"name"}) == json::object());
  CHECK_FALSE(readParams(R"({"method":"m","params":[1]})", {"name"}));
  CHECK_FALSE(readParams(R"({"method":"m","params":{"Name":"x"}})", {"name"}));
  CHECK_FALSE(readParams("{\"method\":\"m\",\"params\":{\"argument\xc5\xbf\":{}}}", {"arguments"}));
  CHECK(readParams(R"({"method":"m","params":{"Other":"x"}})", {"name"}));
}

TEST_CASE("a message has not more values than are bounded, and does not nest deeper") {
  std::string list = "1";
  for (std::size_t number = 0; number < kMaxValues; ++number) list += ",1";
  const auto many = readMessage("{\"method\":\"m\",\"params\":{\"a\":[" + list + "]}}");
  REQUIRE_FALSE(many);
  CHECK(many.error().message.find("values") != std::string::npos);
  const auto deep = readMessage("{\"method\":\"m\",\"params\":{\"a\":" + std::string(1'000'000, '['));
  REQUIRE_FALSE(deep);
  CHECK(deep.error().message.find("deeper") != std::string::npos);
}
