// What a step of performing a call came to: a value, or the errno that the caller gets.
//
//   OrErrno<UniqueFd> fd = caller.base(AT_FDCWD);
//   if (!fd) return fd.error();
#pragma once

#include <utility>
#include <variant>

namespace ringfence::sandbox {

struct Errno {
  int value = 0;
};

template <typename T>
class [[nodiscard]] OrErrno {
 public:
  OrErrno(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  OrErrno(Errno error) : state_(std::in_place_index<1>, error) {}         // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }
  Errno error() const { return std::get<1>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

 private:
  std::variant<T, Errno> state_;
};

}  // namespace ringfence::sandbox

// Yields the value, or returns the errno from the enclosing function. One a statement, as RF_TRY.
#define RF_OR_ERRNO(expression)               \
  ({                                          \
    auto rfOrErrno = (expression);            \
    if (!rfOrErrno) return rfOrErrno.error(); \
    *std::move(rfOrErrno);                    \
  })
