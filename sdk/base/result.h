// Result<T>: a value or an Error, with std::expected's member names so that it can be swapped for it later.
//
//   Result<UniqueFd> openPolicy(const std::string& path);
//   auto fd = RF_TRY(openPolicy(path));            // one RF_TRY per statement; returns the error to our caller
//   RF_TRY(writeAll(fd.get(), text));              // Result<void>
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "sdk/base/error.h"

namespace ringfence {

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = Error;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    RF_CHECK(has_value());
    return std::get<0>(state_);
  }
  const T& value() const& {
    RF_CHECK(has_value());
    return std::get<0>(state_);
  }
  T&& value() && {
    RF_CHECK(has_value());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & {
    RF_CHECK(!has_value());
    return std::get<1>(state_);
  }
  const Error& error() const& {
    RF_CHECK(!has_value());
    return std::get<1>(state_);
  }
  Error&& error() && {
    RF_CHECK(!has_value());
    return std::get<1>(std::move(state_));
  }

  template <typename U>
  T value_or(U&& fallback) && {
    return has_value() ? std::get<0>(std::move(state_)) : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const { RF_CHECK(has_value()); }

  Error& error() & {
    RF_CHECK(!has_value());
    return *error_;
  }
  const Error& error() const& {
    RF_CHECK(!has_value());
    return *error_;
  }
  Error&& error() && {
    RF_CHECK(!has_value());
    return *std::move(error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace ringfence

// Yields the value, or returns the error from the enclosing function. A statement expression: gcc 12 forgets to destroy
// other temporaries of the same full expression on the error path, so a statement holds one RF_TRY and nothing that
// owns.
#define RF_TRY(expression)                                   \
  ({                                                         \
    auto rfTryResult = (expression);                         \
    if (!rfTryResult) return std::move(rfTryResult).error(); \
    std::move(rfTryResult).value();                          \
  })
