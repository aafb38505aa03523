#include "policy/evaluate.h"

#include <utility>

#include "policy/rule_book.h"

namespace ringfence::policy {

Verdict evaluate(const Document& document, const Places& places, const Action& action) {
  return RuleBook(document, places).judge(action);
}

struct Judge::Prepared {
  Prepared(Document policy, const Places& places) : document(std::move(policy)), rules(document, places) {}

  const Document document;
  const RuleBook rules;
};

Judge::Judge(Document document, Places places)
    : prepared_(std::make_unique<const Prepared>(std::move(document), places)) {}
Judge::Judge(Judge&&) noexcept = default;
Judge& Judge::operator=(Judge&&) noexcept = default;
Judge::~Judge() = default;

Verdict Judge::judge(const Action& action) const { return prepared_->rules.judge(action); }
Decision Judge::decide(Operation operation, std::string_view path) const {
  return prepared_->rules.decide(operation, path);
}
const Document& Judge::document() const { return prepared_->document; }

}  // namespace ringfence::policy
