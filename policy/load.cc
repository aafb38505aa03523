#include "policy/load.h"

#include <algorithm>

#include "policy/merge.h"
#include "policy/resolve.h"

namespace ringfence::policy {
namespace {

bool isPartOf(const std::vector<Step>& steps, const PolicyFile& file) {
  return std::ranges::any_of(steps, [&](const Step& step) { return step.file == &file; });
}

// A file that does not load but is not needed either is worth a word.
void warnOfBrokenFiles(const Library& library, const std::vector<Step>& steps, std::vector<Diagnostic>& warnings) {
  for (const Layer layer : {Layer::kShipped, Layer::kSystem, Layer::kUser}) {
    for (const auto& [name, file] : library.files(layer)) {
      if (file.errors.empty() || isPartOf(steps, file)) continue;
      Diagnostic warning = file.errors.front();
      warning.severity = Severity::kWarning;
      warnings.push_back(std::move(warning));
    }
  }
}

}  // namespace

std::variant<Loaded, std::vector<Diagnostic>> load(const Sources& sources, const std::string& name,
                                                   const DecodeOptions& options) {
  const Library library(sources, options);
  const std::string selected = library.selectedFile().value_or(name);
  Resolution resolution = resolve(library, selected, sources.projectTrusted);
  if (!resolution.errors.empty()) return std::move(resolution.errors);
  Merged merged = merge(resolution.steps, selected, library,
                        sources.projectTrusted ? ProjectTrust::kTrusted : ProjectTrust::kUntrusted);
  if (!merged.errors.empty()) return std::move(merged.errors);
  warnOfBrokenFiles(library, resolution.steps, merged.warnings);
  return Loaded{.document = std::move(merged.document), .warnings = std::move(merged.warnings)};
}

std::vector<Available> available(const Sources& sources) {
  const Library library(sources, {});
  std::vector<Available> result;
  for (const std::string_view view : library.namesUpTo(Layer::kUser)) {
    const std::string name(view);
    for (const Layer layer : {Layer::kUser, Layer::kSystem, Layer::kShipped}) {
      const PolicyFile* file = library.find(layer, name);
      if (file == nullptr) continue;
      const bool broken = !file->errors.empty();
      result.push_back({.name = name,
                        .file = file->file,
                        .summary = broken ? file->errors.front().message : file->summary,
                        .broken = broken});
      break;
    }
  }
  return result;
}

std::vector<Diagnostic> check(const SourceText& source, const DecodeOptions& options) {
  return decodeFile(source, options).errors;
}

}  // namespace ringfence::policy
