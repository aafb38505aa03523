#include "policy/words.h"

namespace ringfence::policy {

const char* wordOf(WallStrength strength) {
  switch (strength) {
    case WallStrength::kRequired: return "required";
    case WallStrength::kBestEffort: return "best-effort";
    case WallStrength::kOff: return "off";
  }
  return "unknown";
}

const char* wordOf(PriorityClass priority) {
  switch (priority) {
    case PriorityClass::kInteractive: return "interactive";
    case PriorityClass::kBackground: return "background";
    case PriorityClass::kIdle: return "idle";
  }
  return "unknown";
}

const char* wordOf(Decision decision) {
  switch (decision) {
    case Decision::kAllow: return "allow";
    case Decision::kAsk: return "ask";
    case Decision::kForbid: return "forbid";
    case Decision::kRewrite: return "rewrite";
  }
  return "unknown";
}

const char* wordOf(Operation operation) {
  switch (operation) {
    case Operation::kRead: return "read";
    case Operation::kWrite: return "write";
    case Operation::kExec: return "exec";
    case Operation::kConnect: return "connect";
    case Operation::kCall: return "call";
  }
  return "unknown";
}

const char* wordOf(OnLimit onLimit) {
  switch (onLimit) {
    case OnLimit::kPause: return "pause";
    case OnLimit::kDeny: return "deny";
    case OnLimit::kKill: return "kill";
  }
  return "unknown";
}

}  // namespace ringfence::policy
