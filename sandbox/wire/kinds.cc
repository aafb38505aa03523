#include "sandbox/wire/guard.h"
#include "sandbox/wire/messages.h"
#include "sdk/base/compiled_once_definitions.h"

template struct ringfence::CompiledOnce<ringfence::sandbox::LauncherRequest::Kinds>;
template struct ringfence::CompiledOnce<ringfence::sandbox::LauncherEvent::Kinds>;
template struct ringfence::CompiledOnce<ringfence::sandbox::GuardEvent::Kinds>;
template struct ringfence::CompiledOnce<ringfence::sandbox::GuardOrder::Kinds>;
