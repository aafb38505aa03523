#include "sdk/base/text.h"

#include <catch2/catch_test_macros.hpp>

#include "sdk/base/bounded_text.h"
#include "sdk/base/json_writer.h"

using namespace ringfence;

TEST_CASE("text that moves the cursor or hides is shown as escapes") {
  CHECK(escapeForDisplay("plain äöü 漢字") == "plain äöü 漢字");
  CHECK(escapeForDisplay("a\x1b[2Jb") == "a\\x1b[2Jb");
  CHECK(escapeForDisplay("a\r\n\tb\\") == "a\\r\\n\\tb\\\\");
  CHECK(escapeForDisplay("\xe2\x80\xae"
                         "gnp.exe") == "\\u{202e}gnp.exe");
  CHECK(escapeForDisplay("\xc2\x9b"
                         "31m") == "\\u{9b}31m");
  CHECK(escapeForDisplay("\xff\xc0\x80") == "\\xff\\xc0\\x80");
  CHECK(escapeForDisplay(std::string_view("\0x", 2)) == "\\x00x");
  CHECK_FALSE(needsEscaping("plain 漢字"));
  CHECK(needsEscaping("\x7f"));
}

TEST_CASE("a long text is cut between two characters, and one that is no UTF-8 at the bound") {
  CHECK(beginningOf("abc", 3) == "abc");
  CHECK(beginningOf("abc", 2) == "ab");
  CHECK(beginningOf("abc", 0).empty());
  for (const std::size_t most : {4u, 5u, 6u, 7u}) CHECK(beginningOf("漢😀字", most) == (most == 7 ? "漢😀" : "漢"));
  CHECK(beginningOf("漢", 2).empty());
  CHECK(beginningOf("\x80\x80\x80\x80\x80\x80", 5) == "\x80\x80\x80\x80\x80");
}

TEST_CASE("a name in quotes is escaped, and says where it goes on") {
  CHECK(inQuotes("na\"me\n") == "\"na\"me\\n\"");
  CHECK(inQuotes(std::string(64, 'x')) == "\"" + std::string(64, 'x') + "\"");
  CHECK(inQuotes(std::string(63, 'x') + "é") == "\"" + std::string(63, 'x') + "…\"");
}

TEST_CASE("overlong and surrogate encodings are not UTF-8") {
  CHECK(isValidUtf8("\xf0\x9f\x98\x80"));
  CHECK_FALSE(isValidUtf8("\xc0\xaf"));
  CHECK_FALSE(isValidUtf8("\xed\xa0\x80"));
  CHECK_FALSE(isValidUtf8("\xf4\x90\x80\x80"));
  CHECK_FALSE(isValidUtf8("\xe2\x82"));
}

TEST_CASE("base64 goes there and back, and refuses what it would not have written") {
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff\x10z", 4)}) {
    CHECK(decodeBase64(encodeBase64(text)) == text);
  }
  CHECK(encodeBase64("Man") == "TWFu");
  CHECK_FALSE(decodeBase64("TWF"));
  CHECK_FALSE(decodeBase64("T=Fu"));
  CHECK_FALSE(decodeBase64("TW F"));
}

TEST_CASE("a JSON string holds quotes, controls and broken bytes safely") {
  CHECK(quoteJson("a\"b\\c\n\x01") == R"("a\"b\\c\n\u0001")");
  CHECK(quoteJson("\xff") == R"("\\xff")");
}

TEST_CASE("JSON shows what hides or reorders text as escapes, and means the same to a parser") {
  CHECK(quoteJson("\x7f\xc2\x9b") == R"("\u007f\u009b")");
  CHECK(quoteJson("\xe2\x80\xaegnp.exe") == R"("\u202egnp.exe")");
  for (const char* hidden : {"\u061c", "\u200b", "\u200d", "\u200e", "\u200f", "\u202a", "\u202e", "\u2060", "\u2066",
                             "\u2069", "\ufeff", "\u00ad", "\u2028"}) {
    const std::string quoted = quoteJson(hidden);
    CHECK(quoted.size() == 8);
    CHECK(quoted.starts_with("\"\\u"));
  }
  CHECK(quoteJson("\U000E0041") == R"("\udb40\udc41")");
  CHECK(quoteJson("plain äöü 漢字 😀") == "\"plain äöü 漢字 😀\"");
}

TEST_CASE("JSON that was made elsewhere is escaped inside a document without changing it") {
  CHECK(escapeJson("{\"name\":\"a\u202eb\"}\n") == "{\"name\":\"a\\u202eb\"}\n");
  CHECK(escapeJson("{\"\u200bk\":[1,\"ä\"]}") == "{\"\\u200bk\":[1,\"ä\"]}");
  JsonWriter json;
  json.beginObject().key("body").raw("{\"name\":\"\ufeff\"}").endObject();
  CHECK(json.text() == R"({"body":{"name":"\ufeff"}})");
}

TEST_CASE("the JSON writer places commas between fields, values and nested objects") {
  JsonWriter json;
  json.beginObject()
      .field("a", 1)
      .field("b", true)
      .key("c")
      .beginArray()
      .value("x")
      .value(2.5)
      .beginObject()
      .endObject()
      .endArray();
  json.key("d").null().endObject();
  CHECK(json.text() == R"({"a":1,"b":true,"c":["x",2.5,{}],"d":null})");
}

TEST_CASE("untrusted text that was changed carries its bytes beside it") {
  JsonWriter json;
  json.beginObject().untrustedField("name", "ok").untrustedField("cmd", "\x1bq").endObject();
  CHECK(json.text() == R"({"name":"ok","cmd":"\\x1bq","cmd_raw":"G3E="})");
}

TEST_CASE("the nearest name is offered only when it is close") {
  CHECK(nearestName("workspce", {"workspace", "write"}) == "workspace");
  CHECK_FALSE(nearestName("zebra", {"workspace", "write"}));
}
