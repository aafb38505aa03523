// From the words of `ringfence run` to the request for the daemon. Opens what the person may open, as that person.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "sdk/base/unique_fd.h"
#include "sdk/client/client.h"
#include "ui/cli/adapter_use.h"
#include "ui/cli/channel.h"
#include "ui/cli/command_line.h"

namespace ringfence::cli {

// The command cannot be asked for. Without a token it is a usage error.
struct NotStarted {
  std::string message, token;
  int exitStatus = 125;
};

struct PreparedRun {
  client::RunRequest request;
  UniqueFd workspace;                // what request.workspaceFd borrows
  std::vector<UniqueFd> handedOver;  // ends of pipes that the command gets: closed once it runs
  std::vector<Channel> inputs, outputs;
  std::optional<AdapterChoice> adapter;
};

std::variant<PreparedRun, NotStarted> prepareRun(const Parsed& parsed);

// Becomes USER for good, with that user's groups, HOME, USER and LOGNAME. Only root can.
std::variant<std::monostate, NotStarted> becomeUser(const std::string& name);

}  // namespace ringfence::cli
