// Protobuf's own converter is what every message is compared with.
#include "supervisor/api/agent_json.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "sdk/proto/agent.pb.h"

using namespace ringfence;
using namespace ringfence::supervisor::api;
namespace pb = google::protobuf;
using Json = nlohmann::json;

namespace {

class Filler {
 public:
  explicit Filler(unsigned seed) : chance_(seed) {}

  void fill(pb::Message& message) {
    const pb::Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->real_containing_oneof() == nullptr && upTo(3) > 0) set(message, *type.field(i));
    }
    for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
      const pb::OneofDescriptor& one = *type.oneof_decl(i);
      set(message, *one.field(static_cast<int>(upTo(static_cast<std::uint64_t>(one.field_count() - 1)))));
    }
  }

 private:
  std::uint64_t upTo(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most)(chance_); }
  std::string text() {
    static const std::vector<std::string> kTexts{"",
                                                 "a",
                                                 "two words",
                                                 "\"quoted\" \\ and /",
                                                 "line\nbreak\ttab",
                                                 "\x1b[31m",
                                                 "文字",
                                                 "\u202e",
                                                 "</script>",
                                                 "{\"to\":\"prod\"}",
                                                 std::string("nul\0inside", 10)};
    return kTexts[upTo(kTexts.size() - 1)];
  }
  std::uint64_t number() {
    const std::uint64_t numbers[] = {0, 1, 900, upTo(std::numeric_limits<std::uint64_t>::max()),
                                     std::numeric_limits<std::uint64_t>::max()};
    return numbers[upTo(4)];
  }

  void set(pb::Message& message, const pb::FieldDescriptor& field) {
    const pb::Reflection& reflection = *message.GetReflection();
    using Kind = pb::FieldDescriptor;
    if (field.is_map()) {
      pb::Message& entry = *reflection.AddMessage(&message, &field);
      entry.GetReflection()->SetString(&entry, entry.GetDescriptor()->map_key(), "tool_calls");
      entry.GetReflection()->SetUInt64(&entry, entry.GetDescriptor()->map_value(), number());
      return;
    }
    if (field.is_repeated()) {
      REQUIRE(field.type() == Kind::TYPE_STRING);
      for (std::uint64_t left = upTo(3); left > 0; --left) reflection.AddString(&message, &field, text());
      return;
    }
    switch (field.cpp_type()) {
      case Kind::CPPTYPE_STRING:
        REQUIRE(field.type() == Kind::TYPE_STRING);
        reflection.SetString(&message, &field, text());
        return;
      case Kind::CPPTYPE_BOOL: reflection.SetBool(&message, &field, upTo(1) == 1); return;
      case Kind::CPPTYPE_UINT32: reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(number())); return;
      case Kind::CPPTYPE_UINT64: reflection.SetUInt64(&message, &field, number()); return;
      case Kind::CPPTYPE_DOUBLE: reflection.SetDouble(&message, &field, static_cast<double>(upTo(1000)) / 7); return;
      case Kind::CPPTYPE_MESSAGE: fill(*reflection.MutableMessage(&message, &field)); return;
      default: FAIL(field.full_name() << " is of a kind that the agent's socket does not read");
    }
  }

  std::mt19937_64 chance_;
};

std::string written(const pb::Message& message) {
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  REQUIRE(pb::util::MessageToJsonString(message, &text, options).ok());
  return text;
}

std::string wrongWith(std::string_view json) {
  v1::AgentPacket message;
  const auto read = readAgentJson(json, message);
  return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("what an agent is told is written as protobuf's own converter writes it") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    v1::AgentAnswer message;
    Filler(seed).fill(message);
    CHECK(Json::parse(writeAgentJson(message)) == Json::parse(written(message)));
  }
}

TEST_CASE("what protobuf's own converter writes of a request is read as it was") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    v1::AgentPacket message, read;
    Filler(seed).fill(message);
    const std::string json = written(message);
    CAPTURE(json);
    REQUIRE(readAgentJson(json, read));
    CHECK(pb::util::MessageDifferencer::Equals(message, read));
  }
}

