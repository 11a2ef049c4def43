// The request line of a monitoring request: path, parameters, and their values as Go reads them.
//
// Pure. An error's context is the text the NATS server answers with (status 400).
#pragma once

#include "protocol/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::http {

class query {
public:
  query() = default;
  /// Parses what follows the '?'. Pairs that are not well formed are dropped, as Go does.
  explicit query(std::string_view text);

  /// The first value of a parameter, empty when there is none.
  const std::string& get(std::string_view name) const;

  result<bool> get_bool(std::string_view name) const;
  result<uint64_t> get_uint64(std::string_view name) const;
  result<int64_t> get_int(std::string_view name) const;

private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

struct request_target {
  std::string path; // decoded
  query params;
};

/// Splits "/connz?limit=1". Fails on a path that is not well formed.
result<request_target> parse_target(std::string_view target);

} // namespace troupe::http
