// The default table for a run with a warden: the calls that a policy can turn are notified instead of allowed; what the
// default table refuses stays refused. Never notified are close, fork, clone, wait, read, write, futex and connect: a
// notified call can be interrupted before it has run.
#pragma once

#include "policy/document.h"
#include "sandbox/plan/seccomp_table.h"

namespace ringfence::sandbox {

enum class OpensNotified { kForChanges, kAll };
enum class AttributesNotified { kByPath, kByDescriptorToo };
enum class ExecsNotified { kNone, kAll };

struct Mediation {
  // kForChanges: by the flags in the register. openat2 has its flags in memory and is always notified. kAll: but what
  // is opened with O_PATH, through which nothing is read or changed; to open that for more is notified.
  OpensNotified opens = OpensNotified::kForChanges;
  // kByDescriptorToo: what may be read without asking can be opened, and its mode, owner and attributes changed through
  // that descriptor; what only an ioctl changes so is refused.
  AttributesNotified attributes = AttributesNotified::kByPath;
  ExecsNotified execs = ExecsNotified::kNone;
  bool operator==(const Mediation&) const = default;
};

Mediation mediationOf(const policy::Document& document);

// Whether a table lets nobody open anything for what is in it without being heard of.
bool notifiesEachOpen(const SeccompTable& table);

// Made once for each kind of mediation: equal ones share it.
const SharedSeccompTable& mediatedSeccompTable(const Mediation& mediation);

}  // namespace ringfence::sandbox
