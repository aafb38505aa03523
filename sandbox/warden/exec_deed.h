// The deeds of an exec. Internal to exec_desk.cc.
#pragma once

#include <memory>
#include <string>

#include "sandbox/warden/deed.h"
#include "sandbox/warden/exec_case.h"
#include "sandbox/warden/exec_desk.h"

namespace ringfence::sandbox {

class ExecDeed final : public Deed {
 public:
  enum class Work { kAdmit, kCorrect };
  ExecDeed(ExecDesk& desk, ExecCase one, Work work);
  // One that was allowed before.
  ExecDeed(ExecDesk& desk, ExecCase one, std::shared_ptr<const AllowedExec> before);

  Ruling rule(const Rules& rules) const override;
  std::string object() const override { return object_; }
  // Until it is answered nothing was done, and once it is answered nobody asks again.
  Lasting lasting() const override { return Lasting::kNothing; }
  // A correction takes several stops and memory of its caller.
  Blocking blocking() const override { return work_ == Work::kAdmit ? Blocking::kBriefly : Blocking::kMay; }
  Effect perform() override;
  Effect performLeading(Lead& lead) override;
  void wasRefused(int error) override { desk_.noteRefusal(case_, error); }
  OrErrno<std::unique_ptr<Deed>> rewritten(const Caller& caller, std::size_t target, const Rewrite& rewrite) override;

 private:
  ExecDesk& desk_;
  ExecCase case_;  // given away by perform()
  Work work_;
  std::shared_ptr<const AllowedExec> before_;  // null: nobody knows
  std::string object_;
};

// One that cannot be judged, and so is not done; recorded as denied.
class RefusedExec final : public Deed {
 public:
  RefusedExec(policy::Action action, std::string why);
  Ruling rule(const Rules& rules) const override;
  Effect perform() override { return Effect::failed(kRefused); }
  OrErrno<std::unique_ptr<Deed>> rewritten(const Caller&, std::size_t, const Rewrite&) override {
    return Errno{kRefused};
  }

 private:
  static constexpr int kRefused = 13;  // EACCES
  std::string why_;
};

// The command of the launch, which was judged before it.
class LaunchedExec final : public Deed {
 public:
  LaunchedExec(ExecDesk& desk, const Notification& call) : desk_(desk), call_(call) {}
  Ruling rule(const Rules& rules) const override;
  Lasting lasting() const override { return Lasting::kNothing; }
  Blocking blocking() const override { return Blocking::kMay; }
  Effect perform() override;
  OrErrno<std::unique_ptr<Deed>> rewritten(const Caller&, std::size_t, const Rewrite&) override;

 private:
  ExecDesk& desk_;
  Notification call_;
};

}  // namespace ringfence::sandbox
