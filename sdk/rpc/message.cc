#include "sdk/rpc/message.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxQuoted = 64;  // of a name in words of ours
constexpr std::array<std::string_view, 6> kMembers{"jsonrpc", "id", "method", "params", "result", "error"};

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

std::string inQuotes(std::string_view name) {
  const bool isLong = name.size() > kMaxQuoted;
  return "\"" + escapeForDisplay(name.substr(0, kMaxQuoted)) + (isLong ? "…" : "") + "\"";
}

// Some readers do not tell letters from capitals, and some take these two for s and k.
std::string folded(std::string_view name) {
  std::string low;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const std::string_view rest = name.substr(at);
    if (rest.starts_with("\xc5\xbf")) {
      low += 's';
      at += 1;
    } else if (rest.starts_with("\xe2\x84\xaa")) {
      low += 'k';
      at += 2;
    } else {
      low += name[at] >= 'A' && name[at] <= 'Z' ? static_cast<char>(name[at] + 'a' - 'A') : name[at];
    }
  }
  return low;
}

bool isDisguised(std::string_view name, std::string_view member) {
  return name != member && folded(name) == folded(member);
}

// Goes over the line once and keeps what its outermost object says of itself.
class Examiner : public nlohmann::json_sax<json> {
 public:
  bool null() override { return value("null"); }
  bool boolean(bool) override { return value(""); }
  bool number_integer(number_integer_t number) override { return value(std::to_string(number)); }
  bool number_unsigned(number_unsigned_t number) override { return value(std::to_string(number)); }
  bool number_float(number_float_t, const string_t&) override { return value(""); }
  bool string(string_t& text) override {
    if (isMember("method")) method_ = text;
    if (isMember("method") && text.empty()) return refuse("has an empty method");
    return value(isMember("id") ? dumped(text) : "");
  }
  bool binary(binary_t&) override { return value(""); }
  bool start_object(std::size_t) override { return begin(); }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override {
    if (names_.empty()) return refuse("is a list of messages, and only one is taken at a time");
    return begin();
  }
  bool end_array() override { return end(); }
  bool key(string_t& name) override {
    if (!names_.back().insert(name).second) return refuse("names " + inQuotes(name) + " twice in one object");
    if (names_.size() == 1) {
      for (const std::string_view member : kMembers) {
        if (isDisguised(name, member))
          return refuse("has " + inQuotes(name) + " where " + std::string(member) + " is meant");
      }
      member_ = name;
    }
    return count();
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("is no JSON, or ends before its end (at byte " + std::to_string(position) + ")");
  }

  const std::string& wrong() const { return wrong_; }

  Result<Message> message() const {
    const bool isAnswer = has("result") || has("error");
    if (has("method") == isAnswer) return invalid("the message is neither a request nor an answer");
    if (has("result") && has("error")) return invalid("the message has both a result and an error");
    if (has("id") && (id_.empty() || id_.size() > kMaxId || (id_ == "null" && !isAnswer)))
      return invalid("the id of the message is no whole number and no text of at most " + std::to_string(kMaxId) +
                     " bytes");
    if (isAnswer && !has("id")) return invalid("the message answers nothing: it has no id");
    if (isAnswer) return Message{Message::Kind::kResponse, "", id_};
    if (method_.empty()) return invalid("the method of the message is no text");
    return Message{has("id") ? Message::Kind::kRequest : Message::Kind::kNotification, method_, id_};
  }

 private:
  bool has(std::string_view name) const { return outer_.contains(std::string(name)); }
  bool isMember(std::string_view name) const { return names_.size() == 1 && member_ == name; }
  bool refuse(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
    return false;
  }
  bool count() { return ++values_ <= kMaxValues || refuse("has more than " + std::to_string(kMaxValues) + " values"); }
  bool value(const std::string& shown) {
    if (names_.empty()) return refuse("is not an object");
    if (isMember("id")) id_ = shown;
    return count();
  }
  bool begin() {
    if (names_.size() >= kMaxDepth) return refuse("nests deeper than " + std::to_string(kMaxDepth) + " levels");
    names_.emplace_back();
    return count();
  }
  bool end() {
    if (names_.size() == 1) outer_ = std::move(names_.back());
    names_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> names_;
  std::set<std::string> outer_;
  std::string member_, method_, id_, wrong_;
  std::size_t values_ = 0;
};

}  // namespace

Result<Message> readMessage(std::string_view line) {
  // Skipped by some readers, and no JSON.
  if (line.starts_with("\xef\xbb\xbf")) return invalid("the message is no JSON: it begins with a byte order mark");
  Examiner examiner;
  if (!json::sax_parse(line.begin(), line.end(), &examiner)) return invalid("the message " + examiner.wrong());
  return examiner.message();
}

Result<json> readParams(std::string_view line, std::initializer_list<std::string_view> names) {
  json message = json::parse(line.begin(), line.end(), nullptr, false);
  const auto params = message.is_object() ? message.find("params") : message.end();
  if (!message.is_object() || params == message.end()) return json::object();
  if (!params->is_object()) return invalid("the parameters are no object");
  for (const auto& [name, content] : params->items()) {
    for (const std::string_view meant : names) {
      if (isDisguised(name, meant))
        return invalid("the parameters have " + inQuotes(name) + " where " + std::string(meant) + " is meant");
    }
  }
  return std::move(*params);
}

std::string withParams(std::string_view line, const json& params) {
  json message = json::parse(line.begin(), line.end(), nullptr, false);
  if (message.is_object()) message["params"] = params;
  return inOneLine(dumped(message));
}

std::string inOneLine(std::string line) {
  // Outside of texts, where alone they may stand, they are blanks.
  std::ranges::replace(line, '\r', ' ');
  std::ranges::replace(line, '\n', ' ');
  return escapeJson(line);
}

std::string errorLine(std::string_view id, Code code, std::string_view words) {
  JsonWriter out;
  out.beginObject().field("jsonrpc", "2.0").key("id").raw(id.empty() ? "null" : id);
  out.key("error").beginObject().field("code", static_cast<int>(code)).field("message", words).endObject().endObject();
  return std::move(out).take();
}

std::string resultLine(std::string_view id, const json& result) {
  JsonWriter out;
  out.beginObject().field("jsonrpc", "2.0").key("id").raw(id.empty() ? "null" : id);
  out.key("result").raw(dumped(result)).endObject();
  return std::move(out).take();
}

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string textAt(const json& object, std::string_view name) {
  if (!object.is_object()) return {};
  const auto found = object.find(std::string(name));
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace ringfence::rpc
