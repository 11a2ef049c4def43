// What the pieces of the loader share. Private to config/.
#pragma once

#include "config/load.hpp"
#include "config/option_table.hpp"

namespace troupe::config {

struct load_context {
  server_options& options;
  load_result& out;

  void error(const value& at, std::string text) { out.errors.push_back({at.at, std::move(text)}); }
  /// The text is Go's for a field used in a way that still works.
  void warn(const value& at, std::string_view field, std::string_view reason);
  /// An option that is known but not built: a notice. When it should protect something it is an
  /// error, unless `allow_unsupported` is set.
  void notice(const value& at, const option_row& row);
  void unknown(const value& at, const std::string& key);
  /// "expected int64, got string" in the NATS server's words.
  void wrong_type(const value& at, const char* wanted);

  /// The value as T, or null after an error.
  template <class T>
  const T* expect(const value& v, const char* wanted) {
    auto p = v.get<T>();
    if (!p) wrong_type(v, wanted);
    return p;
  }
  const std::string* text(const value& v) { return expect<std::string>(v, "string"); }
  const bool* boolean(const value& v) { return expect<bool>(v, "bool"); }
  const int64_t* integer(const value& v) { return expect<int64_t>(v, "int64"); }
  const map* block(const value& v) { return expect<map>(v, "map[string]interface {}"); }
};

/// Checks names and types of a block that has no handler of its own.
void check_block(load_context& ctx, const value& v, std::string_view block);

/// The authorization block -> options.authorization.
void load_authorization(load_context& ctx, const value& v);

} // namespace troupe::config
