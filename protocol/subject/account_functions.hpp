// Functions in the subjects of exports, imports and mappings that stand for an account: a hash of its
// name, put in once when what has the subject comes into force.
//
//   {{account-hash()}}          of the account that has the export, import or mapping
//   {{account-hash-import()}}   of the account that an import comes from
//   {{account-hash-leaf-remote()}}  of the account at the other end of a leaf node's connection
//
// Each is a whole token; other functions and all other tokens stay as they are. Names, texts and the
// hash are the Go server's (subject_transform.go, getHash in events.go).
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.hpp"

namespace troupe {

/// Eight characters of [0-9A-Za-z].
std::string account_hash(std::string_view account);

struct account_names {
  std::string_view account;
  std::string_view exporter = {};  // empty: there is none here
  bool remote_later = false;       // that of the other end is not known yet: its function stays
};

/// `subject` may be any text. Errors: `malformed` for a function with arguments, or one that has no
/// meaning here.
result<std::string> fill_account_functions(std::string_view subject, const account_names& names);

} // namespace troupe
