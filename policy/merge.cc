#include "policy/merge.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

// In all lists of all files that one policy is made of: each entry is compared with every other.
constexpr std::size_t kMaxEntries = 2048;

std::size_t lengthOf(const Decoded& value) {
  return std::visit(
      [](const auto& one) -> std::size_t {
        if constexpr (
            requires { one.begin()->place; } || requires { one.begin()->origin; })
          return one.size();
        return 0;
      },
      value);
}

constexpr const char* kLimitKeys[] = {"limits.cpu",
                                      "limits.memory",
                                      "limits.pids",
                                      "limits.io_write",
                                      "limits.npu",
                                      "limits.gpu",
                                      "limits.wall_time",
                                      "limits.tokens",
                                      "limits.cost",
                                      "limits.tokens_per_day",
                                      "limits.prompts",
                                      "limits.cost_per_day",
                                      "limits.prompts_per_day",
                                      "limits.warn_at",
                                      "limits.wall_time_per_day",
                                      "network.send_limit"};

std::string where(const Origin& origin) { return escapeForDisplay(origin.file) + ":" + std::to_string(origin.line); }

class Merge {
 public:
  Merge(const Library& library, const std::string& name, ProjectTrust trust) : library_(library), trust_(trust) {
    out_.document.name = name;
  }

  Merged run(const std::vector<Step>& steps) {
    collectLocks(steps);
    for (const Step& step : steps) {
      switch (step.kind) {
        case Step::Kind::kApply: apply(step); break;
        case Step::Kind::kRemember: remember(); break;
        case Step::Kind::kStricter: keepStricter(step); break;
      }
    }
    return std::move(out_);
  }

 private:
  // Locks count wherever in the order their file stands, so that nothing gets in before them. The system's base locks
  // even where it is not extended; then only what it locks is taken from it, first of all.
  void collectLocks(const std::vector<Step>& steps) {
    const PolicyFile* base = library_.find(Layer::kSystem, "base");
    bool baseApplied = false;
    for (const Step& step : steps) {
      if (step.kind != Step::Kind::kApply) continue;
      baseApplied = baseApplied || step.file == base;
      if (step.layer == Layer::kSystem) {
        addLocks(*step.file);
      } else {
        for (const TextItem& item : step.file->lock) complain(item.place, "only the system's policies can lock keys");
      }
    }
    if (base == nullptr || baseApplied) return;
    // A base that does not load could have locked anything.
    out_.errors.insert(out_.errors.end(), base->errors.begin(), base->errors.end());
    addLocks(*base);
    settle(*base);
    for (const Setting& setting : base->settings) {
      if (out_.locked.contains(std::string(setting.key->name))) set(setting);
    }
  }

  void addLocks(const PolicyFile& file) {
    for (const TextItem& item : file.lock) out_.locked.emplace(findKey(item.text)->name, item.place.origin);
  }

  void settle(const PolicyFile& file) {
    for (const TextItem& item : file.lock) settled_.insert(findKey(item.text)->name);
  }

  void apply(const Step& step) {
    if (step.layer == Layer::kSystem) settle(*step.file);
    if (step.layer == Layer::kProject && trust_ == ProjectTrust::kUntrusted) {
      for (const TextItem& item : step.file->extends) {
        complain(item.place, "project policy may only tighten: it may not extend " + quoteName(item.text),
                 "its owner can trust the file: ringfence policy trust");
      }
    }
    for (const Setting& setting : step.file->settings) {
      if (!permittedByLocks(step.layer, setting) || !permittedToWrite(step.layer, setting)) continue;
      if (step.layer == Layer::kProject && trust_ == ProjectTrust::kUntrusted) {
        std::vector<Diagnostic> refused = refuseWidening(out_.document, setting);
        if (!refused.empty()) {
          out_.errors.insert(out_.errors.end(), refused.begin(), refused.end());
          continue;
        }
      }
      set(setting);
    }
  }

