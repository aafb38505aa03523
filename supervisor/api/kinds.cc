#include "sdk/base/compiled_once_definitions.h"
#include "supervisor/api/answer.h"
#include "supervisor/api/request.h"

template struct ringfence::CompiledOnce<ringfence::supervisor::api::Answer::Kinds>;
template struct ringfence::CompiledOnce<ringfence::supervisor::api::Request::Kinds>;
