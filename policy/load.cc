#include "policy/load.h"

#include <algorithm>

#include "policy/merge.h"
#include "policy/parse.h"
#include "policy/place.h"
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

// Each is rendered with its source line; a thousand help nobody.
std::vector<Diagnostic> fewOf(std::vector<Diagnostic> errors) {
  constexpr std::size_t kMaxErrors = 64;
  if (errors.size() > kMaxErrors) errors.resize(kMaxErrors);
  return errors;
}

// Of what a person brings along: the system's own texts are its administrator's affair.
std::vector<const SourceText*> broughtAlong(const Sources& sources) {
  std::vector<const SourceText*> texts;
  for (const SourceText& source : sources.user) texts.push_back(&source);
  if (sources.file) texts.push_back(&*sources.file);
  if (sources.project) texts.push_back(&*sources.project);
  return texts;
}

std::optional<Diagnostic> tooMuchTogether(const Sources& sources) {
  const std::vector<const SourceText*> texts = broughtAlong(sources);
  std::size_t bytes = 0;
  for (const SourceText* source : texts) bytes += source->text.size();
  if (bytes > kMaxBytesTogether) {
    return errorIn("",
                   "the policies of a user and a project together have " + std::to_string((bytes + 1023) / 1024) +
                       " KiB, at most " + std::to_string(kMaxBytesTogether / 1024) + " KiB",
                   "remove those that are not needed");
  }
  std::size_t pieces = 0;
  for (const SourceText* source : texts) pieces += countPieces(source->text);
  if (pieces <= kMaxPiecesTogether) return std::nullopt;
  return errorIn("",
                 "the policies of a user and a project together have " + std::to_string(pieces) +
                     " keys and entries, at most " + std::to_string(kMaxPiecesTogether),
                 "name directories and patterns instead of single files");
}

}  // namespace

std::variant<Loaded, std::vector<Diagnostic>> load(const Sources& sources, const std::string& name,
                                                   const DecodeOptions& options) {
  if (auto tooMuch = tooMuchTogether(sources)) return std::vector<Diagnostic>{std::move(*tooMuch)};
  const Library library(sources, options);
  const std::string selected = library.selectedFile().value_or(name);
  Resolution resolution = resolve(library, selected, sources.projectTrusted);
  if (!resolution.errors.empty()) return fewOf(std::move(resolution.errors));
  Merged merged = merge(resolution.steps, selected, library,
                        sources.projectTrusted ? ProjectTrust::kTrusted : ProjectTrust::kUntrusted);
  if (!merged.errors.empty()) return fewOf(std::move(merged.errors));
  warnOfBrokenFiles(library, resolution.steps, merged.warnings);
  return Loaded{.document = std::move(merged.document),
                .warnings = std::move(merged.warnings),
                .locked = std::move(merged.locked)};
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
