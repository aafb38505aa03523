// A program that was started with pipes at 0 and 1. Ends with whoever holds it.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::rpc {

class Child {
 public:
  // Looks for a `program` without '/' on $PATH. Fails with errno's code and the program's name.
  static Result<Child> start(const std::string& program, const std::vector<std::string>& argv);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  // Kills it if it is there still.
  ~Child();

  UniqueFd& input() { return input_; }
  UniqueFd& output() { return output_; }
  void signal(int number);
  // True: it has ended, and how is known.
  bool hasEnded();
  // Once it has: its status, or 128+N.
  int status() const { return status_; }
  std::string howItEnded() const;

 private:
  Child(int pid, UniqueFd input, UniqueFd output) : pid_(pid), input_(std::move(input)), output_(std::move(output)) {}

  int pid_ = -1;  // -1: it is reaped
  int status_ = 0;
  int signal_ = 0;
  UniqueFd input_, output_;
};

}  // namespace ringfence::rpc
