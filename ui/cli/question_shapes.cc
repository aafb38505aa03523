#include "ui/cli/question_shapes.h"

#include <algorithm>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

std::string_view reversibilityName(client::Reversibility reversible) {
  switch (reversible) {
    case client::Reversibility::kUndoable: return "undoable";
    case client::Reversibility::kIrreversible: return "irreversible";
    case client::Reversibility::kLeavesDevice: return "leaves-device";
    case client::Reversibility::kUnknown: break;
  }
  return "unknown";
}

void wordFields(JsonWriter& json, const std::string& name, const std::vector<std::string>& words) {
  json.key(name).beginArray();
  for (const std::string& word : words) json.value(needsEscaping(word) ? escapeForDisplay(word) : word);
  json.endArray();
  if (std::none_of(words.begin(), words.end(), [](const std::string& word) { return needsEscaping(word); })) return;
  json.key(name + "_raw").beginArray();
  for (const std::string& word : words) json.value(encodeBase64(word));
  json.endArray();
}

void actionFields(JsonWriter& json, const client::PendingAction& action) {
  json.beginObject().field("op", operationName(action.operation)).untrustedField("target", action.target);
  if (!action.second.empty()) json.untrustedField("second", action.second);
  if (!action.argv.empty()) wordFields(json, "argv", action.argv);
  if (!action.cwd.empty()) json.untrustedField("cwd", action.cwd);
  if (!action.what.empty()) json.untrustedField("what", action.what);
  json.endObject();
}

void ruleField(JsonWriter& json, const std::optional<client::RuleText>& rule) {
  json.key("rule");
  if (!rule) {
    json.null();
    return;
  }
  json.beginObject().untrustedField("file", rule->file).field("line", rule->line).untrustedField("text", rule->text);
  json.endObject();
}

void chainFields(JsonWriter& json, const std::vector<client::ProcessLink>& chain, const std::string& note) {
  json.key("chain").beginArray();
  for (const client::ProcessLink& link : chain) {
    json.beginObject().field("pid", link.pid).untrustedField("name", link.name).endObject();
  }
  json.endArray();
  json.untrustedFieldOrNull("chain_note", note);
}

}  // namespace

std::string_view operationName(client::Operation operation) {
  switch (operation) {
    case client::Operation::kRead: return "read";
    case client::Operation::kWrite: return "write";
    case client::Operation::kExec: return "exec";
    case client::Operation::kConnect: return "connect";
    case client::Operation::kCall: return "call";
    case client::Operation::kUnknown: break;
  }
  return "unknown";
}

std::string_view scopeName(client::Scope scope) {
  switch (scope) {
    case client::Scope::kOnce: return "once";
    case client::Scope::kRun: return "run";
    case client::Scope::kProject: return "project";
    case client::Scope::kAlways: return "always";
    case client::Scope::kUnknown: break;
  }
  return "unknown";
}

std::string_view decisionName(client::Decision decision) {
  switch (decision) {
    case client::Decision::kAllow: return "allow";
    case client::Decision::kAsk: return "ask";
    case client::Decision::kForbid: return "forbid";
    case client::Decision::kRewrite: return "rewrite";
    case client::Decision::kUnknown: break;
  }
  return "unknown";
}

std::string_view settlementName(client::Settlement settlement) {
  switch (settlement) {
    case client::Settlement::kAllowed: return "allowed";
    case client::Settlement::kDenied: return "denied";
    case client::Settlement::kRewritten: return "rewritten";
    case client::Settlement::kExpired: return "expired";
    case client::Settlement::kStopped: return "stopped";
    case client::Settlement::kWithdrawn: return "withdrawn";
    case client::Settlement::kUnknown: break;
  }
  return "unknown";
}

std::string pendingJson(const client::PendingItem& item) {
  JsonWriter json;
  json.beginObject().field("id", item.id).field("run", item.run).untrustedField("name", item.runName);
  json.key("action");
  actionFields(json, item.action);
  chainFields(json, item.chain, item.chainNote);
  ruleField(json, item.rule);
  json.untrustedFieldOrNull("why", item.why);
  json.field("digest", item.digest).field("asked", item.asked).field("deadline", item.deadline);
  json.field("reversible", reversibilityName(item.reversible)).field("batch", item.batch).key("batched").beginArray();
  for (const client::PendingAction& action : item.batched) actionFields(json, action);
  json.endArray().field("coalesced", item.coalesced).key("offers").beginArray();
  for (const client::ScopeOffer& offer : item.offers) {
    json.beginObject().field("scope", scopeName(offer.scope)).untrustedField("policy_text", offer.policyText);
    json.endObject();
  }
  json.endArray();
  json.untrustedFieldOrNull("only_once", item.onlyOnce);
  json.untrustedFieldOrNull("not_in_window", item.notInWindow);
  json.endObject();
  return std::move(json).take();
}

std::string goneJson(const client::PendingGone& gone) {
  JsonWriter json;
  json.beginObject().field("id", gone.id).field("run", gone.run).field("outcome", settlementName(gone.settlement));
  json.endObject();
  return std::move(json).take();
}

std::string pendingEventJson(const client::PendingEvent& event) {
  if (const auto* item = std::get_if<client::PendingItem>(&event)) return pendingJson(*item);
  return goneJson(std::get<client::PendingGone>(event));
}

std::string grantJson(const client::GrantRow& grant) {
  JsonWriter json;
  json.beginObject().field("id", grant.id).field("scope", scopeName(grant.scope));
  json.untrustedFieldOrNull("run", grant.run);
  json.untrustedFieldOrNull("workspace", grant.workspace);
  json.field("op", operationName(grant.operation)).untrustedField("target", grant.target);
  if (!grant.argv.empty()) wordFields(json, "argv", grant.argv);
  json.untrustedFieldOrNull("until", grant.until);
  json.untrustedFieldOrNull("policy_text", grant.policyText);
  json.untrustedFieldOrNull("issued", grant.issued);
  json.field("by", grant.byUid).field("hits", grant.hits);
  json.untrustedFieldOrNull("last_used", grant.lastUsed);
  json.untrustedFieldOrNull("revoked", grant.revoked);
  json.key("revoked_by");
  if (grant.revokedBy)
    json.value(*grant.revokedBy);
  else
    json.null();
  json.untrustedFieldOrNull("ended", grant.ended);
  json.untrustedFieldOrNull("ended_why", grant.endedWhy);
  json.endObject();
  return std::move(json).take();
}

std::string whyJson(const client::PendingAction& action, const client::WhyAnswer& why) {
  JsonWriter json;
  json.beginObject().key("action");
  actionFields(json, action);
  json.field("decision", decisionName(why.decision));
  ruleField(json, why.rule);
  json.untrustedFieldOrNull("why", why.why);
  wordFields(json, "next", why.next);
  json.untrustedFieldOrNull("before", why.before);
  json.key("asked");
  if (why.asked) {
    json.beginObject().field("question", why.asked->question);
    json.untrustedFieldOrNull("at", why.asked->at);
    json.untrustedFieldOrNull("outcome", why.asked->outcome);
    chainFields(json, why.asked->chain, why.asked->chainNote);
    json.endObject();
  } else {
    json.null();
  }
  json.endObject();
  return std::move(json).take();
}

}  // namespace ringfence::cli
