// What Codex asks leave for by its app-server, in the words of `guard`, and how each such request wants to be answered.
// Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/agent/agent.h"
#include "sdk/base/result.h"

namespace ringfence::rpc {

enum class ApprovalKind {
  kCommand,      // item/commandExecution/requestApproval
  kFileChange,   // item/fileChange/requestApproval
  kPermissions,  // item/permissions/requestApproval
  kOldCommand,   // execCommandApproval, of older versions
  kOldPatch,     // applyPatchApproval, of older versions
};
// Nothing: it is no request for leave.
std::optional<ApprovalKind> approvalKind(std::string_view method);

struct Approval {
  ApprovalKind kind = ApprovalKind::kCommand;
  std::string thread, turn, item;    // as Codex names them; empty: it does not
  std::vector<AgentAction> actions;  // never empty; allowed when each of them is
  bool isForPerson = false;          // only a person's yes counts, of whoever drives Codex
  nlohmann::json permissions;        // of kPermissions, what is asked for
};
// Of the parameters of such a request. `files`: those that its item was announced to change; Codex says them there and
// not in the request. `cwd`: what relative paths are relative to. Fails with kInvalid.
Result<Approval> approvalAsked(ApprovalKind kind, const nlohmann::json& params, const std::vector<std::string>& files,
                               const std::string& cwd);
// Of the `changes` of an item: the paths, and those that files are moved to, each once.
std::vector<std::string> changedFiles(const nlohmann::json& changes);

// Yes, for once.
nlohmann::json acceptanceOf(const Approval& approval);
enum class Turn { kGoesOn, kEnds };
// `words` reach the model where the request has a place for them.
nlohmann::json refusalOf(ApprovalKind kind, const std::string& words, Turn turn);

}  // namespace ringfence::rpc
