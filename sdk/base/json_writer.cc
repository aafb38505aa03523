#include "sdk/base/json_writer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "sdk/base/text.h"

namespace ringfence {
namespace {

// Neither escaped in JSON nor anything that deceives.
bool isPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace

void JsonWriter::separate() {
  if (needsComma_) text_ += ',';
  needsComma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  needsComma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  text_ += bracket;
  needsComma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  value(name);
  text_ += ':';
  needsComma_ = false;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  if (!isPlain(text)) return raw(quoteJson(text));
  separate();
  text_ += '"';
  text_ += text;
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return raw(text);
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  text_ += escapeJson(json);
  return *this;
}

JsonWriter& JsonWriter::untrustedField(std::string_view name, std::string_view bytes) {
  field(name, escapeForDisplay(bytes));
  if (needsEscaping(bytes)) field(std::string(name) + "_raw", encodeBase64(bytes));
  return *this;
}

JsonWriter& JsonWriter::untrustedFieldOrNull(std::string_view name, std::string_view bytes) {
  return bytes.empty() ? key(name).null() : untrustedField(name, bytes);
}

}  // namespace ringfence
