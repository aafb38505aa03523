// Writes one JSON document front to back; commas and quoting are its business, matching of begin and end the caller's.
//
//   JsonWriter json;
//   json.beginObject().field("id", run.text()).field("pid", 42).key("exit").null().endObject();
//   std::string line = std::move(json).take();
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringfence {

class JsonWriter {
 public:
  JsonWriter& beginObject() { return open('{'); }
  JsonWriter& endObject() { return close('}'); }
  JsonWriter& beginArray() { return open('['); }
  JsonWriter& endArray() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& null() { return raw("null"); }
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
  JsonWriter& value(double number);  // Not finite: null.
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) JsonWriter& value(Number number) { return raw(std::to_string(number)); }
  // Text that is already JSON. What deceives a reader is escaped in it too.
  JsonWriter& raw(std::string_view json);

  template <typename Value>
  JsonWriter& field(std::string_view name, const Value& content) {
    return key(name).value(content);
  }
  template <typename Value>
  JsonWriter& fieldOrNull(std::string_view name, const std::optional<Value>& content) {
    key(name);
    return content ? value(*content) : null();
  }
  // Untrusted bytes: escaped text under `name`; where that changed anything, the bytes in base64 under `name`_raw.
  JsonWriter& untrustedField(std::string_view name, std::string_view bytes);
  // Empty: null.
  JsonWriter& untrustedFieldOrNull(std::string_view name, std::string_view bytes);

  const std::string& text() const { return text_; }
  std::string take() && { return std::move(text_); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string text_;
  bool needsComma_ = false;
};

}  // namespace ringfence
