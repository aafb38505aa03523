// One connection to the agent's socket: connects when it must, asks, and asks again until time is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence {

class AgentLink {
 public:
  explicit AgentLink(std::string path);

  using Time = std::chrono::steady_clock::time_point;
  // The packet that answers {verb: body}; `body` is a JSON object. Nothing: nobody answered in time, and `trouble` says
  // why. Blocks until then, and a moment longer for what came while the process was frozen.
  std::optional<std::string> ask(const char* verb, const std::string& body, Time until, std::string& trouble);

  // What came unasked over the connection there is; nothing: nothing yet. Blocks never. Fails when it is gone.
  Result<std::optional<std::string>> pending();
  int fd() const { return socket_.get(); }

  // Of ids that no other process chooses.
  const std::string& prefix() const { return prefix_; }

 private:
  Result<std::string> exchange(const char* verb, const std::string& body, Time until);
  Result<std::string> answerTo(const char* verb, const std::string& body, Time until);
  Result<std::string> read(Time until);

  std::string path_, prefix_;
  UniqueFd socket_;
  std::uint64_t call_ = 0;
};

}  // namespace ringfence
