// What a run did, from the lines of its log, as policy/learn.h takes it. Pure.
//
//   ObservedActions observed;
//   for (…) observed.add(line);
//   policy::learn({…, .observed = observed.all()});
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "policy/learn.h"
#include "sdk/client/client.h"

namespace ringfence::cli {

class ObservedActions {
 public:
  // Lines of other kinds are passed by; so is a body that this program cannot read, which is counted.
  void add(const client::LogLine& line);

  // What was allowed, by a rule or by a person, and what a rule denied: whether that may be proposed is for learn().
  // Equal actions are one, in the order in which they came first.
  std::vector<policy::ObservedAction> all() const;
  // Questions that nobody said yes to: what a person refused is never proposed.
  std::size_t refused() const { return refused_; }
  std::size_t unreadable() const { return unreadable_; }

 private:
  struct Seen {
    std::size_t place = 0;
    std::uint64_t firstSeq = 0;
    std::uint64_t count = 0;
  };
  using Key = std::tuple<policy::Operation, std::string, std::vector<std::string>>;
  void note(const policy::Action& action, std::uint64_t seq, std::uint64_t count);

  std::map<Key, Seen> seen_;
  std::map<std::uint64_t, std::vector<policy::Action>> open_;  // of questions without an answer yet
  std::size_t refused_ = 0;
  std::size_t unreadable_ = 0;
};

}  // namespace ringfence::cli
