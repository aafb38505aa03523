// `ringfence prune`: private homes are looked at beside the loop, what becomes of them is decided in it, and those go
// whose fact is on the disk. One request after the other, so that none decides about what another removes. Whoever asks
// is told what goes before it is gone, and again when it is.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/api/request.h"
#include "supervisor/clients.h"
#include "supervisor/core/effect.h"
#include "supervisor/private_homes.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxWaitingPrunes = 16;  // one for each user

class Prunes {
 public:
  struct World {
    const Clock& clock;
    Turns& turns;
    Clients& clients;
    PrivateHomes* homes = nullptr;  // absent: nothing is removed
    std::function<void(const std::string&)> say;
  };
  explicit Prunes(World world) : world_(std::move(world)) {}

  // What an earlier daemon left of homes that it removed.
  void begin();
  void ask(ClientId client, std::uint64_t request, const api::PruneHomes& what);
  // The thread of the homes has done something.
  void ready();
  // The facts of these are on the disk.
  void perform(const std::vector<RemoveHome>& homes);
  // The log cannot be written.
  void storeFailed(const Error& error);
  // It was decided that it goes, and that is not on the disk yet: no run may begin in it.
  bool isLeaving(std::uint32_t uid, const std::string& directory) const { return leaving_.contains({uid, directory}); }

 private:
  struct Asked {
    ClientId client = 0;
    std::uint64_t request = 0;
    Peer peer;
    api::PruneHomes what;
  };
  Result<void> mayPrune() const;
  void look();
  void looked(const Result<std::vector<FoundHome>>& found);
  void swept(const std::vector<PrivateHomes::Left>& left);
  void say(const std::vector<PrivateHomes::Left>& left);
  void tell(const Asked& asked, const api::Answer& answer, api::Last last);
  void end(const api::Answer& answer);

  World world_;
  std::deque<Asked> asked_;                                                 // the first is being done
  std::map<std::pair<std::uint32_t, std::string>, std::uint64_t> leaving_;  // with its bytes
  api::PruneAnswer removed_;                                                // for the first
};

}  // namespace ringfence::supervisor