TEST_CASE("numbers come as numbers or as texts, and null is as good as nothing") {
  v1::AgentPacket message;
  REQUIRE(readAgentJson(R"( {"id":"7","report_usage":{"id":"u","model":null,"input_tokens":1e3,"output_tokens":"12",)"
                        R"("cost_usd":"0.5","counters":{"a":1,"b":"2"}}} )",
                        message));
  CHECK(message.id() == 7);
  const v1::AgentUsage& usage = message.report_usage();
  CHECK(usage.input_tokens() == 1000);
  CHECK(usage.output_tokens() == 12);
  CHECK(usage.cost_usd() == 0.5);
  CHECK(usage.counters().at("a") == 1);
  CHECK(usage.counters().at("b") == 2);
}

TEST_CASE("what is no request is refused in words, also where another reader would choose one of two meanings") {
  CHECK(wrongWith("{") == "it is no JSON at byte 2");
  CHECK(wrongWith("{} {}") != "");
  CHECK(wrongWith("[]") == "it is a list");
  CHECK(wrongWith("null") == "it is no object");
  CHECK(wrongWith("7") == "it is no object");
  CHECK(wrongWith(R"({"id":1,"id":2})") == "\"id\" comes twice in one object");
  CHECK(wrongWith(R"({"id":1,"whoami":{},"stop":{}})") == "stop is beside another request");
  CHECK(wrongWith(R"({"id":1,"uid":0})") == "\"uid\" is no field of AgentPacket");
  CHECK(wrongWith(R"({"id":1,"safePoint":{}})") == "\"safePoint\" is no field of AgentPacket");
  CHECK(wrongWith(R"({"id":-1})") == "id is of another kind");
  CHECK(wrongWith(R"({"id":1.5})") == "id is of another kind");
  CHECK(wrongWith(R"({"id":18446744073709551616})") == "id is of another kind");
  CHECK(wrongWith(R"({"id":" 1"})") == "id is of another kind");
  CHECK(wrongWith(R"({"id":true})") == "id is of another kind");
  CHECK(wrongWith(R"({"id":{}})") == "id is no object");
  CHECK(wrongWith(R"({"id":[1]})") == "id is no list");
  CHECK(wrongWith(R"({"hello":{"protocol":4294967296}})") == "protocol is of another kind");
  CHECK(wrongWith(R"({"whoami":1})") == "whoami is of another kind");
  CHECK(wrongWith(R"({"stop":{"why":1}})") == "why is of another kind");
  CHECK(wrongWith(R"({"guard":{"argv":"ls"}})") == "argv is a list");
  CHECK(wrongWith(R"({"guard":{"argv":{}}})") == "argv is no object");
  CHECK(wrongWith(R"({"guard":{"argv":[["ls"]]}})") == "argv is no list");
  CHECK(wrongWith(R"({"guard":{"argv":["ls",null]}})") == "argv holds null");
  CHECK(wrongWith(R"({"guard":{"argv":["ls",1]}})") == "argv is of another kind");
  CHECK(wrongWith(R"({"report_usage":{"counters":[]}})") == "counters is no list");
  CHECK(wrongWith(R"({"report_usage":{"counters":{"a":1,"a":2}}})") == "\"a\" comes twice in one object");
  CHECK(wrongWith(R"({"report_usage":{"counters":{"a":"x"}}})") == "counters holds a value of another kind");
  CHECK(wrongWith(R"({"report_usage":{"counters":{"a":{}}}})") == "counters is no object");
  CHECK(wrongWith("{\"stop\":{\"why\":\"\\ud800\"}}") != "");
  CHECK(wrongWith(std::string_view("{\"id\":1}\0{\"id\":2}", 18)) == "it holds a NUL byte");
}

TEST_CASE("a text that is not UTF-8 is not written") {
  v1::AgentAnswer message;
  message.mutable_whoami()->set_name("\xff");
  CHECK(writeAgentJson(message).empty());
}
