// A variant of many kinds that is copied, moved and destroyed by calls. A std::variant has the code for all of its
// kinds made anew in every file that does so; with fifty kinds that takes a quarter of the compiler's time.
//
//   message.h:   using Message = CompiledOnce<std::variant<Hello, Goodbye>>;
//   message.cc:  #include "sdk/base/compiled_once_definitions.h"
//                template struct ringfence::CompiledOnce<std::variant<Hello, Goodbye>>;
//
// It is used as the variant is (std::visit, std::get_if, index); where a template wants that itself: Message::Kinds.
// All kinds must be copyable.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <variant>

namespace ringfence {

template <typename Variant>
struct CompiledOnce : Variant {
  using Kinds = Variant;
  using Variant::operator=;

  CompiledOnce();
  CompiledOnce(const CompiledOnce& other);
  CompiledOnce(CompiledOnce&& other) noexcept;
  template <typename Kind>
  requires(!std::derived_from<std::remove_cvref_t<Kind>, CompiledOnce> && std::constructible_from<Variant, Kind>)
      CompiledOnce(Kind&& kind)
      : Variant(std::forward<Kind>(kind)) {}
  CompiledOnce& operator=(const CompiledOnce& other);
  CompiledOnce& operator=(CompiledOnce&& other) noexcept;
  ~CompiledOnce();
};

}  // namespace ringfence
