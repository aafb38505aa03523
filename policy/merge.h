// Settings of many files -> one Document, under the rules between layers. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/document.h"
#include "policy/resolve.h"

namespace ringfence::policy {

enum class ProjectTrust { kUntrusted, kTrusted };

struct Merged {
  Document document;
  std::vector<Diagnostic> errors;
  std::vector<Diagnostic> warnings;
  std::map<std::string, Origin> locked;
};

Merged merge(const std::vector<Step>& steps, const std::string& name, const Library& library, ProjectTrust trust);

// Why an untrusted project may not make this setting on top of `document`; empty when it may. (tighten.cc)
std::vector<Diagnostic> refuseWidening(const Document& document, const Setting& setting);

}  // namespace ringfence::policy
