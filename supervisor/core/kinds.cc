#include "sdk/base/compiled_once_definitions.h"
#include "supervisor/core/command.h"
#include "supervisor/core/effect.h"
#include "supervisor/core/fact.h"

template struct ringfence::CompiledOnce<ringfence::supervisor::FactBody::Kinds>;
template struct ringfence::CompiledOnce<ringfence::supervisor::Command::Kinds>;
template struct ringfence::CompiledOnce<ringfence::supervisor::EffectBody::Kinds>;
