#include <climits>
#include <cstdlib>
#include <memory>
#include <variant>

#include "policy/load.h"
#include "policy/read_sources.h"
#include "sdk/base/sha256.h"
#include "sdk/base/text.h"
#include "sdk/client/client.h"
#include "ui/cli/policy_command.h"

namespace ringfence::cli {
namespace {

PolicyOutcome failed(int status, const std::string& message) {
  return {.status = status, .out = {}, .err = "ringfence: " + message + "\n"};
}

}  // namespace

PolicyOutcome trustPolicyFile(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real) return failed(1, escapeForDisplay(path) + ": there is no such file");
  const auto source = policy::readSource(real.get());
  if (!source) return failed(1, escapeForDisplay(source.error().message));
  if (const auto errors = policy::check(*source); !errors.empty()) {
    return {.status = 6, .out = {}, .err = policy::renderText(errors)};
  }
  const std::string hash = sha256Hex(source->text);
  auto client = client::Client::connect();
  if (!client) return failed(3, escapeForDisplay(client.error().message));
  const auto answer = client->trust(source->file, hash);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) {
    if (failure->refusal) return failed(failure->refusal->exitCode, escapeForDisplay(failure->refusal->message));
    return failed(failure->error.code == ErrorCode::kUnavailable ? 3 : 1, escapeForDisplay(failure->error.message));
  }
  return {.status = 0, .out = "trusted: " + escapeForDisplay(source->file) + " (" + hash + ")\n", .err = {}};
}

}  // namespace ringfence::cli
