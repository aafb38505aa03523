// The connection over which an agent asks before it acts: sends what is asked, gathers what is answered, and makes
// another connection where one is lost. Nothing here blocks but waitUntil().
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence {

class GuardLink {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit GuardLink(std::string path) : path_(std::move(path)) {}

  // `body`: of {"guard": body}. One that is asked already goes on waiting.
  void start(const std::string& id, std::string body);
  bool isAsked(const std::string& id) const { return asked_.contains(id); }
  // The whole packet that answers it, once: then it is not asked any more. Nothing: not yet.
  std::optional<std::string> take(const std::string& id);
  void waitUntil(Time until) const;
  int fd() const { return socket_.get(); }
  // Why nobody answers at the moment; empty: somebody may.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Asked {
    std::string body;
    std::uint64_t call = 0;  // 0: to be sent
    Time sendAt{};
    std::optional<std::string> answer = std::nullopt;
  };
  void pump();
  bool connect();
  void drop(std::string why);
  void sendAll();
  bool isWaiting() const;
  void readAll();
  void accept(const std::string& packet);

  std::string path_, trouble_;
  UniqueFd socket_;
  Time connectAt_{};
  std::uint64_t call_ = 0;
  std::map<std::string, Asked> asked_;
};

}  // namespace ringfence
