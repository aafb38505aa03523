// Reports of usage, from when they are made until they are counted: sent as far as that goes without waiting, sent
// again over another connection, and counted once, as the daemon knows their ids.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "sdk/agent/agent_link.h"

namespace ringfence {

class ReportQueue {
 public:
  using Time = AgentLink::Time;
  // Borrows the link, which must outlive it.
  explicit ReportQueue(AgentLink& link) : link_(link) {}

  // `body`: of {"report_usage": body}. One with an id that is kept already is the same. Of too many the oldest goes.
  void keep(const std::string& id, std::string body);
  // Sends what is kept and takes what was answered. Never waits.
  void push();
  // The packet that answers the one with that id, which is not kept any more then. Nothing: it is still kept, and
  // `trouble` says why. Blocks until then; at once when nobody is there, or one was waited for in vain before.
  std::optional<std::string> counted(const std::string& id, Time until, std::string& trouble);
  // Waits, and tries, until nothing is kept. False: something is, and `trouble` says why.
  bool flush(Time until, std::string& trouble);

  std::size_t size() const { return kept_.size(); }
  std::uint64_t lost() const { return lost_; }  // too many waited, or nobody waited for one that was refused as wrong

 private:
  struct Report {
    std::string id, body;
    std::uint64_t call = 0;  // 0: to be sent
  };
  void settle();
  bool settleOne(Report& report, const std::string& packet);

  AgentLink& link_;
  std::deque<Report> kept_;
  std::uint64_t connection_ = 0, lost_ = 0;
  std::string awaited_, busy_, trouble_;
  std::optional<std::string> answer_;  // to the one that is awaited
  bool isLate_ = false;                // one was waited for in vain
};

}  // namespace ringfence
