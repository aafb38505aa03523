#include "supervisor/api/agent_json.h"

#include <google/protobuf/descriptor.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "sdk/base/bounded_text.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::supervisor::api {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
using Scalar = std::variant<bool, std::uint64_t, double, std::string>;

constexpr double kTwoTo64 = 18446744073709551616.0;

template <typename Number>
std::optional<Number> numberIn(const std::string& text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || stopped != end || text.empty()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> wholeOf(const Scalar& scalar) {
  if (const auto* whole = std::get_if<std::uint64_t>(&scalar)) return *whole;
  if (const auto* text = std::get_if<std::string>(&scalar)) return numberIn<std::uint64_t>(*text);
  const auto* number = std::get_if<double>(&scalar);
  if (number == nullptr || !(*number >= 0) || *number >= kTwoTo64 || *number != std::floor(*number))
    return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::optional<double> realOf(const Scalar& scalar) {
  if (const auto* number = std::get_if<double>(&scalar)) return *number;
  if (const auto* whole = std::get_if<std::uint64_t>(&scalar)) return static_cast<double>(*whole);
  const auto* text = std::get_if<std::string>(&scalar);
  const auto number = text != nullptr ? numberIn<double>(*text) : std::nullopt;
  return number && std::isfinite(*number) ? number : std::nullopt;
}

// False: the field is of another kind.
bool put(pb::Message& message, const Field& field, const Scalar& scalar) {
  const pb::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_STRING: {
      const auto* text = std::get_if<std::string>(&scalar);
      if (text == nullptr || field.type() != Field::TYPE_STRING) return false;
      if (field.is_repeated())
        reflection.AddString(&message, &field, *text);
      else
        reflection.SetString(&message, &field, *text);
      return true;
    }
    case Field::CPPTYPE_BOOL: {
      const auto* flag = std::get_if<bool>(&scalar);
      if (flag == nullptr || field.is_repeated()) return false;
      reflection.SetBool(&message, &field, *flag);
      return true;
    }
    case Field::CPPTYPE_UINT32: {
      const auto number = wholeOf(scalar);
      if (!number || *number > std::numeric_limits<std::uint32_t>::max() || field.is_repeated()) return false;
      reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(*number));
      return true;
    }
    case Field::CPPTYPE_UINT64: {
      const auto number = wholeOf(scalar);
      if (!number || field.is_repeated()) return false;
      reflection.SetUInt64(&message, &field, *number);
      return true;
    }
    case Field::CPPTYPE_DOUBLE: {
      const auto number = realOf(scalar);
      if (!number || field.is_repeated()) return false;
      reflection.SetDouble(&message, &field, *number);
      return true;
    }
    default: return false;
  }
}

// Goes over the text once, and fills the message on the way.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(pb::Message& message) : root_(message) {}

  bool null() override {
    if (levels_.empty()) return refuse("it is no object");
    const Level& level = levels_.back();
    return level.kind == Kind::kMessage || refuse(nameOf(level) + " holds null");
  }
  bool boolean(bool flag) override { return value(flag); }
  bool number_integer(number_integer_t number) override { return value(static_cast<double>(number)); }
  bool number_unsigned(number_unsigned_t number) override { return value(number); }
  bool number_float(number_float_t number, const string_t&) override { return value(number); }
  bool string(string_t& text) override { return value(std::move(text)); }
  bool binary(binary_t&) override { return refuse("it holds bytes"); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (!level.names.insert(name).second) return refuse(inQuotes(name) + " comes twice in one object");
    if (level.kind == Kind::kMap) {
      level.name = name;
      return true;
    }
    const pb::Descriptor& type = *level.message->GetDescriptor();
    level.field = type.FindFieldByName(name);
    return level.field != nullptr || refuse(inQuotes(name) + " is no field of " + type.name());
  }

  bool start_object(std::size_t) override {
    if (levels_.empty()) {
      levels_.push_back({Kind::kMessage, &root_});
      return true;
    }
    const Level& level = levels_.back();
    if (level.kind != Kind::kMessage || level.field->cpp_type() != Field::CPPTYPE_MESSAGE)
      return refuse(nameOf(level) + " is no object");
    if (!isAlone(level)) return false;
    if (level.field->is_map()) {
      levels_.push_back({Kind::kMap, level.message, level.field});
    } else if (level.field->is_repeated()) {
      return refuse(nameOf(level) + " is a list");
    } else {
      levels_.push_back({Kind::kMessage, level.message->GetReflection()->MutableMessage(level.message, level.field)});
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (levels_.empty()) return refuse("it is a list");
    const Level& level = levels_.back();
    if (level.kind != Kind::kMessage || !level.field->is_repeated() || level.field->is_map())
      return refuse(nameOf(level) + " is no list");
    levels_.push_back({Kind::kList, level.message, level.field});
    return true;
  }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }

  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("it is no JSON at byte " + std::to_string(at));
  }

  const std::string& wrong() const { return wrong_; }

 private:
  enum class Kind { kMessage, kMap, kList };
  struct Level {
    Kind kind;
    pb::Message* message;          // of a map or list: the one that has it
    const Field* field = nullptr;  // that a value is for
    std::string name = {};         // in a map: of the value
    std::set<std::string> names = {};
  };

  static std::string nameOf(const Level& level) {
    return level.field != nullptr ? std::string(level.field->name()) : std::string("it");
  }

  bool refuse(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
    return false;
  }
  bool end() {
    levels_.pop_back();
    return true;
  }
  // Nothing is there yet of which only one may be.
  bool isAlone(const Level& level) {
    const auto* one = level.field->real_containing_oneof();
    return one == nullptr || !level.message->GetReflection()->HasOneof(*level.message, one) ||
           refuse(nameOf(level) + " is beside another " + std::string(one->name()));
  }
  bool value(const Scalar& scalar) {
    if (levels_.empty()) return refuse("it is no object");
    const Level& level = levels_.back();
    if (level.kind == Kind::kMap) {
      pb::Message& entry = *level.message->GetReflection()->AddMessage(level.message, level.field);
      const pb::Descriptor& type = *entry.GetDescriptor();
      return (put(entry, *type.map_key(), level.name) && put(entry, *type.map_value(), scalar)) ||
             refuse(nameOf(level) + " holds a value of another kind");
    }
    if (level.kind == Kind::kMessage && level.field->is_repeated()) return refuse(nameOf(level) + " is a list");
    return isAlone(level) &&
           (put(*level.message, *level.field, scalar) || refuse(nameOf(level) + " is of another kind"));
  }

  pb::Message& root_;
  std::vector<Level> levels_;
  std::string wrong_;
};

