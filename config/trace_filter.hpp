// Which connections are traced although the node as a whole is not: the option trace_connections.
//
// Pure. A list of selectors, any of which suffices: "cid:7, account:A, user:app, name:svc,
// ip:10.0.0.7". Asked when a connection opens, when its client has said who it is and at a reload,
// never for a message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.hpp"

namespace troupe::config {

/// What is known of a connection; empty where nothing is known yet.
struct traced_identity {
  uint64_t cid = 0;
  std::string_view ip = {}, account = {}, user = {}, name = {};
};

class trace_filter {
public:
  /// `malformed` names the selector that is none.
  static result<trace_filter> parse(std::string_view text);

  bool empty() const { return selectors_.empty(); }
  bool matches(const traced_identity& who) const;

private:
  struct selector {
    std::string kind, value;
  };
  std::vector<selector> selectors_;
};

} // namespace troupe::config
