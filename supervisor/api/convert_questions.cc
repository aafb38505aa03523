#include "supervisor/api/convert_questions.h"

#include <algorithm>

#include "policy/scalars.h"
#include "sdk/base/text.h"
#include "supervisor/api/wire.h"

namespace ringfence::supervisor::api {
namespace {

Error wrong(const std::string& what) { return {ErrorCode::kInvalid, what}; }

Result<std::string> boundedText(const std::string& text, const char* field, std::size_t limit) {
  if (text.size() > limit) return wrong(std::string(field) + " is longer than " + std::to_string(limit) + " bytes");
  if (text.find('\0') != std::string::npos) return wrong(std::string(field) + " holds a NUL byte");
  return text;
}

Result<std::vector<std::string>> toArguments(const google::protobuf::RepeatedPtrField<std::string>& words,
                                             const char* field) {
  if (static_cast<std::size_t>(words.size()) > kMaxArguments)
    return wrong(std::string(field) + " has too many entries");
  std::vector<std::string> arguments;
  for (const std::string& word : words) {
    std::string argument = RF_TRY(boundedText(word, field, kMaxMessage.count));
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

// "host" or "host:port": printable at least. What it means is for whoever dials it.
Result<std::string> toEndpoint(const std::string& text, const char* field) {
  if (text.empty()) return wrong(std::string(field) + " is empty");
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!plain) return wrong(std::string(field) + " holds a character that no host name has");
  return boundedText(text, field, kMaxEndpointLength);
}

Result<policy::Operation> toOperation(v1::Operation operation) {
  switch (operation) {
    case v1::OPERATION_READ: return policy::Operation::kRead;
    case v1::OPERATION_WRITE: return policy::Operation::kWrite;
    case v1::OPERATION_EXEC: return policy::Operation::kExec;
    case v1::OPERATION_CONNECT: return policy::Operation::kConnect;
    case v1::OPERATION_CALL: return policy::Operation::kCall;
    default: return wrong("operation is unspecified");
  }
}

Result<AnswerVerdict> toVerdict(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_ALLOW: return AnswerVerdict::kAllow;
    case v1::VERDICT_DENY: return AnswerVerdict::kDeny;
    case v1::VERDICT_REWRITE: return AnswerVerdict::kRewrite;
    default: return wrong("verdict is unspecified");
  }
}

// How long an allowance holds must be said. A denial and a rewriting are for once, said or not.
Result<GrantScope> toScope(v1::Scope scope, AnswerVerdict verdict) {
  if (verdict != AnswerVerdict::kAllow) {
    if (scope == v1::SCOPE_UNSPECIFIED || scope == v1::SCOPE_ONCE) return GrantScope::kOnce;
    return wrong("scope: only an allowance holds for more than once; denials that last are rules of a policy");
  }
  switch (scope) {
    case v1::SCOPE_ONCE: return GrantScope::kOnce;
    case v1::SCOPE_RUN: return GrantScope::kRun;
    case v1::SCOPE_PROJECT: return GrantScope::kProject;
    case v1::SCOPE_ALWAYS: return GrantScope::kAlways;
    default: return wrong("scope is unspecified");
  }
}

Result<std::optional<std::chrono::seconds>> toDuration(std::uint64_t seconds, GrantScope scope) {
  if (seconds == 0) return std::optional<std::chrono::seconds>();
  if (scope == GrantScope::kOnce) return wrong("duration_sec: what is allowed once has no duration");
  if (seconds > static_cast<std::uint64_t>(kMaxGrantDuration.count())) return wrong("duration_sec is over a year");
  return std::optional(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

Result<sandbox::Rewrite> toRewrite(const v1::AnswerRequest& answer, AnswerVerdict verdict) {
  sandbox::Rewrite rewrite;
  const v1::Rewrite& message = answer.rewrite();
  const int count = (message.argv_size() > 0) + message.has_path() + message.has_host() + message.has_content();
  if (count != (verdict == AnswerVerdict::kRewrite ? 1 : 0))
    return wrong("rewrite has one of argv, path, host and content, and comes with VERDICT_REWRITE alone");
  rewrite.argv = RF_TRY(toArguments(message.argv(), "rewrite.argv"));
  if (!rewrite.argv.empty() && rewrite.argv.front().empty()) return wrong("rewrite.argv has an empty program");
  if (message.has_path()) {
    rewrite.path = RF_TRY(boundedText(message.path(), "rewrite.path", kMaxPathLength));
    if (!rewrite.path->starts_with('/')) return wrong("rewrite.path is not an absolute path");
  }
  if (message.has_host()) rewrite.host = RF_TRY(toEndpoint(message.host(), "rewrite.host"));
  if (message.has_content()) {
    if (message.content().size() > kMaxRewriteContent.count) return wrong("rewrite.content is longer than 1 MiB");
    rewrite.content = message.content();
  }
  return rewrite;
}

// A `string` of protobuf must be UTF-8.
std::string asUtf8(const std::string& text) { return isValidUtf8(text) ? text : escapeForDisplay(text); }

v1::Operation toMessage(policy::Operation operation) {
  switch (operation) {
    case policy::Operation::kRead: return v1::OPERATION_READ;
    case policy::Operation::kWrite: return v1::OPERATION_WRITE;
    case policy::Operation::kExec: return v1::OPERATION_EXEC;
    case policy::Operation::kConnect: return v1::OPERATION_CONNECT;
    case policy::Operation::kCall: return v1::OPERATION_CALL;
  }
  return v1::OPERATION_UNSPECIFIED;
}

v1::Decision toMessage(policy::Decision decision) {
  switch (decision) {
    case policy::Decision::kAllow: return v1::DECISION_ALLOW;
    case policy::Decision::kAsk: return v1::DECISION_ASK;
    case policy::Decision::kForbid: return v1::DECISION_FORBID;
    case policy::Decision::kRewrite: return v1::DECISION_REWRITE;
  }
  return v1::DECISION_UNSPECIFIED;
}

v1::Scope toMessage(GrantScope scope) {
  switch (scope) {
    case GrantScope::kOnce: return v1::SCOPE_ONCE;
    case GrantScope::kRun: return v1::SCOPE_RUN;
    case GrantScope::kProject: return v1::SCOPE_PROJECT;
    case GrantScope::kAlways: return v1::SCOPE_ALWAYS;
  }
  return v1::SCOPE_UNSPECIFIED;
}

v1::Reversibility toMessage(sandbox::Reversibility reversible) {
  switch (reversible) {
    case sandbox::Reversibility::kUndoable: return v1::REVERSIBILITY_UNDOABLE;
    case sandbox::Reversibility::kIrreversible: return v1::REVERSIBILITY_IRREVERSIBLE;
    case sandbox::Reversibility::kLeavesDevice: return v1::REVERSIBILITY_LEAVES_DEVICE;
  }
  return v1::REVERSIBILITY_UNSPECIFIED;
}

v1::Settlement toMessage(Settlement settlement) {
  switch (settlement) {
    case Settlement::kAllowed: return v1::SETTLEMENT_ALLOWED;
    case Settlement::kDenied: return v1::SETTLEMENT_DENIED;
    case Settlement::kRewritten: return v1::SETTLEMENT_REWRITTEN;
    case Settlement::kExpired: return v1::SETTLEMENT_EXPIRED;
    case Settlement::kStopped: return v1::SETTLEMENT_STOPPED;
    case Settlement::kWithdrawn: return v1::SETTLEMENT_WITHDRAWN;
  }
  return v1::SETTLEMENT_UNSPECIFIED;
}

void fillAction(const sandbox::GuardedAction& action, v1::PendingAction& message) {
  message.set_operation(toMessage(action.action.operation));
  message.set_target(action.action.target);
  message.set_second(action.second);
  for (const std::string& argument : action.action.argv) message.add_argv(argument);
  message.set_cwd(action.cwd);
  message.set_what(asUtf8(action.what));
}

void fillRule(const RuleText& rule, v1::RuleText& message) {
  message.set_file(asUtf8(rule.file));
  message.set_line(rule.line);
  message.set_text(asUtf8(rule.text));
}

void fillRow(const GrantRow& row, v1::GrantRow& message) {
  message.set_id(row.id);
  message.set_scope(toMessage(row.scope));
  message.set_run(row.run);
  message.set_workspace(row.workspace);
  message.set_operation(toMessage(row.operation));
  message.set_target(row.target);
  for (const std::string& argument : row.argv) message.add_argv(argument);
  message.set_until(row.until);
  message.set_policy_text(asUtf8(row.policyText));
  message.set_issued(row.issued);
  message.set_by_uid(row.byUid);
  message.set_hits(row.hits);
  message.set_last_used(row.lastUsed);
  if (row.revokedBy) {
    message.set_revoked(row.ended);
    message.set_revoked_by(*row.revokedBy);
  }
  message.set_ended(row.ended);
  message.set_ended_why(asUtf8(row.endedWhy));
}

using Chain = google::protobuf::RepeatedPtrField<v1::ProcessLink>;
void fillChain(const std::vector<sandbox::ProcessLink>& chain, Chain& message) {
  for (const sandbox::ProcessLink& link : chain) {
    v1::ProcessLink& added = *message.Add();
    added.set_pid(link.pid);
    added.set_name(link.name);
  }
}

}  // namespace

Result<Request> toRequest(const v1::PendingRequest& message) {
  std::string run = RF_TRY(boundedText(message.run(), "run", kMaxNameLength));
  return Request(ReadPending{std::move(run), message.watch()});
}

Result<Request> toRequest(const v1::AnswerRequest& message) {
  AnswerQuestion answer;
  if (message.id() == 0) return wrong("no question is named");
  answer.id = message.id();
  answer.digest = RF_TRY(boundedText(message.digest(), "digest", kMaxDigestLength));
  answer.verdict = RF_TRY(toVerdict(message.verdict()));
  answer.scope = RF_TRY(toScope(message.scope(), answer.verdict));
  answer.duration = RF_TRY(toDuration(message.duration_sec(), answer.scope));
  answer.say = RF_TRY(boundedText(message.say(), "say", kMaxSayLength));
  answer.rewrite = RF_TRY(toRewrite(message, answer.verdict));
  answer.inWindow = message.in_window();
  return Request(std::move(answer));
}

Result<Request> toRequest(const v1::GrantsRequest& message) {
  std::string run = RF_TRY(boundedText(message.run(), "run", kMaxNameLength));
  return Request(ListGrants{std::move(run), message.ended()});
}

Result<Request> toRequest(const v1::RevokeGrantRequest& message) {
  if (message.id() == 0) return wrong("no grant is named");
  return Request(RevokeGrant{message.id()});
}

Result<Request> toRequest(const v1::WhyRequest& message) {
  AskWhy why;
  if (message.run().empty()) return wrong("no run is named");
  why.run = RF_TRY(boundedText(message.run(), "run", kMaxNameLength));
  why.action.operation = RF_TRY(toOperation(message.operation()));
  if (message.target().empty()) return wrong("target is empty");
  why.action.target = RF_TRY(boundedText(message.target(), "target", kMaxPathLength));
  const bool isPath =
      why.action.operation != policy::Operation::kConnect && why.action.operation != policy::Operation::kCall;
  if (isPath && !why.action.target.starts_with('/')) return wrong("target is not an absolute path");
  why.action.argv = RF_TRY(toArguments(message.argv(), "argv"));
  if (!why.action.argv.empty() && why.action.operation != policy::Operation::kExec)
    return wrong("argv comes with OPERATION_EXEC alone");
  return Request(std::move(why));
}

Result<std::vector<HostGrant>> toHostGrants(const v1::RunRequest& message) {
  if (static_cast<std::size_t>(message.allow_hosts_size()) > kMaxAllowedHosts)
    return wrong("allow_hosts has too many entries");
  std::vector<HostGrant> grants;
  for (const v1::HostGrant& one : message.allow_hosts()) {
    HostGrant grant;
    auto host = policy::parseHost(one.host());
    if (!host) return wrong("allow_hosts has a host that cannot be one: " + host.error().message);
    grant.host = *std::move(host);
    if (one.port() > 0xffff) return wrong("allow_hosts has a port above 65535");
    if (one.port() != 0) grant.port = static_cast<std::uint16_t>(one.port());
    grants.push_back(std::move(grant));
  }
  return grants;
}

void fillMessage(const PendingItem& item, v1::PendingItem& message) {
  message.set_id(item.id);
  message.set_run(item.run);
  message.set_run_name(asUtf8(item.runName));
  fillAction(item.action, *message.mutable_action());
  fillChain(item.action.chain, *message.mutable_chain());
  message.set_chain_note(asUtf8(item.action.chainNote.value_or("")));
  if (item.rule) fillRule(*item.rule, *message.mutable_rule());
  message.set_why(asUtf8(item.why));
  message.set_digest(item.digest);
  message.set_asked(item.asked);
  message.set_deadline(item.deadline);
  message.set_reversible(toMessage(item.action.reversible));
  message.set_batch(item.batch);
  for (const sandbox::GuardedAction& action : item.batched) fillAction(action, *message.add_batched());
  message.set_coalesced(item.coalesced);
  for (const ScopeOffer& offer : item.offers) {
    v1::ScopeOffer& added = *message.add_offers();
    added.set_scope(toMessage(offer.scope));
    added.set_policy_text(asUtf8(offer.policyText));
  }
  message.set_only_once(asUtf8(item.onlyOnce));
  message.set_not_in_window(asUtf8(item.notInWindow));
}

void fillMessage(const PendingGone& gone, v1::PendingGone& message) {
  message.set_id(gone.id);
  message.set_run(gone.run);
  message.set_settlement(toMessage(gone.settlement));
}

void fillMessage(const GrantList& list, v1::GrantList& message) {
  for (const GrantRow& row : list.rows) fillRow(row, *message.add_rows());
}

void fillMessage(const WhyAnswer& why, v1::WhyAnswer& message) {
  message.set_decision(toMessage(why.decision));
  if (why.rule) fillRule(*why.rule, *message.mutable_rule());
  message.set_why(asUtf8(why.why));
  for (const std::string& next : why.next) message.add_next(asUtf8(next));
  message.set_before(asUtf8(why.before));
  if (!why.asked) return;
  v1::WhyAsked& asked = *message.mutable_asked();
  asked.set_question(why.asked->question);
  asked.set_at(why.asked->at);
  asked.set_outcome(why.asked->outcome);
  fillChain(why.asked->chain, *asked.mutable_chain());
  asked.set_chain_note(asUtf8(why.asked->chainNote));
}

}  // namespace ringfence::supervisor::api
