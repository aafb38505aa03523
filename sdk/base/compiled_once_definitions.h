// For the one file of each variant that compiles it.
#pragma once

#include "sdk/base/compiled_once.h"

namespace ringfence {

template <typename Variant>
CompiledOnce<Variant>::CompiledOnce() = default;
template <typename Variant>
CompiledOnce<Variant>::CompiledOnce(const CompiledOnce& other) = default;
template <typename Variant>
CompiledOnce<Variant>::CompiledOnce(CompiledOnce&& other) noexcept = default;
template <typename Variant>
CompiledOnce<Variant>& CompiledOnce<Variant>::operator=(const CompiledOnce& other) = default;
template <typename Variant>
CompiledOnce<Variant>& CompiledOnce<Variant>::operator=(CompiledOnce&& other) noexcept = default;
template <typename Variant>
CompiledOnce<Variant>::~CompiledOnce() = default;

}  // namespace ringfence
