#include "sdk/rpc/outline.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "sdk/base/bounded_text.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

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
  explicit Examiner(std::span<const std::string_view> members) : members_(members) {}

  bool null() override { return value("null", ""); }
  bool boolean(bool) override { return value("", ""); }
  bool number_integer(number_integer_t number) override { return value(std::to_string(number), ""); }
  bool number_unsigned(number_unsigned_t number) override { return value(std::to_string(number), ""); }
  bool number_float(number_float_t, const string_t&) override { return value("", ""); }
  bool string(string_t& text) override { return isAskedFor() ? value(dumped(text), text) : value("", ""); }
  bool binary(binary_t&) override { return value("", ""); }
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
      for (const std::string_view member : members_) {
        if (isDisguised(name, member))
          return refuse("has " + inQuotes(name) + " where " + std::string(member) + " is meant");
      }
      outline_.emplace(name, Member{});
      member_ = name;
    }
    return count();
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("is no JSON, or ends before its end (at byte " + std::to_string(position) + ")");
  }

  const std::string& wrong() const { return wrong_; }
  Outline take() { return std::move(outline_); }

 private:
  bool isAskedFor() const { return names_.size() == 1 && std::ranges::find(members_, member_) != members_.end(); }
  bool refuse(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
    return false;
  }
  bool count() { return ++values_ <= kMaxValues || refuse("has more than " + std::to_string(kMaxValues) + " values"); }
  bool value(std::string shown, const std::string& text) {
    if (names_.empty()) return refuse("is not an object");
    if (isAskedFor()) outline_[member_] = {std::move(shown), text};
    return count();
  }
  bool begin() {
    if (names_.size() >= kMaxDepth) return refuse("nests deeper than " + std::to_string(kMaxDepth) + " levels");
    names_.emplace_back();
    return count();
  }
  bool end() {
    names_.pop_back();
    return true;
  }

  std::span<const std::string_view> members_;
  std::vector<std::set<std::string>> names_;
  Outline outline_;
  std::string member_, wrong_;
  std::size_t values_ = 0;
};

}  // namespace

Result<Outline> outlineOf(std::string_view line, std::span<const std::string_view> members) {
  // Skipped by some readers, and no JSON.
  if (line.starts_with("\xef\xbb\xbf")) return invalid("the message is no JSON: it begins with a byte order mark");
  // Here the text would end, and what comes after it would be seen by nobody but the other side.
  if (line.find('\0') != std::string_view::npos) return invalid("the message is no JSON: it holds a NUL");
  Examiner examiner(members);
  if (!json::sax_parse(line.begin(), line.end(), &examiner)) return invalid("the message " + examiner.wrong());
  return examiner.take();
}

Result<void> checkNames(const json& object, std::initializer_list<std::string_view> names, std::string_view what) {
  for (const auto& [name, content] : object.items()) {
    for (const std::string_view meant : names) {
      if (isDisguised(name, meant))
        return invalid(std::string(what) + " " + inQuotes(name) + " where " + std::string(meant) + " is meant");
    }
  }
  return {};
}

std::string inOneLine(std::string line) {
  // Outside of texts, where alone they may stand, they are blanks.
  std::ranges::replace(line, '\r', ' ');
  std::ranges::replace(line, '\n', ' ');
  return escapeJson(line);
}

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string textAt(const json& object, std::string_view name) {
  if (!object.is_object()) return {};
  const auto found = object.find(std::string(name));
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace ringfence::rpc
