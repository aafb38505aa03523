// The connection on which an agent listens for what it is told unasked. Nothing here blocks; whoever polls takes what
// came, and makes another connection where one is lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "sdk/base/unique_fd.h"

namespace ringfence {

class NoticeLink {
 public:
  explicit NoticeLink(std::string path) : path_(std::move(path)) {}

  // That kind as well: "pause", "resume", "override".
  void listen(const std::string& word);
  // The notices that came, each once: objects with one of the fields pause, resume and override.
  std::deque<nlohmann::json> take();
  // A pause may come at once. Where that cannot be sent now, it comes at the end of its time.
  void sayReady() const;
  int fd() const { return socket_.get(); }
  // That were dropped, here or by the daemon, because nobody took them.
  std::uint64_t missed() const { return missed_; }

 private:
  bool connect();
  bool sayWhat(int socket) const;
  void readAll();
  void accept(const std::string& packet);

  std::string path_;
  std::set<std::string> words_;
  UniqueFd socket_;
  std::chrono::steady_clock::time_point connectAt_{};
  std::deque<nlohmann::json> queue_;
  std::uint64_t missed_ = 0;
};

}  // namespace ringfence
