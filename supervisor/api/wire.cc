#include "supervisor/api/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/json_util.h>

#include "sdk/base/io.h"
#include "supervisor/api/nesting.h"

namespace ringfence::supervisor::api {
namespace {

namespace pb = google::protobuf;

constexpr char kProtobufByte = 0x01;
constexpr char kProtobufMemfdByte = 0x02;
constexpr char kJsonMemfdByte = 0x03;

Error malformed(std::string what) { return {ErrorCode::kInvalid, std::move(what)}; }

// Depth is bounded by the parse that came before.
bool hasUnknownFields(const pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (hasUnknownFields(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (hasUnknownFields(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

Result<v1::ClientPacket> parseProtobuf(std::string_view bytes) {
  v1::ClientPacket message;
  pb::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  pb::io::CodedInputStream input(&array);
  input.SetRecursionLimit(kMaxNesting);
  if (!message.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage())
    return malformed("the packet is no protobuf message");
  if (hasUnknownFields(message)) return malformed("the packet has a field that this daemon does not know");
  return message;
}

Result<v1::ClientPacket> parseJson(std::string_view json) {
  // The JSON parser of protobuf has a depth of its own (100); ours is smaller and counted before it runs.
  if (nestsDeeperThan(json, kMaxNesting)) return malformed("the JSON nests deeper than " + std::to_string(kMaxNesting));
  v1::ClientPacket message;
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = pb::util::JsonStringToMessage({json.data(), json.size()}, &message, options);
  if (!status.ok()) return malformed("the JSON is no request: " + std::string(status.message()));
  return message;
}

}  // namespace

Format formatOf(std::string_view bytes) {
  return !bytes.empty() && (bytes[0] == '{' || bytes[0] == kJsonMemfdByte) ? Format::kJson : Format::kProtobuf;
}

Result<Decoded> decodePacket(std::string_view bytes, std::vector<UniqueFd>& fds) {
  if (bytes.empty()) return malformed("an empty packet");
  if (bytes.size() > kMaxPacket.count) return malformed("a packet longer than " + formatBytes(kMaxPacket));
  const Format format = formatOf(bytes);
  std::string held;
  if (bytes[0] == kProtobufMemfdByte || bytes[0] == kJsonMemfdByte) {
    if (bytes.size() != 1 || fds.empty())
      return malformed("a packet that announces a memfd carries one byte and the memfd");
    held = RF_TRY(readSealedMemfd(fds.front().get(), kMaxMessage, "the message"));
    fds.erase(fds.begin());
    bytes = held;
  } else if (bytes[0] == kProtobufByte) {
    bytes.remove_prefix(1);
  } else if (bytes[0] != '{') {
    return malformed("the packet begins with neither 0x01, 0x02, 0x03 nor '{'");
  }
  if (format == Format::kJson) return Decoded{format, RF_TRY(parseJson(bytes))};
  return Decoded{format, RF_TRY(parseProtobuf(bytes))};
}

Result<Encoded> encodePacket(const v1::ServerPacket& message, Format format) {
  Encoded encoded;
  if (format == Format::kJson) {
    pb::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    const auto status = pb::util::MessageToJsonString(message, &encoded.bytes, options);
    if (!status.ok()) return Error{ErrorCode::kInternal, "writing an answer as JSON: " + std::string(status.message())};
  } else {
    encoded.bytes.assign(1, kProtobufByte);
    if (!message.AppendToString(&encoded.bytes)) return Error{ErrorCode::kInternal, "writing an answer"};
  }
  encoded.size = encoded.bytes.size();
  if (encoded.size <= kMaxPacket.count) return encoded;
  if (encoded.size > kMaxMessage.count)
    return Error{ErrorCode::kUnavailable, "the answer is longer than " + formatBytes(kMaxMessage)};
  const std::size_t skip = format == Format::kProtobuf ? 1 : 0;
  encoded.memfd = RF_TRY(sealedMemfd("ringfence-answer", std::string_view(encoded.bytes).substr(skip)));
  encoded.bytes.assign(1, format == Format::kJson ? kJsonMemfdByte : kProtobufMemfdByte);
  return encoded;
}

}  // namespace ringfence::supervisor::api
