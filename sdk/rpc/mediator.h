// What stands between two sides that speak by lines of JSON. It decides what becomes of each message, asks where that
// is not known yet, and does nothing itself: what is to be done it gives back. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/agent/agent.h"
#include "sdk/base/error.h"

namespace ringfence::rpc {

// What is to be asked of Ringfence. `key`: by which the answer comes back; chosen anew for each.
struct Ask {
  std::string key;
  std::vector<AgentAction> actions;  // allowed when each of them is
};

struct Effects {
  std::vector<std::string> toClient, toServer;  // lines without their end
  std::vector<Ask> asks;
  std::vector<std::string> lookups;    // keys: what was denied last?
  std::vector<std::string> withdrawn;  // keys of asks whose answer nobody waits for any more
  std::string doing;                   // for whoever looks at the run; empty: nothing new
  std::vector<AgentUsage> used;        // by calls to models, each with an id
};
Effects toClient(std::string line);
Effects toServer(std::string line);

// What it means that a client sends nothing more.
enum class LastLine {
  kLeaves,    // it is gone, and so is what it started after a while
  kIsSilent,  // it goes on to read what it started, and is gone when nobody reads that any more
};

class Mediator {
 public:
  virtual ~Mediator() = default;

  virtual LastLine lastLine() const { return LastLine::kLeaves; }
  // What a client is told of a line that cannot be read, with words that say why.
  virtual std::string unreadable(const std::string& words) const;

  // The client is whoever started us (an agent, an editor); the server is what we started, if anything.
  virtual Effects fromClient(const std::string& line) = 0;
  virtual Effects fromServer(const std::string& line) = 0;
  virtual Effects answered(const std::string& key, const AgentVerdict& verdict) = 0;
  // To a lookup: a JSON object, or empty, and then `trouble` says why if there is a why.
  // Of whoever looks nothing up: nothing.
  virtual Effects found(const std::string& key, const std::string& denial, const std::string& trouble);
  // The client has sent its last.
  virtual Effects left() = 0;
  // The server is gone: what waits for it is told `words`.
  virtual Effects ended(std::string_view words) = 0;
};

// In front of words to a client or a server: who says them.
inline constexpr std::string_view kSigned = "Ringfence: ";
inline constexpr std::size_t kMaxWaiting = 32;        // calls that wait for an answer of Ringfence
inline constexpr std::size_t kMaxOutstanding = 4096;  // requests whose ends are watched

// An ask that is not answered, without any right to guess it.
AgentVerdict notAsked(std::string why);

// What is wrong with a line, to who sent it.
std::string complaintOf(const Error& error);

}  // namespace ringfence::rpc