  bool permittedByLocks(Layer layer, const Setting& setting) {
    const auto lock = out_.locked.find(std::string(setting.key->name));
    if (lock == out_.locked.end() || layer == Layer::kSystem) return true;
    const std::string key = "`" + std::string(setting.key->name) + "`";
    if (layer == Layer::kShipped) {
      // What the locking file builds on came before it; the rest does not count.
      if (!settled_.contains(setting.key->name)) return true;
      warn(setting.place, key + " has no effect here: the system locks it", "locked at " + where(lock->second));
      return false;
    }
    complain(setting.place, key + " cannot be set here: the system locks it", "locked at " + where(lock->second));
    return false;
  }

  bool permittedToWrite(Layer layer, const Setting& setting) {
    if (setting.key->writers == Writers::kAnyone || layer == Layer::kSystem || layer == Layer::kUser) return true;
    complain(setting.place,
             "`" + std::string(setting.key->name) + "` counts only in files of the system and of the user",
             "a project or a shipped policy does not answer questions for a person");
    return false;
  }

  void set(const Setting& setting) {
    const std::size_t length = lengthOf(setting.value);
    if (length > kMaxEntries - entries_) {
      entries_ = kMaxEntries;
      if (!std::exchange(isTooLong_, true)) {
        complain(setting.place, "a policy with all that it extends has at most 2048 entries in its lists",
                 "name directories and patterns instead of single files");
      }
      return;
    }
    entries_ += length;
    setting.key->apply(out_.document, setting.value);
    out_.document.origins.insert_or_assign(std::string(setting.key->name), setting.place.origin);
  }

  // The limits alone: a document has thousands of entries, and layers may be many.
  void remember() {
    Document limits;
    limits.limits = out_.document.limits;
    limits.network.sendLimit = out_.document.network.sendLimit;
    for (const char* name : kLimitKeys) {
      const auto origin = out_.document.origins.find(name);
      if (origin != out_.document.origins.end()) limits.origins.insert(*origin);
    }
    remembered_.push_back(std::move(limits));
  }

  void keepStricter(const Step& step) {
    const Document before = std::move(remembered_.back());
    remembered_.pop_back();
    for (const char* name : kLimitKeys) {
      const Key* key = findKey(name);
      const Decoded old = key->read(before);
      const Decoded now = key->read(out_.document);
      const auto* oldNumber = std::get_if<std::uint64_t>(&old);
      const auto* newNumber = std::get_if<std::uint64_t>(&now);
      if (oldNumber == nullptr || newNumber == nullptr || *newNumber <= *oldNumber) continue;
      const Origin origin = before.origins.at(name);
      const auto setting = std::ranges::find(step.file->settings, key, &Setting::key);
      if (setting != step.file->settings.end()) {
        warn(setting->place, "`" + std::string(name) + "` keeps its stricter value", "set at " + where(origin));
      }
      key->apply(out_.document, old);
      out_.document.origins.insert_or_assign(name, origin);
    }
  }

  void complain(const Place& place, std::string message, std::string help = {}) {
    out_.errors.push_back(errorAt(place, std::move(message), std::move(help)));
  }
  void warn(const Place& place, std::string message, std::string help) {
    Diagnostic diagnostic = errorAt(place, std::move(message), std::move(help));
    diagnostic.severity = Severity::kWarning;
    out_.warnings.push_back(std::move(diagnostic));
  }

  const Library& library_;
  ProjectTrust trust_;
  Merged out_;
  std::size_t entries_ = 0;
  bool isTooLong_ = false;
  std::set<std::string_view> settled_;  // locked keys whose locking file has been applied
  std::vector<Document> remembered_;    // limits and their origins
};

}  // namespace

Merged merge(const std::vector<Step>& steps, const std::string& name, const Library& library, ProjectTrust trust) {
  return Merge(library, name, trust).run(steps);
}

}  // namespace ringfence::policy
