// Any packet of a client is refused with a named error, or is a request whose values are within their bounds.
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "sdk/base/error.h"
#include "supervisor/api/convert.h"
#include "supervisor/api/wire.h"

namespace api = ringfence::supervisor::api;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  std::vector<ringfence::UniqueFd> descriptors;
  const auto decoded = api::decodePacket(packet, descriptors);
  if (!decoded) {
    RF_CHECK(!decoded.error().message.empty());
    return 0;
  }
  const auto request = api::toRequest(decoded->message);
  if (!request) {
    RF_CHECK(!request.error().message.empty());
    return 0;
  }
  if (const auto* run = std::get_if<api::RunRequest>(&*request)) {
    RF_CHECK(run->argv.size() <= api::kMaxArguments && run->environment.size() <= api::kMaxEnvironment);
    RF_CHECK(run->name.size() <= api::kMaxNameLength && run->workspace.size() <= api::kMaxPathLength);
    RF_CHECK(run->allowHosts.size() <= api::kMaxAllowedHosts);
  }
  if (const auto* answer = std::get_if<api::AnswerQuestion>(&*request)) {
    const auto& rewrite = answer->rewrite;
    const int rewrites = static_cast<int>(rewrite.path.has_value()) + static_cast<int>(rewrite.host.has_value()) +
                         static_cast<int>(rewrite.content.has_value()) + static_cast<int>(!rewrite.argv.empty());
    RF_CHECK(rewrites == (answer->verdict == api::AnswerVerdict::kRewrite ? 1 : 0));
    RF_CHECK(answer->verdict == api::AnswerVerdict::kAllow ||
             answer->scope == ringfence::supervisor::GrantScope::kOnce);
    RF_CHECK(answer->id != 0 && answer->say.size() <= api::kMaxSayLength);
  }
  if (const auto* why = std::get_if<api::AskWhy>(&*request)) {
    RF_CHECK(!why->run.empty() && !why->action.target.empty());
  }
  return 0;
}
