// The value tree a configuration file parses into, each value with the place it came from.
//
// Trees are immutable once parsed. A variable shares the data of the value it names, so a tree is a
// directed acyclic graph; `weight` counts what a full walk would visit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace troupe::config {

/// A place in a file. Lines count from 1; columns as the NATS server counts them: from 1, but from
/// 0 on the first line.
struct position {
  std::shared_ptr<const std::string> file; // null: text without a file
  int line = 0;
  int column = 0;

  /// "file:line:column".
  std::string to_string() const;
};

/// Something to tell the operator about a place in a file.
struct diagnostic {
  position at;
  std::string text;
  bool has_position = true;

  /// "file:line:column: text", or just the text.
  std::string to_string() const;
};

/// ISO8601 in Zulu form, kept as written: "2016-05-04T18:53:41Z".
struct datetime {
  std::string text;
  bool operator==(const datetime&) const = default;
};

struct value;
using array = std::vector<value>;
using map = std::map<std::string, value>;
using datum = std::variant<std::string, bool, int64_t, double, datetime, array, map>;

struct value {
  position at;                   // of the key that holds it, else of the value itself
  bool used_as_variable = false; // some `$name` refers to it, so an unknown name is fine
  uint64_t weight = 1;           // values in the whole subtree, shared ones counted each time
  std::shared_ptr<const datum> data;

  template <class T>
  const T* get() const {
    return data ? std::get_if<T>(data.get()) : nullptr;
  }
};

/// The value's type as the NATS server names it in messages: "string", "int64", ...
const char* type_name(const value& v);

/// The value as Go prints it with %v, for messages: text as is, lists as "[a b]".
std::string show(const value& v);

} // namespace troupe::config
