// What a file says of parts that are not built, as far as it has to fit together: with it a file that the
// NATS server refuses is refused here too (validate_parts.cpp). It goes when the parts are built.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace troupe::config {

inline constexpr int leafnode_port = 7422; // of URLs without one

struct compression_wish {
  std::string mode; // as written, "on" or "off" for a bool; empty: nothing is said
  std::vector<std::chrono::nanoseconds> round_trips;
  bool operator==(const compression_wish&) const = default;
};

struct declared_cluster {
  std::string name;
  int64_t port = 0; // 0: none
  int64_t pool_size = 0;
  std::vector<std::string> accounts;
  compression_wish compression;
  bool operator==(const declared_cluster&) const = default;
};

struct declared_remote {
  std::string name;               // of a gateway
  std::vector<std::string> urls;
  // Of a leaf node's remote.
  std::string account;
  compression_wish compression;
  std::string shown;  // what tells it from others, without secrets
  std::vector<std::string> deny_imports, deny_exports;
  bool operator==(const declared_remote&) const = default;
};

struct declared_gateway {
  std::string name;
  int64_t port = 0;
  std::vector<declared_remote> gateways;
  bool operator==(const declared_gateway&) const = default;
};

struct declared_leafnodes {
  int64_t port = 0;
  std::string account;                    // of authorization
  std::vector<std::string> user_accounts; // of its users, one each; empty: none named
  std::vector<declared_remote> remotes;
  compression_wish compression;
  bool operator==(const declared_leafnodes&) const = default;
};

struct declared_mqtt {
  int64_t port = 0;
  std::string no_auth_user, user, token;
  std::chrono::nanoseconds ack_wait{}, js_api_timeout{};
  bool operator==(const declared_mqtt&) const = default;
};

struct declared_jetstream {
  std::string domain, extension_hint;
  bool negative_catchup = false;
  std::set<std::string> accounts; // that have it
  bool operator==(const declared_jetstream&) const = default;
};

struct declared_parts {
  declared_cluster cluster;
  declared_gateway gateway;
  declared_leafnodes leafnodes;
  declared_mqtt mqtt;
  declared_jetstream jetstream;
  bool operator==(const declared_parts&) const = default;
};

} // namespace troupe::config
