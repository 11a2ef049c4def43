// The one error type below CAF. Errors are values: a function that can fail returns result<T>.
//
// A code exists where a caller reacts differently; its comment names the reaction. The context
// names what failed and what to do, ready to be shown to an operator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

enum class errc : uint8_t {
  malformed,       // input broke its grammar: report, close or refuse
  limit_exceeded,  // input is well formed but over a bound: report
  unauthorized,    // credentials or permissions do not allow it: report, count
  not_found,       // the named thing is not there
  unavailable,     // a resource of the system is missing (port in use, no file): report, exit or retry
  io_failed,       // reading or writing failed: the owner closes what it owned
};

struct error {
  errc code = errc::malformed;
  std::string context;
};

/// A value or an error. Test it before use; `value()` on an error is a programmer's mistake.
template <class T>
class [[nodiscard]] result {
public:
  result(T value) : value_(std::move(value)) {}
  result(troupe::error e) : error_(std::move(e)) {}

  explicit operator bool() const { return value_.has_value(); }
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  const troupe::error& error() const { return error_; }

private:
  std::optional<T> value_;
  troupe::error error_;
};

template <>
class [[nodiscard]] result<void> {
public:
  result() = default;
  result(troupe::error e) : error_(std::move(e)) {}
  explicit operator bool() const { return !error_; }
  const troupe::error& error() const { return *error_; }

private:
  std::optional<troupe::error> error_;
};

} // namespace troupe
