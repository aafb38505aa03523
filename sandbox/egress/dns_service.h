// Answers the agent's questions for names: with an address of the name's own inside the fence for every name that may
// be connected to or asked for, with "no such name" for all others. Nothing is asked outside, whatever the question.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sandbox/egress/judge.h"
#include "sandbox/egress/name_table.h"
#include "sandbox/egress/poller.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

class DnsService {
 public:
  DnsService(Poller& poller, NameTable names) : poller_(poller), names_(std::move(names)) {}
  ~DnsService();

  // Before this nothing is answered.
  Result<void> start(UniqueFd datagrams, UniqueFd streams);
  void judgeBy(const Judge* judge);

  const NameTable& names() const { return names_; }
  // Nothing: no answer.
  std::string answer(std::string_view query);
  void tick(std::int64_t nowMs);
  bool isServing() const { return !clients_.empty(); }

 private:
  struct Client {
    UniqueFd socket;
    std::string received, unsent;
    std::int64_t deadlineMs = 0;
  };
  bool mayAnswer(const std::string& name);
  void onDatagrams();
  void onStreams();
  void onClient(int fd);
  bool serve(Client& client);
  void drop(int fd);

  Poller& poller_;
  const Judge* judge_ = nullptr;
  NameTable names_;
  std::unordered_map<std::string, bool> judged_;
  UniqueFd datagrams_, streams_;
  std::map<int, Client> clients_;
};

}  // namespace ringfence::sandbox
