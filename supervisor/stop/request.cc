#include "supervisor/stop/request.h"

#include <array>
#include <optional>
#include <utility>

#include "sdk/base/whole_number.h"

namespace ringfence::supervisor::stop {
namespace {

using Kind = Request::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 7> kVerbs = {{{"stop", Kind::kStop},
                                                                      {"kill", Kind::kKill},
                                                                      {"status", Kind::kStatus},
                                                                      {"release", Kind::kRelease},
                                                                      {"daemon", Kind::kDaemon},
                                                                      {"beat", Kind::kBeat},
                                                                      {"bye", Kind::kBye}}};
constexpr long kLongestPatience = 86'400;  // seconds

// "10" or "0.25": seconds with at most three places.
std::optional<Microseconds> seconds(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto whole = wholeNumber<long>(text.substr(0, point));
  if (!whole || *whole > kLongestPatience) return std::nullopt;
  long thousandths = 0;
  if (point != text.npos) {
    const std::string_view places = text.substr(point + 1);
    const auto part = wholeNumber<long>(places);
    if (!part || places.size() > 3) return std::nullopt;
    thousandths = *part * (places.size() == 1 ? 100 : places.size() == 2 ? 10 : 1);
  }
  return Milliseconds(*whole * 1000 + thousandths);
}

TriggerText printable(std::string_view text) {
  TriggerText words;
  for (const char letter : text) words.append(letter >= ' ' && letter <= '~' ? std::string_view(&letter, 1) : "?");
  return words;
}

}  // namespace

Request parseRequest(std::string_view packet) {
  if (packet.size() > kMaxStopRequest) return {};
  const std::size_t blank = packet.find(' ');
  const std::string_view verb = packet.substr(0, blank);
  const std::string_view rest = blank == packet.npos ? std::string_view() : packet.substr(blank + 1);
  Request request;
  for (const auto& [name, kind] : kVerbs) {
    if (name == verb) request.kind = kind;
  }
  switch (request.kind) {
    case Kind::kStop:
    case Kind::kKill: request.words = printable(rest); return request;
    case Kind::kDaemon:
      if (const auto patience = seconds(rest)) {
        request.patience = *patience;
        return request;
      }
      return {};
    default: return rest.empty() && blank == packet.npos ? request : Request{};
  }
}

TriggerText triggerOf(const Request& request) {
  TriggerText text("asked");
  if (!request.words.empty()) text.append(": ").append(request.words.view());
  return text;
}

}  // namespace ringfence::supervisor::stop
