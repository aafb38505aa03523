// What a policy says about connections: before a name is resolved, and about the address that it resolved to. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/document.h"
#include "policy/evaluate.h"
#include "sandbox/egress/destination.h"

namespace ringfence::sandbox {

struct Judgement {
  policy::Decision decision = policy::Decision::kForbid;
  policy::Verdict verdict;
  std::optional<Destination> instead;  // kRewrite
};

// kAddress: a person was shown this very address, and allowed it; of a name that leads there that is not so.
enum class Asked { kNot, kAddress };

class Judge {
 public:
  Judge(policy::Document document, policy::Places places);

  const policy::Document& document() const { return judge_.document(); }

  // A name or an address as the agent said it.
  Judgement connection(const Destination& wanted) const;
  // Another host, in place of what was wanted, by a rule or by a person: a `forbid` still holds.
  Judgement replacement(const Destination& other) const;
  // The address that is about to be dialled. Nothing: it may be. Else why not: private, local and metadata addresses
  // are refused unless a rule names them literally, and so is whatever a `forbid` covers. One that a rule asks about
  // is one that was asked about, or refused.
  std::optional<policy::Verdict> refusalOf(const policy::Address& address, std::uint16_t port, Asked asked) const;
  // The same of an address that was dialled and proved to be this machine's own, whatever it looks like.
  std::optional<policy::Verdict> refusalOfOwn(const policy::Address& address, std::uint16_t port, Asked asked) const;
  // Whether the name has an address inside the fence: some port of it is allowed, askable or rewritten.
  bool mayAnswer(std::string_view name) const;
  // A port of the host's 127.0.0.1 that the policy brings inside.
  bool isLoopbackPort(std::uint16_t port) const;

 private:
  policy::Verdict judge(const Destination& destination) const;

  policy::Judge judge_;
};

}  // namespace ringfence::sandbox
