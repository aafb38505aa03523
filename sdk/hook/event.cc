#include "sdk/hook/event.h"

#include <set>
#include <utility>
#include <vector>

#include "sdk/base/bounded_text.h"

namespace ringfence::hook {
namespace {

using nlohmann::json;

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

// Looks at the text and keeps nothing: what it takes may be built.
class Examiner : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    isObject_ = isObject_ || names_.empty();
    return begin();
  }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override { return begin(); }
  bool end_array() override { return end(); }
  bool key(string_t& name) override {
    if (names_.back().insert(name).second) return true;
    wrong_ = "names " + inQuotes(name) + " twice in one object";
    return false;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    wrong_ = "is no JSON, or ends before its end (at byte " + std::to_string(position) + ")";
    return false;
  }

  const std::string& wrong() const { return wrong_; }
  bool isObject() const { return isObject_; }

 private:
  bool begin() {
    if (names_.size() >= kMaxNesting) {
      wrong_ = "nests deeper than " + std::to_string(kMaxNesting) + " levels";
      return false;
    }
    names_.emplace_back();
    return true;
  }
  bool end() {
    names_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> names_;
  std::string wrong_;
  bool isObject_ = false;
};

Result<json> objectIn(std::string_view bytes, const std::string& what) {
  RF_TRY(checkObject(bytes, what, Comments::kRefuse));
  return json::parse(bytes.begin(), bytes.end(), nullptr, false);
}

// Absent and null are the same.
Result<std::string> textAt(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return invalid(std::string("the field ") + name + " of the event is no text");
  auto text = found->get<std::string>();
  if (text.find('\0') != std::string::npos)
    return invalid(std::string("the field ") + name + " of the event holds a NUL");
  return text;
}

}  // namespace

Result<void> checkObject(std::string_view bytes, const std::string& what, Comments comments) {
  if (bytes.size() > kMaxEvent.count) return invalid(what + " is longer than " + formatBytes(kMaxEvent));
  // The text would end there.
  if (bytes.find('\0') != std::string_view::npos) return invalid(what + " is no JSON: it holds a NUL");
  Examiner examiner;
  const bool mayComment = comments == Comments::kAllow;
  if (!json::sax_parse(bytes.begin(), bytes.end(), &examiner, json::input_format_t::json, true, mayComment))
    return invalid(what + " " + examiner.wrong());
  if (!examiner.isObject()) return invalid(what + " is no JSON object");
  return {};
}

Result<json> readObject(std::string_view bytes) { return objectIn(bytes, "the input in its place"); }

Result<Event> readEvent(std::string_view bytes) {
  const json object = RF_TRY(objectIn(bytes, "the event"));
  Event event;
  event.name = RF_TRY(textAt(object, "hook_event_name"));
  if (event.name.empty()) return invalid("the event has no hook_event_name");
  event.tool = RF_TRY(textAt(object, "tool_name"));
  if (event.tool.size() > kMaxToolName)
    return invalid("the name of the tool is longer than " + std::to_string(kMaxToolName) + " bytes");
  event.cwd = RF_TRY(textAt(object, "cwd"));
  if (!event.cwd.starts_with('/')) event.cwd.clear();
  event.message = RF_TRY(textAt(object, "message"));
  if (const auto input = object.find("tool_input"); input != object.end() && !input->is_null()) {
    if (!input->is_object()) return invalid("the field tool_input of the event is no object");
    event.input = *input;
  }
  return event;
}

}  // namespace ringfence::hook
