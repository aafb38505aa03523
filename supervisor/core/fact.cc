#include "supervisor/core/fact.h"

namespace ringfence::supervisor {

FactBody::FactBody() = default;
FactBody::FactBody(const FactBody& other) = default;
FactBody::FactBody(FactBody&& other) noexcept = default;
FactBody& FactBody::operator=(const FactBody& other) = default;
FactBody& FactBody::operator=(FactBody&& other) noexcept = default;
FactBody::~FactBody() = default;
bool FactBody::operator==(const FactBody& other) const {
  return static_cast<const FactKinds&>(*this) == static_cast<const FactKinds&>(other);
}

}  // namespace ringfence::supervisor
