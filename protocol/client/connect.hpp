// The two JSON documents of the client protocol: CONNECT as read, INFO as written.
//
// Pure. CONNECT is read as Go's encoding/json reads it into a struct: on top of what is there, so
// that fields which the document lacks keep their value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.hpp"

namespace troupe {

/// Allowed and denied subjects, as servers exchange them (`import`, `export`).
struct subject_permission {
  std::vector<std::string> allow;
  std::vector<std::string> deny;

  bool operator==(const subject_permission&) const = default;
};

/// What a peer told about itself. A fresh one holds what is assumed before any CONNECT arrives;
/// a second CONNECT is read on top of the first.
struct connect_options {
  bool echo = true;
  bool verbose = true;
  bool pedantic = true;
  bool tls_required = false;
  std::string nkey;
  std::string jwt;
  std::string sig;
  std::string auth_token;
  std::string user;
  std::string pass;
  std::string name;
  std::string lang;
  std::string version;
  int64_t protocol = 0;
  std::string account; // an error if set, as is new_account
  bool new_account = false;
  bool headers = false;
  bool no_responders = false;
  std::optional<subject_permission> import_subjects; // routes and leaf nodes: "import"
  std::optional<subject_permission> export_subjects; // routes and leaf nodes: "export"
  std::string remote_account;
  std::string proxy_sig;

  bool operator==(const connect_options&) const = default;
};

/// Reads CONNECT's argument on top of `base`. Field names match without regard to case, unknown
/// ones are skipped, null leaves a value alone, the last of equal names wins. `malformed`: no JSON
/// object (null counts as an empty one), or a field of the wrong type.
result<connect_options> parse_connect(std::string_view json, connect_options base = {});

/// CONNECT's argument for these options, with the Go client struct's field order and omissions.
std::string encode_connect(const connect_options& options);

/// What INFO tells. Members stand in the order in which they are written; those marked ? are left
/// out when empty, zero or false.
struct server_info {
  std::string server_id;
  std::string server_name;
  std::string version;
  int32_t proto = 1;
  std::string git_commit; // ?
  std::string go;         // the runtime; clients show it and some want it there
  std::string host;
  uint16_t port = 0;
  bool headers = true;
  bool auth_required = false;               // ?
  bool tls_required = false;                // ?
  bool tls_verify = false;                  // ?
  bool tls_available = false;               // ?
  int32_t max_payload = 0;                  // bytes
  bool jetstream = false;                   // ?
  std::string ip;                           // ?
  uint64_t client_id = 0;                   // ?
  std::string client_ip;                    // ?
  std::string nonce;                        // ?
  std::string cluster;                      // ?
  bool cluster_dynamic = false;             // ?
  std::string domain;                       // ?
  std::vector<std::string> connect_urls;    // ?
  std::vector<std::string> ws_connect_urls; // ?
  bool lame_duck = false;                   // ? "ldm"
  std::string compression;                  // ?
  bool connect_info = false;                // ? this INFO answers a CONNECT
  std::string remote_account;               // ?
  bool account_is_system = false;           // ? "acc_is_sys"
  int32_t api_level = 0;                    // ? "api_lvl"
  std::string xkey;                         // ?
};

/// The JSON document alone.
std::string encode_info_json(const server_info& info);

/// `INFO <json> CRLF`, ready to be sent (see append_info_line about the blank).
std::string encode_info(const server_info& info);

} // namespace troupe
