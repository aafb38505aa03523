// The connections of the control socket and what each is reading. Ids are never reused, so an answer that comes late
// for one that is gone reaches nobody.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "supervisor/api/server.h"
#include "supervisor/api/session.h"
#include "supervisor/core/state.h"
#include "supervisor/log_access.h"

namespace ringfence::supervisor {

using ClientId = std::uint64_t;

inline constexpr std::size_t kLogPage = 64;
inline constexpr std::size_t kSeriesPage = 128;  // buckets in one packet; as JSON they fit as well

// A reading of the log, a page at a time, as fast as its client reads.
struct LogStream {
  std::uint64_t request = 0;
  std::uint64_t nextSince = 0;
  Microseconds sinceWall{};  // what is older is left out
  std::string run;           // empty: all that the peer may see
  bool follow = false;
  std::map<std::string, std::uint32_t> owners;  // of runs that the state no longer has; bounded by kMaxRememberedOwners
};

// What became of samples, a run after the other, as fast as its client reads.
struct SeriesStream {
  std::uint64_t request = 0;
  Microseconds since{};
  std::deque<RunId> runs;            // that are still to be read
  std::deque<SampleBucket> buckets;  // that are still to be sent; of one run
};

inline constexpr std::size_t kMaxRememberedOwners = 100000;

struct Client {
  api::Session session;
  api::PeerIdentity identity;
  std::optional<LogStream> log;
  std::optional<SeriesStream> series;
};

class Clients {
 public:
  ClientId add(UniqueFd socket, api::PeerIdentity identity, Now now);
  Client* find(ClientId id);
  const std::map<ClientId, Client>& all() const { return clients_; }
  std::map<ClientId, Client>& all() { return clients_; }

  void answer(ClientId id, std::uint64_t request, const api::Answer& answer, std::vector<UniqueFd> fds, api::Last last,
              Now now);
  void refuse(ClientId id, std::uint64_t request, const api::Refusal& refusal, Now now) {
    answer(id, request, refusal, {}, api::Last::kYes, now);
  }

  // Sends each reader of the log its next page of what is durable. True when some reader has more to come at once.
  bool pumpLogs(const State& state, std::uint64_t durableSeq, const LogAccess& log, Now now);
  // Likewise one reader of series, of one run at most: to read one takes milliseconds. They take turns.
  bool pumpSeries(const LogAccess& log, Now now);

 private:
  bool pump(Client& client, const State& state, std::uint64_t durableSeq, const LogAccess& log, Now now);
  void pump(Client& client, const LogAccess& log, Now now);
  std::map<ClientId, Client> clients_;
  ClientId next_ = 1;
  ClientId lastSeries_ = 0;  // whose turn it was
};

}  // namespace ringfence::supervisor