// ---- writing

bool write(const pb::Message& message, JsonWriter& json);

bool writeText(const std::string& text, JsonWriter& json) {
  json.value(text);
  return isValidUtf8(text);
}

bool writeList(const pb::Message& message, const Field& field, JsonWriter& json) {
  const pb::Reflection& reflection = *message.GetReflection();
  bool isWritten = field.type() == Field::TYPE_STRING;
  json.beginArray();
  for (int i = 0; isWritten && i < reflection.FieldSize(message, &field); ++i)
    isWritten = writeText(reflection.GetRepeatedString(message, &field, i), json);
  json.endArray();
  return isWritten;
}

bool writeField(const pb::Message& message, const Field& field, JsonWriter& json) {
  const pb::Reflection& reflection = *message.GetReflection();
  json.key(field.name());
  if (field.is_repeated()) return writeList(message, field, json);
  switch (field.cpp_type()) {
    case Field::CPPTYPE_STRING: return writeText(reflection.GetString(message, &field), json);
    case Field::CPPTYPE_BOOL: json.value(reflection.GetBool(message, &field)); return true;
    case Field::CPPTYPE_UINT32: json.value(reflection.GetUInt32(message, &field)); return true;
    case Field::CPPTYPE_UINT64: json.value(std::to_string(reflection.GetUInt64(message, &field))); return true;
    case Field::CPPTYPE_DOUBLE: json.value(reflection.GetDouble(message, &field)); return true;
    case Field::CPPTYPE_MESSAGE: return write(reflection.GetMessage(message, &field), json);
    default: return false;
  }
}

bool write(const pb::Message& message, JsonWriter& json) {
  const pb::Descriptor& type = *message.GetDescriptor();
  bool isWritten = true;
  json.beginObject();
  for (int i = 0; i < type.field_count(); ++i) {
    const Field& field = *type.field(i);
    const bool isThere = !field.has_presence() || message.GetReflection()->HasField(message, &field);
    if (isThere) isWritten = writeField(message, field, json) && isWritten;
  }
  json.endObject();
  return isWritten;
}

}  // namespace

Result<void> readAgentJson(std::string_view json, pb::Message& message) {
  // A reader of texts that end with a NUL would not see what comes behind one.
  if (json.find('\0') != std::string_view::npos) return Error{ErrorCode::kInvalid, "it holds a NUL byte"};
  Reader reader(message);
  if (nlohmann::json::sax_parse(json, &reader)) return {};
  return Error{ErrorCode::kInvalid, reader.wrong()};
}

std::string writeAgentJson(const pb::Message& message) {
  JsonWriter json;
  return write(message, json) ? std::move(json).take() : std::string();
}

}  // namespace ringfence::supervisor::api
