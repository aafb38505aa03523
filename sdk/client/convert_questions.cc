#include "sdk/client/convert.h"

namespace ringfence::client {
namespace {

Decision fromMessage(v1::Decision decision) {
  switch (decision) {
    case v1::DECISION_ALLOW: return Decision::kAllow;
    case v1::DECISION_ASK: return Decision::kAsk;
    case v1::DECISION_FORBID: return Decision::kForbid;
    case v1::DECISION_REWRITE: return Decision::kRewrite;
    default: return Decision::kUnknown;
  }
}

Operation fromMessage(v1::Operation operation) {
  switch (operation) {
    case v1::OPERATION_READ: return Operation::kRead;
    case v1::OPERATION_WRITE: return Operation::kWrite;
    case v1::OPERATION_EXEC: return Operation::kExec;
    case v1::OPERATION_CONNECT: return Operation::kConnect;
    case v1::OPERATION_CALL: return Operation::kCall;
    default: return Operation::kUnknown;
  }
}

Scope fromMessage(v1::Scope scope) {
  switch (scope) {
    case v1::SCOPE_ONCE: return Scope::kOnce;
    case v1::SCOPE_RUN: return Scope::kRun;
    case v1::SCOPE_PROJECT: return Scope::kProject;
    case v1::SCOPE_ALWAYS: return Scope::kAlways;
    default: return Scope::kUnknown;
  }
}

v1::Scope toMessage(Scope scope) {
  switch (scope) {
    case Scope::kOnce: return v1::SCOPE_ONCE;
    case Scope::kRun: return v1::SCOPE_RUN;
    case Scope::kProject: return v1::SCOPE_PROJECT;
    case Scope::kAlways: return v1::SCOPE_ALWAYS;
    case Scope::kUnknown: break;
  }
  return v1::SCOPE_UNSPECIFIED;
}

Reversibility fromMessage(v1::Reversibility reversible) {
  switch (reversible) {
    case v1::REVERSIBILITY_UNDOABLE: return Reversibility::kUndoable;
    case v1::REVERSIBILITY_IRREVERSIBLE: return Reversibility::kIrreversible;
    case v1::REVERSIBILITY_LEAVES_DEVICE: return Reversibility::kLeavesDevice;
    default: return Reversibility::kUnknown;
  }
}

Settlement fromMessage(v1::Settlement settlement) {
  switch (settlement) {
    case v1::SETTLEMENT_ALLOWED: return Settlement::kAllowed;
    case v1::SETTLEMENT_DENIED: return Settlement::kDenied;
    case v1::SETTLEMENT_REWRITTEN: return Settlement::kRewritten;
    case v1::SETTLEMENT_EXPIRED: return Settlement::kExpired;
    case v1::SETTLEMENT_STOPPED: return Settlement::kStopped;
    case v1::SETTLEMENT_WITHDRAWN: return Settlement::kWithdrawn;
    default: return Settlement::kUnknown;
  }
}

PendingAction fromMessage(const v1::PendingAction& message) {
  PendingAction action;
  action.operation = fromMessage(message.operation());
  action.target = message.target();
  action.second = message.second();
  action.argv.assign(message.argv().begin(), message.argv().end());
  action.cwd = message.cwd();
  action.what = message.what();
  return action;
}

RuleText fromMessage(const v1::RuleText& message) { return {message.file(), message.line(), message.text()}; }

void fillRewrite(const RewriteAnswer& rewrite, v1::Rewrite& message) {
  for (const std::string& argument : rewrite.argv) message.add_argv(argument);
  if (rewrite.path) message.set_path(*rewrite.path);
  if (rewrite.host) message.set_host(*rewrite.host);
  if (rewrite.content) message.set_content(*rewrite.content);
}

}  // namespace

v1::Operation toMessage(Operation operation) {
  switch (operation) {
    case Operation::kRead: return v1::OPERATION_READ;
    case Operation::kWrite: return v1::OPERATION_WRITE;
    case Operation::kExec: return v1::OPERATION_EXEC;
    case Operation::kConnect: return v1::OPERATION_CONNECT;
    case Operation::kCall: return v1::OPERATION_CALL;
    case Operation::kUnknown: break;
  }
  return v1::OPERATION_UNSPECIFIED;
}

PendingItem fromMessage(const v1::PendingItem& message) {
  PendingItem item;
  item.id = message.id();
  item.run = message.run();
  item.runName = message.run_name();
  item.action = fromMessage(message.action());
  for (const v1::ProcessLink& link : message.chain()) item.chain.push_back({link.pid(), link.name()});
  item.chainNote = message.chain_note();
  if (message.has_rule()) item.rule = fromMessage(message.rule());
  item.why = message.why();
  item.digest = message.digest();
  item.asked = message.asked();
  item.deadline = message.deadline();
  item.reversible = fromMessage(message.reversible());
  item.batch = message.batch() == 0 ? 1 : message.batch();
  for (const v1::PendingAction& action : message.batched()) item.batched.push_back(fromMessage(action));
  item.coalesced = message.coalesced() == 0 ? 1 : message.coalesced();
  for (const v1::ScopeOffer& offer : message.offers())
    item.offers.push_back({fromMessage(offer.scope()), offer.policy_text()});
  item.onlyOnce = message.only_once();
  item.notInWindow = message.not_in_window();
  return item;
}

PendingGone fromMessage(const v1::PendingGone& message) {
  return {message.id(), message.run(), fromMessage(message.settlement())};
}

GrantRow fromMessage(const v1::GrantRow& message) {
  GrantRow row;
  row.id = message.id();
  row.scope = fromMessage(message.scope());
  row.run = message.run();
  row.workspace = message.workspace();
  row.operation = fromMessage(message.operation());
  row.target = message.target();
  row.argv.assign(message.argv().begin(), message.argv().end());
  row.until = message.until();
  row.policyText = message.policy_text();
  row.issued = message.issued();
  row.byUid = message.by_uid();
  row.hits = message.hits();
  row.lastUsed = message.last_used();
  row.revoked = message.revoked();
  if (message.has_revoked_by()) row.revokedBy = message.revoked_by();
  row.ended = message.ended();
  row.endedWhy = message.ended_why();
  return row;
}

WhyAnswer fromMessage(const v1::WhyAnswer& message) {
  WhyAnswer why;
  why.decision = fromMessage(message.decision());
  if (message.has_rule()) why.rule = fromMessage(message.rule());
  why.why = message.why();
  why.next.assign(message.next().begin(), message.next().end());
  why.before = message.before();
  if (!message.has_asked()) return why;
  const v1::WhyAsked& asked = message.asked();
  why.asked = {asked.question(), asked.at(), asked.outcome(), {}, asked.chain_note()};
  for (const v1::ProcessLink& link : asked.chain()) why.asked->chain.push_back({link.pid(), link.name()});
  return why;
}

void toMessage(const QuestionAnswer& answer, v1::AnswerRequest& message) {
  message.set_id(answer.id);
  message.set_digest(answer.digest);
  message.set_in_window(answer.surface == Surface::kWindow);
  if (const auto* allow = std::get_if<AllowAnswer>(&answer.verdict)) {
    message.set_verdict(v1::VERDICT_ALLOW);
    message.set_scope(toMessage(allow->scope));
    message.set_duration_sec(static_cast<std::uint64_t>(allow->duration.count()));
  } else if (const auto* deny = std::get_if<DenyAnswer>(&answer.verdict)) {
    message.set_verdict(v1::VERDICT_DENY);
    message.set_say(deny->say);
  } else {
    message.set_verdict(v1::VERDICT_REWRITE);
    fillRewrite(std::get<RewriteAnswer>(answer.verdict), *message.mutable_rewrite());
  }
}

}  // namespace ringfence::client
